"""What each call sends, held against the endpoints of documents 001 and 003."""

import base64
import hmac
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vai import signed
from vai.call import Call
from vai.calls import (
    actions,
    agents,
    api_keys,
    artifacts,
    automation_runs,
    connections,
    datasets,
    events,
    installation,
    kinds,
    logs,
    organisation,
    runs,
    session,
    users,
    webhooks,
)

CONTRACT = json.loads((Path(__file__).parents[3] / "tests" / "spec" / "contract.json").read_text())
ACTIONS, RUNS, CONNECTIONS = "/api/v1/actions", "/api/v1/action-runs", "/api/v1/connections"
CALLS: list[tuple[Call[object], str, object]] = [
    (actions.create("http_request", "Ping", {"url": "x"}, slug="ping", connection_id="c", template_id="t"),
     f"POST {ACTIONS}",
     {"kind": "http_request", "name": "Ping", "definition": {"url": "x"}, "slug": "ping", "connectionId": "c",
      "templateId": "t"}),
    (actions.listing("ord"), f"GET {ACTIONS}", None),
    (actions.get("a"), f"GET {ACTIONS}/a", None),
    (actions.by_slug("a/../b"), f"GET {ACTIONS}/slug/a%2F..%2Fb", None),
    (actions.update("a", name="New"), f"PATCH {ACTIONS}/a", {"name": "New"}),
    (actions.update("a", connection_id=None), f"PATCH {ACTIONS}/a", {"connectionId": None}),
    (actions.delete("a"), f"DELETE {ACTIONS}/a", None),
    (actions.run("a"), f"POST {ACTIONS}/a/run", {}),
    (actions.run("a", {"x": 1}), f"POST {ACTIONS}/a/run", {"definitionOverrides": {"x": 1}}),
    (runs.create("dlt_extract"), f"POST {RUNS}", {"kind": "dlt_extract"}),
    (runs.create("dlt_extract", {}, idempotency_key="i", concurrency_key="c", parent_action_run_id="p"),
     f"POST {RUNS}",
     {"kind": "dlt_extract", "definition": {}, "idempotencyKey": "i", "concurrencyKey": "c", "parentActionRunId": "p"}),
    (runs.listing(), f"GET {RUNS}", None),
    (runs.get("r"), f"GET {RUNS}/r", None),
    (runs.delete("r"), f"DELETE {RUNS}/r", None),
    (runs.approve("r"), f"POST {RUNS}/r/approve", None),
    (runs.reject("r"), f"POST {RUNS}/r/reject", {}),
    (runs.reject("r", "too dear"), f"POST {RUNS}/r/reject", {"reason": "too dear"}),
    (runs.cancel("r"), f"POST {RUNS}/r/cancel", None),
    (runs.pause("r"), f"POST {RUNS}/r/pause", None),
    (runs.resume("r"), f"POST {RUNS}/r/resume", None),
    (runs.execute("r"), f"POST {RUNS}/r/execute", None),
    (runs.retry("r"), f"POST {RUNS}/r/retry", None),
    (logs.listing("r"), f"GET {RUNS}/r/logs", None),
    (logs.stream("r"), f"GET {RUNS}/r/logs/stream", None),
    (logs.search("price", level="error", kind=["a", "b"]), "GET /api/v1/logs", None),
    (connections.create("shopify", "Shop", credentials={"token": "t"}, max_running=2),
     f"POST {CONNECTIONS}",
     {"provider": "shopify", "name": "Shop", "credentials": {"token": "t"}, "maxRunning": 2}),
    (connections.listing(), f"GET {CONNECTIONS}", None),
    (connections.get("c"), f"GET {CONNECTIONS}/c", None),
    (connections.update("c", config={}), f"PATCH {CONNECTIONS}/c", {"config": {}}),
    (connections.update("c", credentials=None, max_running=None),
     f"PATCH {CONNECTIONS}/c",
     {"credentials": None, "maxRunning": None}),
    (connections.delete("c"), f"DELETE {CONNECTIONS}/c", None),
    (connections.test("c"), f"POST {CONNECTIONS}/c/test", None),
    (runs.create_many([{"kind": "noop"}]), f"POST {RUNS}/batch", {"runs": [{"kind": "noop"}]}),
    (automation_runs.retry("r", version="latest"), "POST /api/v1/automation-runs/r/retry", {"version": "latest"}),
    (users.create("a@b.c", "viewer", first_name="A"),
     "POST /api/v1/users", {"email": "a@b.c", "role": "viewer", "firstName": "A"}),
    (users.listing(), "GET /api/v1/users", None),
    (users.get("u"), "GET /api/v1/users/u", None),
    (users.update("u", role="admin", last_name=None), "PATCH /api/v1/users/u", {"role": "admin", "lastName": None}),
    (users.delete("u"), "DELETE /api/v1/users/u", None),
    (api_keys.create("cron", "viewer", expires_at=datetime(2027, 1, 1, tzinfo=UTC)),
     "POST /api/v1/api-keys", {"name": "cron", "role": "viewer", "expiresAt": "2027-01-01T00:00:00+00:00"}),
    (api_keys.listing(), "GET /api/v1/api-keys", None),
    (api_keys.get("k"), "GET /api/v1/api-keys/k", None),
    (api_keys.revoke("k"), "DELETE /api/v1/api-keys/k", None),
    (organisation.get(), "GET /api/v1/organisation", None),
    (organisation.update(settings={"maxRunning": None}),
     "PATCH /api/v1/organisation", {"settings": {"maxRunning": None}}),
    (session.me(), "GET /api/v1/me", None),
    (session.sign_in(), "POST /api/v1/session", None),
    (session.sign_in("a@b.c", "p"), "POST /api/v1/session", {"email": "a@b.c", "password": "p"}),
    (session.sign_out(), "DELETE /api/v1/session", None),
    (session.change_password("a", "b"), "PUT /api/v1/me/password", {"current": "a", "new": "b"}),
    (session.accept_invitation("t", "p"), "POST /api/v1/invitations/accept", {"token": "t", "password": "p"}),
    (kinds.listing(), "GET /api/v1/kinds", None),
    (kinds.templates(), "GET /api/v1/templates", None),
    (datasets.listing("ord", layer="gold", connection="c"), "GET /api/v1/datasets", None),
    (datasets.get("gold.a/b"), "GET /api/v1/datasets/gold.a%2Fb", None),
    (datasets.versions("d"), "GET /api/v1/datasets/d/versions", None),
    (datasets.lineage("d", direction="upstream", depth=2), "GET /api/v1/datasets/d/lineage", None),
    (datasets.preview("d", rows=2, version=1), "GET /api/v1/datasets/d/preview", None),
    (datasets.profile("d", "c"), "GET /api/v1/datasets/d/profile", None),
    (datasets.download("d", format="csv"), "GET /api/v1/datasets/d/download", None),
    (artifacts.listing("a", folder="in", run_id="r"), "GET /api/v1/artifacts", None),
    (artifacts.get("a/b"), "GET /api/v1/artifacts/a%2Fb", None),
    (artifacts.share("a", minutes=5), "POST /api/v1/artifacts/a/links", {"minutes": 5}),
    (artifacts.download("a"), "GET /api/v1/artifacts/a/download", None),
    (kinds.models(), "GET /api/v1/models", None),
    (agents.create({"name": "A"}), "POST /api/v1/agents", {"name": "A"}),
    (agents.get("a"), "GET /api/v1/agents/a", None),
    (agents.by_slug("a/b"), "GET /api/v1/agents/slug/a%2Fb", None),
    (agents.update("a", {"labels": {}}), "PATCH /api/v1/agents/a", {"labels": {}}),
    (agents.delete("a"), "DELETE /api/v1/agents/a", None),
    (agents.listing("ord", label="team=x"), "GET /api/v1/agents", None),
    (agents.runs(status="running"), "GET /api/v1/agents/runs", None),
    (agents.transcript("r", after=3), "GET /api/v1/agents/runs/r", None),
    (agents.stream("r"), "GET /api/v1/agents/runs/r/stream", None),
    (kinds.sources(), "GET /api/v1/sources", None),
    (kinds.source("a/b"), "GET /api/v1/sources/a%2Fb", None),
    (events.replay(datetime(2026, 11, 22, tzinfo=UTC), types=["action.failed"]),
     "POST /api/v1/events/replay", {"since": "2026-11-22T00:00:00+00:00", "types": ["action.failed"]}),
    (installation.organisations(), "GET /admin/organisations", None),
    (installation.create_organisation("acme", "Acme", "a@b.c"),
     "POST /admin/organisations", {"slug": "acme", "name": "Acme", "administrator": {"email": "a@b.c"}}),
    (installation.get_organisation("o"), "GET /admin/organisations/o", None),
    (installation.update_organisation("o", name="New"), "PATCH /admin/organisations/o", {"name": "New"}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "line", "body"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_call_has_the_documented_method_path_and_body(call: Call[object], line: str, body: object) -> None:
    assert f"{call.method} {call.path}" == line
    assert call.body == body


def test_only_reads_and_creations_with_an_idempotency_key_are_repeatable() -> None:
    assert runs.create("noop", idempotency_key="once").repeatable
    assert [call for call, _, _ in CALLS if call.repeatable] == [
        call for call, _, body in CALLS if call.method == "GET" or (isinstance(body, dict) and "idempotencyKey" in body)
    ]


@pytest.mark.parametrize(
    "call",
    [
        actions.run("a", idempotency_key="once"),
        runs.retry("r", idempotency_key="once"),
        runs.create_many([], idempotency_key="once"),
        automation_runs.retry("r", idempotency_key="once"),
    ],
    ids=lambda call: call.path,
)
def test_what_starts_something_takes_a_key_and_is_then_repeatable(call: Call[object]) -> None:
    assert (call.headers["Idempotency-Key"], call.repeatable) == ("once", True)


@pytest.mark.parametrize("secret", ["whsec_aGVsbG8gd29ybGQ=", "whsec_aGVsbG8gd29ybGQ", "no base64!"])
def test_a_message_is_signed_as_standard_webhooks_says(secret: str) -> None:
    call = webhooks.send("o", "/hooks/a b", secret, {"a": 1}, message_id="m")
    assert (call.method, call.path, call.content, call.repeatable) == (
        "POST",
        "/webhooks/o/hooks/a%20b",
        b'{"a": 1}',
        True,
    )
    key = b"no base64!" if "!" in secret else b"hello world"
    told = signed(secret, b"body", "m", 1700000000.5)
    expected = base64.b64encode(hmac.new(key, b"m.1700000000.body", "sha256").digest()).decode()
    assert told == {"webhook-id": "m", "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{expected}"}


@pytest.mark.parametrize(
    ("wait", "header", "patience"), [(None, None, 0), (5, "wait=5", 5), (0, "wait=0", 0), (3600, "wait=60", 60)]
)
def test_waiting_is_asked_for_with_prefer_and_for_a_minute_at_most(
    wait: float | None, header: str | None, patience: int
) -> None:
    call = runs.create("noop", wait=wait)
    assert (call.headers.get("Prefer"), call.patience) == (header, patience)


def test_an_answer_at_once_and_a_deferred_run_can_be_asked_for() -> None:
    assert runs.create("http_request", respond_async=True).headers == {"Prefer": "respond-async"}
    assert runs.create("http_request", defer=True).query == {"defer": "true"}


def calls_of(endpoint: dict[str, Any]) -> list[Call[object]]:
    """The calls of this file that go to an endpoint of the contract."""
    shape = re.compile(re.sub(r"\{\w+\}", "[^/]+", endpoint["path"]))
    return [each for each, _, _ in CALLS if each.method.lower() == endpoint["method"] and shape.fullmatch(each.path)]


@pytest.mark.parametrize("endpoint", CONTRACT["endpoints"], ids=lambda each: f"{each['method']} {each['path']}")
def test_every_endpoint_of_the_contract_has_a_call_that_can_say_all_of_it(endpoint: dict[str, Any]) -> None:
    calls = calls_of(endpoint)
    assert calls
    assert {name for call in calls for name in call.query} <= set(endpoint.get("query", {}))
    if "body" in endpoint:
        assert {name for call in calls for name in call.body or {}} <= set(endpoint["body"]["fields"])


def test_the_server_of_these_tests_speaks_as_the_contract_says(platform: Any) -> None:
    run, action = platform.add_run(), platform.add_action()
    entry = platform.add_log(run, "extraction_started", "Starting")
    for name, value in (("run", run), ("action", action), ("logEntry", entry)):
        jsonschema.validate(value, {"$ref": f"#/schemas/{name}", "schemas": CONTRACT["schemas"]})
