import time
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import RunShape, RunsShape
from vai_records.people.people import Role
from vai_testkit.services import MemoryProducer, OtherServices
from vai_testkit.team import Team, make_team

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
NOWHERE = "00000000-0000-7000-8000-000000000000"


async def make(api: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post(RUNS, json=NOOP | fields)
    assert answer.status_code == 201, answer.text
    RunShape.model_validate(answer.json())
    run: dict[str, Any] = answer.json()
    return run


async def decided(api: httpx2.AsyncClient, run: dict[str, Any], verb: str, body: Any = None) -> dict[str, Any]:
    answer = await api.post(f"{RUNS}/{run['id']}/{verb}", json=body)
    assert answer.status_code == (201 if verb == "retry" else 200), answer.text
    RunShape.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def refused(api: httpx2.AsyncClient, run: dict[str, Any], verb: str) -> str:
    answer = await api.post(f"{RUNS}/{run['id']}/{verb}")
    assert answer.status_code == 409, answer.text
    message: str = answer.json()["detail"][0]["msg"]
    return message


async def test_a_run_is_made_and_found(api: httpx2.AsyncClient, team: Team) -> None:
    run = await make(api, concurrencyKey="c", idempotencyKey="i")

    assert (run["status"], run["kind"], run["definition"]) == ("pending", "dlt_extract", {"source": "noop"})
    assert (run["concurrencyKey"], run["idempotencyKey"], run["actionId"]) == ("c", "i", None)
    assert (run["triggerMethod"], run["triggerSourceType"]) == ("api", "api_key")
    assert run["displayStatus"] == "waiting_for_worker"
    assert (await api.get(f"{RUNS}/{run['id']}")).json() == run
    assert (await api.get(f"{RUNS}/{NOWHERE}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"kind": "nothing"}, ["body", "kind"]),
        ({"kind": "file_sync", "definition": {"folder": "in"}}, ["body", "definition", "path"]),
        ({"definition": {}}, ["body", "definition", "source"]),
        ({"definition": {"source": "nothing"}}, ["body", "definition", "source"]),
        ({"definition": {"source": "noop", "kind": "http_request"}}, ["body", "definition", "kind"]),
        ({"definition": {"source": "noop", "timeout_seconds": -1}}, ["body", "definition", "timeout_seconds"]),
        ({"definition": {"source": "noop", "connection": "none"}}, ["body", "definition", "connection"]),
        ({"definition": {"source": "noop", "connection": 7}}, ["body", "definition", "connection"]),
        ({"definition": {"source": "noop", "connection": {}}}, ["body", "definition", "connection"]),
        (
            {"definition": {"source": "noop", "connectionRef": {"provider": "x"}}},
            ["body", "definition", "connectionRef"],
        ),
        ({"connectionRef": {"slug": "none"}}, ["body", "connectionRef"]),
        ({"parentActionRunId": NOWHERE}, ["body", "parentActionRunId"]),
        ({"parentActionRunId": "7"}, ["body", "parentActionRunId"]),
        ({"idempotencyKey": ""}, ["body", "idempotencyKey"]),
        ({"idempotencyKey": "x" * 256}, ["body", "idempotencyKey"]),
        ({"concurrencyKey": 7}, ["body", "concurrencyKey"]),
        ({"actionId": NOWHERE}, ["body", "actionId"]),
    ],
)
async def test_a_bad_run_is_refused_and_the_field_named(
    api: httpx2.AsyncClient, fields: dict[str, Any], loc: list[str]
) -> None:
    answer = await api.post(RUNS, json=NOOP | fields)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == loc


async def test_an_idempotency_key_makes_one_run(api: httpx2.AsyncClient, others: OtherServices) -> None:
    first = await make(api, idempotencyKey="once")
    again = await api.post(RUNS, json=NOOP | {"idempotencyKey": "once"})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])

    other = {"idempotencyKey": "once", "definition": {"source": "sample"}}
    assert (await api.post(RUNS, json=NOOP | other)).status_code == 409
    await others.end(first["id"])
    assert (await api.post(RUNS, json=NOOP | {"idempotencyKey": "once"})).json()["status"] == "completed"
    assert (await api.delete(f"{RUNS}/{first['id']}")).status_code == 204
    assert (await api.post(RUNS, json=NOOP | {"idempotencyKey": "once"})).status_code == 409


