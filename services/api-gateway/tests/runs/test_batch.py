"""Many runs in one request: each judged on its own, the good ones made together."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.requests import LARGEST_BATCH
from vai_api_gateway.runs.batch import BatchShape
from vai_records.people.people import Role
from vai_testkit.services import OtherServices
from vai_testkit.team import Team

BATCH = "/api/v1/action-runs/batch"
RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def results(api: httpx2.AsyncClient, *runs: Any) -> list[dict[str, Any]]:
    answer = await api.post(BATCH, json={"runs": list(runs)})
    assert answer.status_code == 200, answer.text
    BatchShape.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["results"]
    assert len(found) == len(runs)
    return found


async def test_each_run_is_judged_on_its_own_and_answered_in_order(api: httpx2.AsyncClient) -> None:
    first, sync, unknown, bad, wrong, last = await results(
        api,
        NOOP,
        {"kind": "http_request", "definition": {"url": "https://example.com"}},
        {"kind": "fax"},
        NOOP | {"definition": {}},
        7,
        NOOP | {"concurrencyKey": "c"},
    )
    assert [first["status"], sync["status"], last["status"]] == [201, 201, 201]
    assert first["run"]["status"] == sync["run"]["status"] == "pending"
    assert last["run"]["concurrencyKey"] == "c"
    assert [one["status"] for one in (unknown, bad, wrong)] == [422, 422, 422]
    assert unknown["detail"][0]["loc"] == ["body", "kind"]
    assert bad["detail"][0]["loc"] == ["body", "definition", "source"]
    assert "run" not in bad
    assert (await api.get(RUNS)).json()["total"] == 3
    assert (await api.get(f"{RUNS}/{first['run']['id']}")).json() == first["run"]


async def test_keys_mean_what_they_mean_alone(api: httpx2.AsyncClient) -> None:
    before = (await api.post(RUNS, json=NOOP | {"idempotencyKey": "before"})).json()
    live = (await api.post(RUNS, json=NOOP | {"concurrencyKey": "live"})).json()
    other = {"kind": "dlt_extract", "definition": {"source": "sample"}}
    again, reused, busy, one, two, both = await results(
        api,
        NOOP | {"idempotencyKey": "before"},
        other | {"idempotencyKey": "before"},
        NOOP | {"concurrencyKey": "live"},
        NOOP | {"idempotencyKey": "twice"},
        NOOP | {"idempotencyKey": "twice"},
        NOOP | {"idempotencyKey": "x", "concurrencyKey": "y"},
    )
    assert (again["status"], again["run"]["id"]) == (200, before["id"])
    assert reused["status"] == busy["status"] == 409
    assert live["id"] in busy["detail"][0]["msg"]
    assert sorted((one["status"], two["status"])) == [200, 201]
    assert one["run"]["id"] == two["run"]["id"]
    assert both["status"] == 201


async def test_a_thousand_runs_are_made_in_one_transaction(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    api.timeout = httpx2.Timeout(30)
    runs = [NOOP | {"idempotencyKey": f"k{n}"} for n in range(1_000)]
    found = await results(api, *runs)
    assert {one["status"] for one in found} == {201}
    assert [one["run"]["idempotencyKey"] for one in found] == [run["idempotencyKey"] for run in runs]
    assert await gateway.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM runs") == 1
    assert {one["status"] for one in await results(api, *runs)} == {200}


@pytest.mark.parametrize("runs", [[], [NOOP] * 1_001, None, "x", {}])
async def test_a_batch_has_between_one_and_a_thousand_runs(api: httpx2.AsyncClient, runs: Any) -> None:
    answer = await api.post(BATCH, json={"runs": runs})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "runs"]


async def test_a_batch_may_be_larger_than_a_run_and_not_too_large(api: httpx2.AsyncClient) -> None:
    query = "SELECT 1 -- " + "x" * 40_000
    run = {"kind": "duckdb_transform", "definition": {"sql": query, "transform_name": "t"}}
    assert {one["status"] for one in await results(api, *[run] * 100)} == {201}
    headers = {"content-type": "application/json"}
    assert (await api.post(BATCH, content=b" " * (LARGEST_BATCH + 1), headers=headers)).status_code == 413


async def test_crossed_keys_of_two_batches_are_untangled(api: httpx2.AsyncClient) -> None:
    keys = [{"idempotencyKey": f"i{n}", "concurrencyKey": f"c{n}"} for n in range(20)]
    one, two = await asyncio.gather(
        results(api, *[NOOP | key for key in keys]), results(api, *[NOOP | key for key in reversed(keys)])
    )
    ids = {run["run"]["id"] for run in (*one, *two)}
    assert len(ids) == 20
    assert sorted(run["status"] for run in (*one, *two)) == [200] * 20 + [201] * 20


async def test_connections_limits_and_approvals_hold_in_a_batch(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    await api.post("/api/v1/connections", json={"provider": "shopify", "name": "shop", "maxRunning": 1})
    limited, gated, nowhere = await results(
        api,
        NOOP | {"connectionRef": "shop"},
        {"kind": "dlt_extract", "definition": {"source": "noop", "requires_approval": True}},
        NOOP | {"connectionRef": "none"},
    )
    assert limited["run"]["displayStatus"] == "waiting_for_limit"
    assert (
        await gateway.pool.fetchval("SELECT held_for FROM runs WHERE id = $1", UUID(gated["run"]["id"])) == "approval"
    )
    assert (nowhere["status"], nowhere["detail"][0]["loc"]) == (422, ["body", "connectionRef"])


async def test_a_child_of_a_batch_needs_its_parent(api: httpx2.AsyncClient, others: OtherServices) -> None:
    parent = (await api.post(RUNS, json=NOOP)).json()["id"]
    nobody = "00000000-0000-7000-8000-000000000000"
    good, bad, again = await results(api, *(NOOP | {"parentActionRunId": one} for one in (parent, nobody, parent)))
    assert [good["status"], bad["status"], again["status"]] == [201, 422, 201]


async def test_a_viewer_starts_no_batch(web: httpx2.AsyncClient, team: Team) -> None:
    answer = await web.post(BATCH, json={"runs": [NOOP]}, headers=team.headers(Role.VIEWER))
    assert answer.status_code == 403
