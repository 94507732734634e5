"""Automations and their runs through both clients, against a server on a real socket."""

import inspect
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from vai import AsyncClient, Automation, AutomationRun, Client, Conflict, Invalid, NotFound, Retries
from vai.call import Call
from vai.calls import automation_runs as runs
from vai.calls import automations as calls

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
STEPS = [
    {"key": "extract", "action": {"kind": "dlt_extract"}, "depends_on": [], "condition": {"type": "on_success"}},
    {
        "key": "tell",
        "action": {"kind": "http_request"},
        "depends_on": ["extract", {"step": "gate", "port": "approved"}],
        "condition": {"type": "on_success"},
    },
]
CALLS: list[tuple[Call[Any], str, object]] = [
    (calls.create({"name": "n"}), f"POST {AUTOMATIONS}", {"name": "n"}),
    (calls.validate({"name": "n"}), f"POST {AUTOMATIONS}/validate", {"name": "n"}),
    (calls.listing("q"), f"GET {AUTOMATIONS}", None),
    (calls.get("a"), f"GET {AUTOMATIONS}/a", None),
    (calls.by_slug("a/b"), f"GET {AUTOMATIONS}/slug/a%2Fb", None),
    (calls.update("a", {"name": "n"}), f"PATCH {AUTOMATIONS}/a", {"name": "n"}),
    (calls.body("a"), f"GET {AUTOMATIONS}/a/body", None),
    (calls.delete("a"), f"DELETE {AUTOMATIONS}/a", None),
    (calls.pause("a"), f"POST {AUTOMATIONS}/a/pause", None),
    (calls.resume("a"), f"POST {AUTOMATIONS}/a/resume", None),
    (calls.trigger("a"), f"POST {AUTOMATIONS}/a/trigger", {}),
    (calls.trigger("a", {"x": 1}, event={"type": "t"}), f"POST {AUTOMATIONS}/a/trigger",
     {"inputs": {"x": 1}, "event": {"type": "t"}}),
    (calls.graph("a"), f"GET {AUTOMATIONS}/a/graph", None),
    (runs.listing("a", status="failed"), f"GET {RUNS}", None),
    (runs.get("r"), f"GET {RUNS}/r", None),
    (runs.cancel("r"), f"POST {RUNS}/r/cancel", None),
    (runs.retry("r"), f"POST {RUNS}/r/retry", None),
    (runs.stream("r"), f"GET {RUNS}/r/stream", None),
    (runs.graph("r"), f"GET {RUNS}/r/graph", None),
]  # fmt: skip


@pytest.fixture(params=["blocking", "asynchronous"])
async def client(request: pytest.FixtureRequest, platform: Any) -> AsyncIterator[Any]:
    quick = Retries(first_delay=0.001)
    if request.param == "blocking":
        with Client(platform.url, platform.key, retries=quick) as blocking:
            yield blocking
    else:
        async with AsyncClient(platform.url, platform.key, retries=quick) as waiting:
            yield waiting


