"""What each call sends, held against the endpoints of documents 001 and 003."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vai import actions, connections, logs, runs
from vai.call import Call

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
