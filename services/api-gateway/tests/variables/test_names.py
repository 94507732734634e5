"""Definitions that name variables and secrets: filled when a run is made, in each place where a value may stand."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_testkit.services import OtherServices
from vai_testkit.team import Team

RUNS, VARS, SECRETS = "/api/v1/action-runs", "/api/v1/variables", "/api/v1/secrets"
TOKEN = "t0ken-4711/with-more"
MARKER = {"secret": True}
Json = dict[str, Any]


@pytest.fixture(autouse=True)
async def named(api: httpx2.AsyncClient) -> None:
    api.headers["Prefer"] = "respond-async"  # nobody works on these runs
    values = {"host": "shop.test", "limits": {"orders": 7}, "seconds": 5, "quote": "O'Hara", "wrong": "many"}
    for name, value in values.items():
        assert (await api.put(f"{VARS}/{name}", json={"value": value})).status_code == 201
    assert (await api.put(f"{SECRETS}/shop_token", json={"value": TOKEN})).status_code == 201


async def made(api: httpx2.AsyncClient, kind: str, definition: Json, path: str = RUNS) -> Json:
    body = {"kind": kind, "definition": definition} if path == RUNS else definition
    answer = await api.post(path, json=body)
    assert answer.status_code in (201, 202), answer.text
    assert TOKEN not in answer.text
    return dict(answer.json())


async def refused(api: httpx2.AsyncClient, path: str, body: Json) -> list[tuple[str, str]]:
    answer = await api.post(path, json=body)
    assert answer.status_code == 422, answer.text
    return [(".".join(map(str, one["loc"])), one["msg"]) for one in answer.json()["detail"]]


async def kept(gateway: Gateway, team: Team, run: Json) -> Json:
    sealed = await gateway.pool.fetchval("SELECT secrets FROM runs WHERE id = $1", UUID(run["id"]))
    return dict(gateway.keyring.decrypt_json(sealed, team.org_id, UUID(run["id"])))


async def ended(others: OtherServices, run: Json, status: str = "completed") -> None:
    error = {"code": "DATA_ERROR", "message": "no", "details": {}, "retryable": False}
    await others.end(run["id"], status, **({"error": error} if status == "failed" else {"result": {}}))


FILLED: list[tuple[str, Json, Json]] = [
    ("http_request", {"url": "https://${/vars/host}/a"}, {"url": "https://shop.test/a"}),
    ("http_request", {"url": "https://a.test/$/vars/quote"}, {"url": "https://a.test/O%27Hara"}),
    ("http_request", {"url": "https://a.test", "timeout_seconds": "$/vars/seconds"}, {"timeout_seconds": 5}),
    ("http_request", {"url": "https://a.test", "body": {"n": ["$/vars/limits/orders"]}}, {"body": {"n": [7]}}),
    ("http_request", {"url": "https://a.b", "query": {"a": "a ${/vars/host}."}}, {"query": {"a": "a shop.test."}}),
    (
        "http_request",
        {"url": "https://a.test", "body": {"kind": "reference", "ref": "$/vars/limits"}},
        {"body": {"orders": 7}},
    ),
    (
        "http_request",
        {"url": "https://a.test", "body": {"a": {"kind": "static", "values": "$/vars/host"}, "b": "$/inputs/x"}},
        {"body": {"a": "$/vars/host", "b": "$/inputs/x"}},
    ),
    ("generate_query", {"sql": "SELECT '$/vars/quote' AS name"}, {"sql": "SELECT 'O''Hara' AS name"}),
    ("dlt_extract", {"source": "sample", "rows": "$/vars/limits/orders"}, {"rows": 7}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "definition", "expected"), FILLED)
async def test_a_variable_stands_where_a_value_may(
    api: httpx2.AsyncClient, kind: str, definition: Json, expected: Json
) -> None:
    run = await made(api, kind, definition)
    assert {name: run["definition"][name] for name in expected} == expected
    action = await made(api, kind, {"kind": kind, "name": "Named", "definition": definition}, "/api/v1/actions")
    assert action["definition"] == definition
    again = await made(api, kind, {}, f"/api/v1/actions/{action['id']}/run")
    assert {name: again["definition"][name] for name in expected} == expected


SEALED: list[tuple[Json, Json, Json]] = [
    ({"headers": {"Authorization": "Bearer $/secrets/shop_token"}}, {"headers": {"Authorization": MARKER}},
     {"headers": {"Authorization": f"Bearer {TOKEN}"}}),
    ({"headers": {"A": "${/secrets/shop_token}"}}, {"headers": {"A": MARKER}}, {"headers": {"A": TOKEN}}),
    ({"query": {"q": ["a", "$/secrets/shop_token"]}}, {"query": {"q": MARKER}}, {"query": {"q": ["a", TOKEN]}}),
    ({"form": {"a": "x=${/secrets/shop_token}&"}}, {"form": {"a": MARKER}}, {"form": {"a": f"x={TOKEN}&"}}),
    ({"body": {"a": [{"b": "$/secrets/shop_token"}]}}, {"body": {"a": [{"b": MARKER}]}},
     {"body": {"a": {"0": {"b": TOKEN}}}}),
    ({"body_text": "a ${/secrets/shop_token} b"}, {"body_text": MARKER}, {"body_text": f"a {TOKEN} b"}),
    ({"headers": {"X-A": {"kind": "secret", "value": "a $/secrets/shop_token"}}}, {"headers": {"X-A": MARKER}},
     {"headers": {"X-A": f"a {TOKEN}"}}),
    ({"url": "https://a.test/hook/$/secrets/shop_token"}, {"url": MARKER},
     {"url": "https://a.test/hook/t0ken-4711%2Fwith-more"}),
    ({"url": "https://a.test?api_key=$/secrets/shop_token"}, {"query": {"api_key": MARKER}},
     {"query": {"api_key": TOKEN}}),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "shown", "values"), SEALED)
async def test_a_secret_is_sealed_wherever_it_stands(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, definition: Json, shown: Json, values: Json
) -> None:
    run = await made(api, "http_request", {"url": "https://a.test"} | definition)
    assert {name: run["definition"][name] for name in shown} == shown
    sealed = await kept(gateway, team, run)
    assert (sealed["values"], sealed["secrets"]) == (values, [TOKEN])
    row = await gateway.pool.fetchrow("SELECT * FROM runs WHERE id = $1", UUID(run["id"]))
    assert TOKEN not in str(row)
    events = await gateway.pool.fetch("SELECT data FROM events WHERE subject_id = $1", UUID(run["id"]))
    assert TOKEN not in str(events)
    assert TOKEN not in (await api.get(RUNS)).text


async def test_the_name_of_a_secret_is_seen_in_what_is_saved(api: httpx2.AsyncClient) -> None:
    definition = {"url": "https://a.test", "headers": {"Authorization": "Bearer $/secrets/shop_token"}}
    body = {"kind": "http_request", "name": "Shop", "definition": definition}
    action = await made(api, "", body, "/api/v1/actions")
    assert action["definition"]["headers"] == definition["headers"]
    step = {"key": "call", "action": {"kind": "http_request", "definition": definition}}
    await made(api, "", {"name": "Calls", "trigger": {"type": "manual"}, "steps": [step]}, "/api/v1/automations")
    used = (await api.get(f"{SECRETS}/shop_token")).json()["usedBy"]
    assert [(one["type"], one["slug"]) for one in used] == [("action", "shop"), ("automation", "calls")]
    assert (await api.get(f"{VARS}/host")).json()["usedBy"] == []


WRONG: list[tuple[str, Json, str, str]] = [
    ("http_request", {"url": "https://$/vars/hots"}, "body.definition.url", "did you mean host?"),
    ("http_request", {"url": "https://a.test", "headers": {"A": "$/secrets/shop_tokn"}}, "body.definition.headers.A",
     "did you mean shop_token?"),
    ("http_request", {"url": "https://a.test", "body": {"a": ["$/vars/nothing"]}}, "body.definition.body.a.0",
     "there are"),
    ("http_request", {"url": "https://a.test", "timeout_seconds": "$/secrets/shop_token"},
     "body.definition.timeout_seconds", "stands only where"),
    ("generate_query", {"sql": "SELECT '$/secrets/shop_token'"}, "body.definition.sql", "stands only where"),
    ("call_agent", {"agent": "a", "question": "say $/secrets/shop_token"}, "body.definition.question",
     "stands only where"),
    ("http_request", {"url": "https://a.test", "headers": {"A": "$/secrets/shop_token/x"}}, "body.definition",
     "a secret has no fields"),
    ("http_request", {"url": "https://a.test/$/vars/limits/none"}, "body.definition", "leads nowhere"),
    ("http_request", {"url": "https://a.test", "body": "${/vars/host|/inputs/x}"}, "body.definition.body",
     "of an automation"),
    ("http_request", {"url": "https://a.test", "body": "${/vars/host"}, "body.definition", "is no reference"),
    ("http_request", {"url": "https://a.test", "timeout_seconds": "$/vars/wrong"}, "body.definition.timeout_seconds",
     "must be a number"),
    ("http_request", {"url": "https://a:${/secrets/shop_token}@a.test/"}, "body.definition", "cannot stand there"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "definition", "place", "message"), WRONG)
async def test_what_is_wrong_is_said_with_its_place(
    api: httpx2.AsyncClient, kind: str, definition: Json, place: str, message: str
) -> None:
    found = await refused(api, RUNS, {"kind": kind, "definition": definition})
    assert [where for where, _ in found] == [place]
    assert message in found[0][1]
    assert TOKEN not in str(found)


async def test_validate_and_saving_know_the_names(api: httpx2.AsyncClient) -> None:
    bad = {"url": "https://$/vars/hots", "headers": {"X-A": "$/secrets/none"}, "method": "$/secrets/shop_token"}
    step = {"key": "call", "action": {"kind": "http_request", "definition": bad}}
    body = {"name": "Calls", "trigger": {"type": "manual"}, "steps": [step]}
    at = "body.steps.0.action.definition"
    for path in ("/api/v1/automations", "/api/v1/automations/validate"):
        assert {where for where, _ in await refused(api, path, body)} == {
            f"{at}.{n}" for n in ("url", "headers.X-A", "method")
        }
    action = {"kind": "http_request", "name": "Calls", "definition": {"url": "https://$/vars/hots"}}
    assert "did you mean host?" in (await refused(api, "/api/v1/actions", action))[0][1]
    action["definition"] = {"url": "https://a.test", "urn": "$/vars/host"}
    assert "there is no such field; did you mean url?" in (await refused(api, "/api/v1/actions", action))[0][1]
    step["action"]["definition"] = action["definition"]  # type: ignore[index]
    [(where, told)] = await refused(api, "/api/v1/automations", body)
    assert (where, told[:23]) == (f"{at}.urn", "there is no such field;")
    step["action"]["definition"] = {"url": "https://a.test", "retry": {"kind": "reference", "ref": "$/vars/host"}}  # type: ignore[index]
    assert (await api.post("/api/v1/automations/validate", json=body)).status_code == 200
    work = {"url": "https://$/vars/host", "timeout_seconds": "$/vars/seconds"}
    step = {"key": "call", "action": {"kind": "http_request", "definition": work}}
    good = {"name": "Calls", "trigger": {"type": "manual"}, "steps": [step]}
    assert (await api.post("/api/v1/automations/validate", json=good)).status_code == 200


async def test_a_change_is_for_new_runs_and_run_again_looks_anew(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, others: OtherServices
) -> None:
    headers = {"Authorization": "Bearer $/secrets/shop_token", "X-Kept": {"kind": "secret", "value": "mine-too"}}
    params = {"host": "$/vars/host", "a": "x ${/secrets/shop_token}"}
    base = {"source": "rest_api", "base_url": "https://a.test", "resources": ["orders"]}
    run = await made(api, "dlt_extract", base | {"headers": headers, "params": params})
    assert (await api.put(f"{VARS}/host", json={"value": "new"})).status_code == 200
    assert (await api.put(f"{SECRETS}/shop_token", json={"value": "another-one"})).status_code == 200
    assert (await api.get(f"{RUNS}/{run['id']}")).json()["definition"] == run["definition"]
    await ended(others, run, "failed")
    retried = await made(api, "", {}, f"{RUNS}/{run['id']}/retry")
    assert retried["definition"] == run["definition"]
    assert (await kept(gateway, team, retried)) == (await kept(gateway, team, run))
    await ended(others, retried, "failed")
    for first in (run, retried):
        again = await made(api, "", {}, f"{RUNS}/{first['id']}/run-again")
        assert again["definition"]["params"]["host"] == "new"
        values = (await kept(gateway, team, again))["values"]
        assert values["headers"] == {"Authorization": "Bearer another-one", "X-Kept": "mine-too"}
        assert values["params"] == {"a": "x another-one"}


async def test_what_others_said_is_never_looked_up(
    api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices
) -> None:
    """A run whose values came from outside, and that hold what looks like a name: run-again leaves them as they are."""
    base = {"source": "rest_api", "base_url": "https://a.test", "resources": ["orders"]}
    run = await made(api, "dlt_extract", base | {"params": {"said": "x", "host": "$/vars/host"}})
    said = {"said": "$/secrets/shop_token $/vars/host", "host": "shop.test"}
    text = "UPDATE runs SET definition = jsonb_set(definition, '{params}', $2) WHERE id = $1"
    await gateway.pool.execute(text, UUID(run["id"]), said)
    await ended(others, run)
    again = await made(api, "", {}, f"{RUNS}/{run['id']}/run-again")
    assert again["definition"]["params"] == said
    given = {"definitionOverrides": {"headers": {"X-A": "$/vars/host"}}}
    again = await made(api, "", given, f"{RUNS}/{run['id']}/run-again")
    assert (again["definition"]["params"], again["definition"]["headers"]) == (said, {"X-A": "shop.test"})


async def test_a_repeat_with_the_same_key_is_the_same_whatever_changed(api: httpx2.AsyncClient) -> None:
    definition = {"url": "https://$/vars/host"}
    body = {"kind": "http_request", "definition": definition, "idempotencyKey": "once"}
    first = (await api.post(RUNS, json=body)).json()
    assert (await api.put(f"{VARS}/host", json={"value": "new"})).status_code == 200
    assert (await api.delete(f"{VARS}/host")).status_code == 204
    again = await api.post(RUNS, json=body)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


async def test_a_connection_may_be_named_by_a_variable(api: httpx2.AsyncClient) -> None:
    shop = {
        "provider": "rest",
        "name": "Shop",
        "config": {"base_url": "https://a.test"},
        "credentials": {"token": "x" * 9},
    }
    made_one = (await api.post("/api/v1/connections", json=shop)).json()
    assert (await api.put(f"{VARS}/shop", json={"value": made_one["slug"]})).status_code == 201
    run = await made(api, "http_request", {"url": "/a", "connection": "$/vars/shop"})
    assert run["definition"]["connection"] == made_one["slug"]
