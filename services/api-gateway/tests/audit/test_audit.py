"""Who did what: each change leaves an entry before it is done, and nothing takes it away."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from vai_api_gateway.audit.acts import LEFT_OUT, SAFE, WRITES_ITSELF
from vai_api_gateway.audit.shapes import AuditShape
from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.json_route import JsonRoute
from vai_common.ids import uuid7
from vai_records.audit import entries
from vai_records.audit.entries import ActorType, What, Who
from vai_records.people.people import Role
from vai_testkit.application import application
from vai_testkit.team import Team

AUDIT = "/api/v1/audit"
ACTION: dict[str, Any] = {"kind": "dlt_extract", "name": "Nightly", "definition": {"source": "noop"}}
OPERATOR = "a token of the installation, long enough"


async def log(api: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    AuditShape.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def acts(api: httpx2.AsyncClient, **query: Any) -> list[tuple[str, str]]:
    return [(entry["action"], entry["outcome"]) for entry in await log(api, **query)]


def changing(app: FastAPI) -> dict[str, APIRoute]:
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    return {r.name: r for r in routes if isinstance(r, APIRoute) and not set(r.methods or ()) <= SAFE}


def test_every_changing_route_leaves_an_entry_or_is_on_the_list_with_a_reason(app: FastAPI) -> None:
    found = changing(app)
    assert all(isinstance(route, JsonRoute) for route in found.values())
    left_out = {name for name, route in found.items() if not getattr(route, "leaves_entry", False)}
    assert left_out == set(LEFT_OUT), "an operation that leaves no entry is in LEFT_OUT with the reason"
    assert all(len(reason) > 10 for reason in LEFT_OUT.values())
    by_itself = {name for name, route in found.items() if route.demand is None} - left_out  # type: ignore[attr-defined]
    assert by_itself == WRITES_ITSELF, "an open route has to write its entry itself"


async def test_an_entry_says_who_did_what_with_which_key_from_where(api: httpx2.AsyncClient, team: Team) -> None:
    made = await api.post("/api/v1/actions", json=ACTION, headers={"X-Request-Id": "my-request"})
    action = made.json()
    assert (await api.patch(f"/api/v1/actions/{action['id']}", json={"name": "Other"})).status_code == 200
    assert (await api.delete(f"/api/v1/actions/{action['id']}")).status_code == 204
    deleted, updated, created = await log(api)
    assert created["actor"] == {"type": "user", "id": str(team.user_id), "name": "ada@acme.example"}
    assert created["apiKey"] == {"id": str(team.keys[Role.ADMIN].id), "name": "admin"}
    assert (created["action"], created["outcome"], created["status"]) == ("create.action", "done", 201)
    assert created["target"] == {"type": "action", "id": action["id"], "name": "Nightly"}
    assert created["fields"] == ["definition", "kind", "name"]
    assert (created["requestId"], created["address"]) == ("my-request", "127.0.0.1")
    assert (updated["fields"], updated["target"]["name"]) == (["name"], "Nightly")
    assert (deleted["action"], deleted["target"]["name"], deleted["status"]) == ("delete.action", "Other", 204)


async def test_nothing_that_was_sent_stands_in_an_entry(api: httpx2.AsyncClient, gateway: Gateway, team: Team) -> None:
    secret = "xyzzy-4711-secret"
    body = {"provider": "rest", "name": "Shop", "config": {"base_url": "https://x.example"}}
    await api.post("/api/v1/connections", json=body | {"credentials": {"token": secret}})
    await api.put("/api/v1/secrets/shop", json={"value": secret, "description": secret})
    await api.put("/api/v1/variables/shop", json={"value": {secret: secret}})
    await api.post("/api/v1/users", json={"email": "eve@example.com", "role": "viewer", "password": secret})
    await api.post("/api/v1/session", json={"email": "ada@acme.example", "password": secret})
    made = await api.post("/api/v1/api-keys", json={"name": "k", "role": "viewer"})
    rows = await gateway.pool.fetch("SELECT a::text AS text FROM audit_entries a")
    assert len(rows) >= 5
    assert not [row for row in rows if secret in row["text"] or made.json()["key"] in row["text"]]


async def test_a_start_of_a_run_leaves_none(api: httpx2.AsyncClient) -> None:
    action = (await api.post("/api/v1/actions", json=ACTION)).json()
    before = await log(api)
    run = await api.post(
        "/api/v1/action-runs?defer=true", json={"kind": "dlt_extract", "definition": {"source": "noop"}}
    )
    assert run.status_code == 201
    assert (await api.post(f"/api/v1/actions/{action['id']}/run?defer=true")).status_code == 201
    assert await log(api) == before


async def test_many_runs_have_an_entry_each(api: httpx2.AsyncClient) -> None:
    body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    ids = [(await api.post("/api/v1/action-runs?defer=true", json=body)).json()["id"] for _ in range(3)]
    nobodys = str(uuid7())
    answer = await api.post("/api/v1/action-runs/bulk", json={"operation": "cancel", "runIds": [*ids, nobodys]})
    assert answer.status_code == 200
    found = {entry["target"]["id"]: entry["outcome"] for entry in await log(api, action="cancel.run")}
    assert found == dict.fromkeys(ids, "done") | {nobodys: "refused"}
    assert [entry["target"]["id"] for entry in await log(api, target_id=ids[0])] == [ids[0]]
    [whole] = await log(api, action="decide.runs")
    assert (whole["fields"], whole["outcome"], whole["requestId"]) == (
        ["operation", "runIds"], "done", answer.headers["x-request-id"],
    )  # fmt: skip


async def test_what_is_refused_is_written_and_a_flood_of_it_is_bounded(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, team: Team
) -> None:
    viewer = team.headers(Role.VIEWER)
    for _ in range(70):
        assert (await web.post("/api/v1/actions", json=ACTION, headers=viewer)).status_code == 403
    assert (await api.delete(f"/api/v1/actions/{uuid7()}")).status_code == 404
    found = await log(api, outcome="refused")
    assert (found[0]["status"], found[1]["status"], found[1]["apiKey"]["name"]) == (404, 403, "viewer")
    assert 60 <= len(found) <= 65
    assert (await api.post("/api/v1/actions", json={"kind": "no such kind"})).status_code == 422
    assert len(await log(api, outcome="refused")) == len(found), "a body that cannot be read does nothing"


async def test_odd_names_in_a_path_are_written_as_they_can_be(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, team: Team
) -> None:
    for name in ("%00x", "%3Cscript%3E", "%F0%9F%98%80", "%FF%FE", "x" * 2_000):
        answer = await web.delete(f"/api/v1/flashboards/{name}", headers=team.headers(Role.VIEWER))
        assert answer.status_code == 403, answer.text
    found = [entry["target"]["id"] for entry in await log(api, target_type="flashboard")]
    assert found[::-1][:3] == ["x", "<script>", "😀"]
    assert len(found[0]) == 255


async def test_sign_ins_and_failed_ones_are_written_for_those_who_are_known(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    await api.post("/api/v1/users", json={"email": "eve@example.com", "role": "viewer", "password": "a good password"})
    for password, status in (("a wrong one", 401), ("a good password", 201)):
        answer = await web.post("/api/v1/session", json={"email": "eve@example.com", "password": password})
        assert answer.status_code == status
    await web.post("/api/v1/session", json={"email": "nobody@example.com", "password": "a wrong one"})
    await gateway.sign_ins.drained()
    web.cookies.clear()
    token = answer.json()["token"]
    assert (await web.delete("/api/v1/session", headers={"Authorization": f"Bearer {token}"})).status_code == 204
    found = await log(api, target_type="session")
    assert [(one["action"], one["outcome"], one["actor"]["name"]) for one in found] == [
        ("delete.session", "done", "eve@example.com"),
        ("create.session", "done", "eve@example.com"),
        ("create.session", "refused", "eve@example.com"),
    ]


async def test_what_the_operator_does_is_told_to_the_organisation(gateway: Gateway) -> None:
    settings = gateway.settings.model_copy(update={"admin_token": OPERATOR})
    told = replace(gateway, settings=settings, authenticator=Authenticator(gateway.engine, settings))
    transport = httpx2.ASGITransport(application(told), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as web:
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        body = {"slug": "new", "name": "New", "administrator": {"email": "ada@example.com"}}
        made = (await web.post("/admin/organisations", json=body, headers=headers)).json()
        place = f"/admin/organisations/{made['id']}"
        await web.patch(place, json={"settings": {"max_running": 3}}, headers=headers)
        token = made["administrator"]["invitationToken"]
        taken = await web.post("/api/v1/invitations/accept", json={"token": token, "password": "a good password"})
        web.cookies.clear()
        web.headers["Authorization"] = f"Bearer {taken.json()['token']}"
        found = await log(web)
    assert [(one["action"], one["actor"]["type"], one["actor"]["name"]) for one in found] == [
        ("create.session", "user", "ada@example.com"),
        ("accept.invitation", "user", "ada@example.com"),
        ("change.organisation", "operator", None),
        ("make.organisation", "operator", None),
    ]
    assert found[2]["fields"] == ["settings.max_running"]


async def test_where_no_entry_can_be_written_nothing_is_done(
    api: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise ConnectionRefusedError("the database is away")

    with monkeypatch.context() as held:
        held.setattr(entries, "add_many", away)
        assert (await api.post("/api/v1/actions", json=ACTION)).status_code == 503
    assert (await api.get("/api/v1/actions")).json()["total"] == 0
    with monkeypatch.context() as held:
        held.setattr(entries, "end", away)
        assert (await api.post("/api/v1/actions", json=ACTION)).status_code == 201
    [entry] = await log(api, outcome="unknown")
    assert (entry["action"], entry["status"]) == ("create.action", None)


async def test_entries_are_neither_changed_nor_taken_away(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    await api.post("/api/v1/actions", json=ACTION)
    for text in (
        "UPDATE audit_entries SET actor_name = 'somebody'",
        "UPDATE audit_entries SET outcome = 'refused'",
        "UPDATE audit_entries SET outcome = NULL",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ):
        with pytest.raises(asyncpg.RaiseError, match="not changed"):
            await gateway.pool.execute(text)
    assert await acts(api) == [("create.action", "done")]


async def test_old_entries_are_forgotten_and_younger_ones_are_not(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    who = Who(team.org_id, ActorType.USER, team.user_id)
    for _ in range(2):
        await entries.add(gateway.pool, who, What("update.user", "user"), 200)
    old = "INSERT INTO audit_entries SELECT gen_random_uuid(), org_id, clock_timestamp() - interval '50 days',"
    old += " actor_type, actor_id, actor_name, key_id, key_name, 'delete.user', target_type FROM audit_entries"
    await gateway.pool.execute(old)
    await entries.forget_old(gateway.pool, 60)
    assert len(await log(api)) == 4
    await entries.forget_old(gateway.pool, 1)
    assert {action for action, _ in await acts(api)} == {"update.user"}


@pytest.fixture
async def many(gateway: Gateway, team: Team) -> list[str]:
    who = Who(team.org_id, ActorType.USER, team.user_id)
    return [str(await entries.add(gateway.pool, who, What("cancel.run", "run", str(n)), 200)) for n in range(25)]


async def test_pages_hold_each_entry_once(api: httpx2.AsyncClient, many: list[str]) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 10}
    while True:
        page = (await api.get(AUDIT, params=query)).json()
        seen += [entry["id"] for entry in page["entries"]]
        if not page["hasNext"]:
            assert page["nextCursor"] is None
            break
        query["cursor"] = page["nextCursor"]
    assert seen == many[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "nonsense"}, {"limit": 0}, {"limit": 101}, {"outcome": "good"}, {"since": "yesterday"},
        {"actor_id": "me"}, {"target_id": ""}, {"order": "asc"}, {"q": "x"}, {"address": "x" * 300},
    ],
)  # fmt: skip
async def test_a_query_that_cannot_be_is_422(api: httpx2.AsyncClient, query: dict[str, Any]) -> None:
    assert (await api.get(AUDIT, params=query)).status_code == 422


async def test_filters_find_what_they_say(api: httpx2.AsyncClient, team: Team, many: list[str]) -> None:
    await api.post("/api/v1/actions", json=ACTION, headers={"X-Request-Id": "it-was-me"})
    assert await acts(api, action="create.action") == [("create.action", "done")]
    assert await acts(api, api_key_id=team.keys[Role.ADMIN].id) == [("create.action", "done")]
    assert await acts(api, request_id="it-was-me") == [("create.action", "done")]
    assert len(await log(api, actor_id=team.user_id, target_type="run", outcome="done,unknown")) == 25
    assert await log(api, since="2999-01-01T00:00:00Z") == await log(api, until="2001-01-01T00:00:00Z") == []
    assert len(await log(api, since="2001-01-01T00:00:00Z", address="127.0.0.1")) == 1
    assert [entry["target"]["id"] for entry in await log(api, target_id="7")] == ["7"]


async def test_others_and_those_who_are_no_administrators_do_not_read_it(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient, web: httpx2.AsyncClient, team: Team
) -> None:
    await api.post("/api/v1/actions", json=ACTION)
    assert await log(other_api) == []
    for role in (Role.VIEWER, Role.OPERATOR):
        assert (await web.get(AUDIT, headers=team.headers(role))).status_code == 403


async def test_a_change_that_is_made_many_times_at_once_has_as_many_entries(api: httpx2.AsyncClient) -> None:
    action = (await api.post("/api/v1/actions", json=ACTION)).json()
    place = f"/api/v1/actions/{action['id']}"
    answers = await asyncio.gather(*(api.patch(place, json={"name": f"name {n}"}) for n in range(12)))
    told = sorted(answer.status_code for answer in answers)
    written = sorted(entry["status"] for entry in await log(api, action="update.action"))
    assert written == told