async def told(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


async def every(items: Any) -> list[Any]:
    return list(items) if isinstance(items, Iterable) else [item async for item in items]


@pytest.mark.parametrize(("call", "line", "body"), CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_call_has_the_documented_method_path_and_body(call: Call[Any], line: str, body: object) -> None:
    assert f"{call.method} {call.path}" == line
    assert call.body == body


def test_only_reads_and_triggers_with_an_idempotency_key_are_repeatable() -> None:
    assert [call for call, _, _ in CALLS if call.repeatable] == [call for call, _, _ in CALLS if call.method == "GET"]
    once = calls.trigger("a", idempotency_key="once")
    assert (once.repeatable, once.headers) == (True, {"Idempotency-Key": "once"})


async def test_an_automation_comes_back_typed_with_its_steps(client: Any, platform: Any) -> None:
    made = await told(client.automations.create({"name": "Orders", "slug": "orders", "steps": STEPS}))
    assert isinstance(made, Automation)
    assert (made.slug, made.max_parallel, made.latest_run) == ("orders", 3, None)
    assert [(step.key, step.kind, step.waits_for) for step in made.steps] == [
        ("extract", "dlt_extract", []),
        ("tell", "http_request", [("extract", None), ("gate", "approved")]),
    ]
    assert (await told(client.automations.by_slug("orders"))).id == made.id
    assert (await told(client.automations.update(made.id, {"name": "New"}))).name == "New"
    assert (await told(client.automations.pause(made.id))).status == "paused"
    assert (await told(client.automations.resume(made.id))).status == "active"
    assert await told(client.automations.delete(made.id)) is None
    with pytest.raises(NotFound):
        await told(client.automations.get(made.id))


async def test_what_is_wrong_with_an_automation_is_raised_with_its_place(client: Any, platform: Any) -> None:
    assert (await told(client.automations.validate({"steps": STEPS})))["valid"] is True
    platform.refuse(422, "the steps wait for each other", "body", "steps", 0, "depends_on")
    with pytest.raises(Invalid, match=r"steps\.0\.depends_on: the steps wait for each other"):
        await told(client.automations.validate({"steps": STEPS}))


async def test_a_trigger_sends_inputs_and_waits_when_asked(client: Any, platform: Any) -> None:
    automation = platform.add_automation(steps=STEPS)
    platform.on_create = platform.end
    run = await told(client.automations.trigger(automation["id"], {"day": "monday"}, wait=5))
    assert isinstance(run, AutomationRun)
    assert (run.inputs, run.succeeded, run.id) == ({"day": "monday"}, True, run.run_id)
    assert platform.seen[0].headers["prefer"] == "wait=5"


async def test_the_steps_and_the_error_of_an_automation_run_are_typed(client: Any, platform: Any) -> None:
    made = platform.add_automation_run(platform.add_automation(steps=STEPS))
    platform.move(made, "extract", "running")
    error = {"code": "DATA_ERROR", "message": "no", "details": {}, "retryable": False}
    platform.move(made, "extract", "failed", error=error)
    platform.end(made, "failed", error=error | {"step": "extract"})
    run = await told(client.automation_runs.get(made["runId"]))
    extract, tell = run.steps
    assert (extract.state, extract.duration_seconds, extract.error.code) == ("failed", 3.0, "DATA_ERROR")
    assert (tell.state, tell.duration_seconds, tell.run_id) == ("waiting", None, None)
    assert (run.error.step, run.ended, run.succeeded) == ("extract", True, False)
    assert run.action_run("extract").run_id == extract.run_id
    assert run.action_run("tell") is None


async def test_lists_are_read_page_by_page(client: Any, platform: Any) -> None:
    automation, other = platform.add_automation(), platform.add_automation()
    made = [platform.add_automation_run(automation)["runId"] for _ in range(5)]
    platform.add_automation_run(other)
    assert [run.id for run in await every(client.automation_runs.iterate(automation["id"], limit=2))] == made[::-1]
    assert [each.id for each in await every(client.automations.iterate(limit=1))] == [other["id"], automation["id"]]
    assert (await told(client.automations.list())).total == 2


async def test_waiting_returns_the_automation_run_when_it_has_ended(client: Any, platform: Any) -> None:
    made = platform.add_automation_run(platform.add_automation())
    looks = iter(range(5))
    platform.on_look = lambda held: platform.end(held) if next(looks, None) is None else None
    assert (await told(client.automation_runs.wait(made["runId"]))).succeeded
    assert [each.headers["prefer"] for each in platform.seen] == ["wait=60"]


@pytest.mark.parametrize("how", ["close", "break"])
async def test_the_stream_of_its_steps_goes_on_where_it_broke_to_the_end(client: Any, platform: Any, how: str) -> None:
    made = platform.add_automation_run(platform.add_automation(steps=STEPS))
    for state in ("running", "completed"):
        platform.move(made, "extract", state)
    platform.move(made, "tell", "skipped")
    platform.end(made)
    platform.pieces.extend([(1, how), (1, how)])
    stream = client.automation_runs.stream(made["runId"])
    changes = [(entry.data["step"], entry.data["state"]) for entry in await every(stream)]
    assert changes == [("extract", "running"), ("extract", "completed"), ("tell", "skipped")]
    assert stream.final_status == "completed"


async def test_an_automation_run_is_cancelled_and_retried(client: Any, platform: Any) -> None:
    made = platform.add_automation_run(platform.add_automation())
    assert (await told(client.automation_runs.cancel(made["runId"]))).status == "cancelled"
    assert (await told(client.automation_runs.retry(made["runId"]))).retry_of == made["runId"]
    platform.refuse(409, "the automation run has ended: it is completed")
    with pytest.raises(Conflict, match="has ended"):
        await told(client.automation_runs.cancel(made["runId"]))


async def test_one_that_is_scheduled_is_started_now(client: Any, platform: Any) -> None:
    made = platform.add_automation_run(platform.add_automation(), displayStatus="scheduled")
    assert (await told(client.automation_runs.execute(made["runId"]))).display_status == "queued"


async def test_a_graph_is_a_text(client: Any, platform: Any) -> None:
    automation = platform.add_automation()
    run = platform.add_automation_run(automation)
    assert (await told(client.automations.graph(automation["id"]))).startswith("flowchart TD")
    assert (await told(client.automation_runs.graph(run["runId"], "svg"))).startswith("<svg")
    with pytest.raises(NotFound):
        await told(client.automations.graph("nothing"))