async def test_the_same_definition_in_another_order_is_a_repeat(api: httpx2.AsyncClient) -> None:
    first = await make(api, idempotencyKey="k", definition={"source": "sample", "rows": 1})
    again = await api.post(RUNS, json=NOOP | {"idempotencyKey": "k", "definition": {"rows": 1, "source": "sample"}})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


async def test_a_key_belongs_to_its_organisation(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway
) -> None:
    other = await make_team(gateway.engine, "other")
    mine = await make(api, idempotencyKey="k", concurrencyKey="k")
    theirs = await web.post(RUNS, json=NOOP | {"idempotencyKey": "k", "concurrencyKey": "k"}, headers=other.headers())
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine["id"]


async def test_a_concurrency_key_has_one_live_run(api: httpx2.AsyncClient, others: OtherServices) -> None:
    first = await make(api, concurrencyKey="one")
    answer = await api.post(RUNS, json=NOOP | {"concurrencyKey": "one"})
    assert answer.status_code == 409
    assert first["id"] in answer.json()["detail"][0]["msg"]

    await others.end(first["id"])
    await make(api, concurrencyKey="one")


async def test_a_run_names_its_connection_in_any_way(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    body = {"provider": "shopify", "name": "Shop"}
    connection_id = (await api.post("/api/v1/connections", json=body)).json()["id"]
    for reference in (
        connection_id,
        "shop",
        {"id": connection_id},
        {"slug": "shop"},
        {"provider": "shopify"},
    ):
        for fields in (
            {"definition": {"source": "noop", "connection": reference}},
            {"definition": {"source": "noop", "connectionRef": reference}},
            {"connectionRef": reference},
        ):
            run = await make(api, **fields)
            found = await gateway.pool.fetchval("SELECT connection_id FROM runs WHERE id = $1", UUID(run["id"]))
            assert str(found) == connection_id


async def test_a_provider_with_several_connections_lists_them(api: httpx2.AsyncClient) -> None:
    for name in ("one", "two"):
        await api.post("/api/v1/connections", json={"provider": "shopify", "name": name})
    answer = await api.post(RUNS, json=NOOP | {"connectionRef": {"provider": "shopify"}})
    assert answer.status_code == 422
    assert "one, two" in answer.json()["detail"][0]["msg"]


async def test_a_child_knows_its_parent(api: httpx2.AsyncClient) -> None:
    parent = await make(api)
    child = await make(api, parentActionRunId=parent["id"])
    assert child["parentActionRunId"] == parent["id"]
    page = (await api.get(f"{RUNS}?parent_action_run_id={parent['id']}")).json()
    assert [run["id"] for run in page["runs"]] == [child["id"]]


async def test_who_started_a_run_is_told(web: httpx2.AsyncClient, api: httpx2.AsyncClient, team: Team) -> None:
    token = (await api.post("/api/v1/session")).json()["token"]
    api.cookies.clear()
    web.cookies.set("vai_token", token)
    by_page = await web.post(RUNS, json=NOOP, headers={"Origin": "http://gateway"})
    assert by_page.json()["triggerMethod"] == "ui"
    assert (by_page.json()["triggerSourceType"], by_page.json()["triggerSourceId"]) == ("user", str(team.user_id))

    by_line = await api.post(RUNS, json=NOOP, headers={"User-Agent": "vai-cli/1.0"})
    assert by_line.json()["triggerMethod"] == "cli"


async def test_lists_filter_and_page(api: httpx2.AsyncClient, others: OtherServices, team: Team) -> None:
    action = (await api.post("/api/v1/actions", json={"kind": "dlt_extract", "name": "a", "templateId": "noop"})).json()
    first = await make(api)
    second = (await api.post(f"/api/v1/actions/{action['id']}/run")).json()
    third = await make(api, kind="duckdb_transform", definition={"sql": "SELECT 1", "transform_name": "t"})
    await others.end(first["id"])

    async def ids(query: str = "") -> list[str]:
        answer = await api.get(f"{RUNS}?{query}")
        assert answer.status_code == 200, answer.text
        RunsShape.model_validate(answer.json())
        return [run["id"] for run in answer.json()["runs"]]

    assert await ids() == [third["id"], second["id"], first["id"]]
    assert await ids("status=COMPLETED") == [first["id"]]
    assert await ids("status=pending,completed&kind=dlt_extract") == [second["id"], first["id"]]
    assert await ids(f"action_id={action['id']}") == [second["id"]]
    assert await ids(f"action_id={uuid4()}") == []

    page = (await api.get(f"{RUNS}?limit=1&offset=1")).json()
    assert (page["total"], page["hasNext"], [run["id"] for run in page["runs"]]) == (3, True, [second["id"]])
    assert page["users"][str(team.user_id)]["firstName"] == "Ada"
    assert (await api.get(f"{RUNS}?offset=7")).json()["total"] == 3


async def test_only_a_run_that_ended_can_be_hidden(
    api: httpx2.AsyncClient, others: OtherServices, gateway: Gateway
) -> None:
    run = await make(api)
    assert (await api.delete(f"{RUNS}/{run['id']}")).status_code == 409
    await others.end(run["id"])
    answer = await api.delete(f"{RUNS}/{run['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get(f"{RUNS}/{run['id']}")).status_code == 404
    assert (await api.delete(f"{RUNS}/{run['id']}")).status_code == 404
    assert (await api.get(f"{RUNS}/{run['id']}/logs")).status_code == 404
    assert (await api.get(RUNS)).json()["total"] == 0
    assert await gateway.pool.fetchval("SELECT count(*) FROM runs") == 1


async def test_a_deferred_run_waits_until_it_is_executed(api: httpx2.AsyncClient, others: OtherServices) -> None:
    answer = await api.post(f"{RUNS}?defer=true", json=NOOP)
    run = answer.json()
    assert (answer.status_code, run["displayStatus"]) == (201, "deferred")

    assert (await decided(api, run, "execute"))["displayStatus"] == "waiting_for_worker"
    await others.end(run["id"])
    assert (await decided(api, run, "execute"))["status"] == "completed"


async def test_a_pending_run_is_cancelled_at_once(
    api: httpx2.AsyncClient, gateway: Gateway, producer: MemoryProducer
) -> None:
    run = await make(api)
    found = await decided(api, run, "cancel")
    assert (found["status"], found["completedAt"] is not None) == ("cancelled", True)
    message = await refused(api, run, "cancel")
    assert "final" in message
    await gateway.publisher.close(5)
    assert [record.topic for record in producer.records] == ["action.cancelled"]


async def test_a_leased_run_is_told_to_stop(api: httpx2.AsyncClient, others: OtherServices) -> None:
    run = await make(api)
    await others.claim(run["id"])
    found = await decided(api, run, "cancel")
    assert (found["status"], found["displayStatus"]) == ("running", "cancelling")


async def test_a_run_is_paused_and_resumed(api: httpx2.AsyncClient) -> None:
    run = await make(api)
    assert (await decided(api, run, "pause"))["displayStatus"] == "paused"
    assert (await decided(api, run, "resume"))["displayStatus"] == "waiting_for_worker"
    await decided(api, run, "cancel")
    assert "cancelled" in await refused(api, run, "pause")
    assert "cancelled" in await refused(api, run, "resume")


GATED = {"kind": "dlt_extract", "definition": {"source": "noop", "requires_approval": True}}


async def test_an_approved_run_is_queued(api: httpx2.AsyncClient, others: OtherServices) -> None:
    run = await make(api, **GATED)
    assert "awaits approval" in await refused(api, run, "approve")
    await others.ask_approval(run["id"])
    assert "reject" in await refused(api, run, "cancel")

    found = await decided(api, run, "approve")
    assert (found["status"], found["displayStatus"]) == ("awaiting_approval", "waiting_for_worker")
    assert "running, rejected" in await refused(api, run, "approve")
    await others.end(run["id"])
    assert "final" in await refused(api, run, "approve")


@pytest.mark.parametrize(("body", "reason"), [(None, None), ({}, None), ({"reason": "too dear"}, "too dear")])
async def test_a_rejected_run_says_why(
    api: httpx2.AsyncClient, others: OtherServices, body: dict[str, Any] | None, reason: str | None
) -> None:
    run = await make(api, **GATED)
    await others.ask_approval(run["id"])
    found = await decided(api, run, "reject", body)
    assert found["status"] == "rejected"
    assert (reason or "Rejected") in found["error"]["message"]
    assert "final" in await refused(api, run, "reject")


async def test_nobody_approves_what_they_started_where_that_is_forbidden(
    web: httpx2.AsyncClient, gateway: Gateway, others: OtherServices
) -> None:
    strict = await make_team(gateway.engine, "strict", forbid_self_approval=True)
    web.headers.update(strict.headers(Role.ADMIN))
    run = await make(web, **GATED)
    await others.ask_approval(run["id"])
    answer = await web.post(f"{RUNS}/{run['id']}/approve")
    assert answer.status_code == 403


async def test_a_limit_holds_new_runs(web: httpx2.AsyncClient, gateway: Gateway) -> None:
    small = await make_team(gateway.engine, "small", max_running=1)
    web.headers.update(small.headers(Role.ADMIN))
    assert (await make(web))["displayStatus"] == "waiting_for_limit"


async def test_the_limit_of_a_connection_holds_its_runs(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/connections", json={"provider": "shopify", "name": "shop", "maxRunning": 1})
    assert (await make(api, connectionRef="shop"))["displayStatus"] == "waiting_for_limit"
    assert (await make(api))["displayStatus"] == "waiting_for_worker"


FAILED = {"code": "DATA_ERROR", "message": "bad", "details": {}, "retryable": False}


async def test_a_failed_run_is_retried_as_a_new_one(api: httpx2.AsyncClient, others: OtherServices) -> None:
    run = await make(api, idempotencyKey="i", concurrencyKey="c")
    assert "only a failed run" in await refused(api, run, "retry")
    await others.end(run["id"], "failed", error=FAILED)

    new = await decided(api, run, "retry")
    assert new["id"] != run["id"]
    assert (new["status"], new["triggerMethod"]) == ("pending", "retry")
    assert (new["triggerSourceType"], new["triggerSourceId"]) == ("action_run", run["id"])
    assert (new["concurrencyKey"], new["idempotencyKey"]) == ("c", None)
    assert new["definition"] == run["definition"]
    again = await api.post(f"{RUNS}/{run['id']}/retry")
    assert (again.status_code, again.json()["id"]) == (200, new["id"])
    assert (await api.get(f"{RUNS}/{run['id']}")).json()["status"] == "failed"


async def test_a_partial_success_can_be_retried_and_a_full_one_not(
    api: httpx2.AsyncClient, others: OtherServices
) -> None:
    partial, full = await make(api), await make(api)
    await others.end(partial["id"], result={"failed_resources": ["orders"]})
    await others.end(full["id"], result={"failed_resources": []})

    assert (await api.get(f"{RUNS}/{partial['id']}")).json()["displayStatus"] == "completed_with_errors"
    assert (await decided(api, partial, "retry"))["status"] == "pending"
    assert "completed" in await refused(api, full, "retry")


async def test_a_retry_takes_the_secrets_along(
    api: httpx2.AsyncClient, others: OtherServices, gateway: Gateway, team: Team
) -> None:
    definition = {"url": "https://api.example.com", "headers": {"Authorization": "Bearer hunter2"}}
    body = {"kind": "http_request", "definition": definition}
    run = (await api.post(RUNS, json=body, headers={"Prefer": "respond-async"})).json()
    assert "hunter2" not in str(run)
    await others.end(run["id"], "failed", error=FAILED)

    answer = await api.post(f"{RUNS}/{run['id']}/retry", headers={"Prefer": "respond-async"})
    assert answer.status_code == 201, answer.text
    new_id = UUID(answer.json()["id"])
    sealed = await gateway.pool.fetchval("SELECT secrets FROM runs WHERE id = $1", new_id)
    opened = gateway.keyring.decrypt_json(sealed, team.org_id, new_id)
    assert opened["values"]["headers"] == {"Authorization": "Bearer hunter2"}


@pytest.mark.parametrize("part", ["{{", "/* ", "$a$ ", "'", "/**/"])
async def test_a_hostile_sql_of_200_kb_holds_nobody(api: httpx2.AsyncClient, part: str) -> None:
    definition = {"transform_name": "t", "sql": (part * 200_000)[:200_000]}
    began = time.process_time()
    answer = await api.post(RUNS, json={"kind": "duckdb_transform", "definition": definition})
    assert answer.status_code in (201, 422)
    assert time.process_time() - began < 10  # about one; by the square of the length: minutes
