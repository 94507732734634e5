"""A look at an automation run: what it starts, skips, ends, tells and leaves behind (document 002)."""

import asyncio
import json
from typing import Any

import pytest

from services.scheduler.tests.stage import Stage, step
from vai_common.messages.bell import AUTOMATION
from vai_records.automations import automations, runs
from vai_records.definitions.conditions import RootedCondition, judge
from vai_scheduler import first_look
from vai_testkit.automations import NOOP, start

_GT_3 = [{"field": "inputs.n", "operator": "gt", "value": 3}]


def branch(key: str, *after: Any) -> dict[str, Any]:
    return step(key, *after, kind="conditional_branch", definition={"conditions": _GT_3})


async def test_the_first_look_starts_what_waits_for_nothing(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("b"), step("c", "a"))
    assert await stage.states(run_id) == {"a": "running", "b": "running", "c": "waiting"}
    assert await stage.told(run_id) == ["automation.started"]
    assert await stage.logged(run_id) == ["automation_started", "step_started", "step_started"]
    rung = [await stage.run_of(run_id, key) for key in "ab"]
    assert stage.bell.rung == [("dlt_extract", one) for one in rung]


async def test_a_steps_run_says_whose_it_is(stage: Stage) -> None:
    run_id = await stage.begun(step("a"))
    run = await stage.database.run(await stage.run_of(run_id, "a"))
    assert (run["trigger_method"], run["trigger_source_type"]) == ("automation", "automation_run")
    assert run["trigger_source_id"] == str(run_id)
    assert run["idempotency_key"] == run["concurrency_key"] == f"{run_id}\x1fa\x1f1"


async def test_no_more_than_max_parallel_run_at_once(stage: Stage) -> None:
    run_id = await stage.begun(*(step(f"s{n}") for n in range(5)), max_parallel=2)
    assert list((await stage.states(run_id)).values()).count("running") == 2
    await stage.end(run_id, "s0")
    assert list((await stage.states(run_id)).values()).count("running") == 2


async def test_a_chain_goes_on_step_by_step_to_its_end(stage: Stage) -> None:
    run_id = await stage.begun(actions=[NOOP, NOOP])
    await stage.end(run_id, "dlt_extract")
    await stage.end(run_id, "dlt_extract_2")
    row = await stage.row(run_id)
    assert (row["status"], row["error"], row["completed_at"] is None) == ("completed", None, False)
    assert await stage.told(run_id) == ["automation.started", "automation.completed"]


async def test_a_failure_ends_it_and_what_follows_is_skipped(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("b", "a"), step("c", "b"))
    error = {"code": "DATA_ERROR", "message": "no such table", "details": {}, "retryable": False}
    await stage.end(run_id, "a", "failed", error=error)
    assert await stage.states(run_id) == {"a": "failed", "b": "skipped", "c": "skipped"}
    row = await stage.row(run_id)
    assert (row["status"], row["error"]["step"], row["error"]["message"]) == ("failed", "a", "step a: no such table")
    assert await stage.told(run_id) == ["automation.started", "automation.failed"]


async def test_what_was_wrong_is_still_known_when_a_later_look_ends_it(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("mend", "a", when="on_error"))
    await stage.end(
        run_id, "a", "failed", error={"code": "TIMEOUT", "message": "too slow", "details": {}, "retryable": False}
    )
    assert await stage.states(run_id) == {"a": "failed", "mend": "running"}
    await stage.end(run_id, "mend")
    row = await stage.row(run_id)
    assert (row["status"], row["error"]["code"], row["error"]["message"]) == ("failed", "TIMEOUT", "step a: too slow")


async def test_a_branch_is_judged_on_the_inputs_and_its_port_is_the_way(stage: Stage) -> None:
    run_id = await stage.begun(
        branch("check"), step("yes", {"step": "check", "port": "true"}), step("no", {"step": "check", "port": "false"}),
        step("join", "yes", "no"), inputs={"n": 5},
    )  # fmt: skip
    run = await stage.database.run(await stage.run_of(run_id, "check"))
    assert run["definition"]["input"] == {"inputs": {"n": 5}}
    await stage.end(run_id, "check", result={"port": "true"})
    assert await stage.states(run_id) == {"check": "completed", "yes": "running", "no": "passed_by", "join": "waiting"}
    said = [row["data"] for row in await stage.database.log(run_id) if row["event"] == "step_skipped"]
    assert [(data["step"], data["state"]) for data in said] == [("no", "skipped")], "as the API says it"
    await stage.end(run_id, "yes")
    assert (await stage.states(run_id))["join"] == "running"


async def test_a_reference_brings_a_result_into_the_next_step(stage: Stage) -> None:
    body = {
        "rows": "$/steps/a/result/rows",
        "text": "got $/steps/a/result/rows from $/inputs/who",
        "was": "$/steps/a/status",
    }
    call = step(
        "b", "a", kind="http_request", definition={"url": "https://example.com", "method": "POST", "body": body}
    )
    run_id = await stage.begun(step("a"), call, inputs={"who": "Ada"})
    await stage.end(run_id, "a", result={"rows": 7})
    run = await stage.database.run(await stage.run_of(run_id, "b"))
    assert run["definition"]["body"] == {"rows": 7, "text": "got 7 from Ada", "was": "completed"}


async def test_a_reference_that_leads_nowhere_fails_its_step_and_says_what_was_there(stage: Stage) -> None:
    call = step("b", "a", kind="http_request", definition={"url": "$/steps/a/result/address", "method": "GET"})
    run_id = await stage.begun(step("a"), call)
    await stage.end(run_id, "a", result={"rows": 7})
    row = await stage.row(run_id)
    assert row["status"] == "failed"
    assert row["error"]["message"] == (
        "step b: $/steps/a/result/address leads nowhere: steps/a/result has rows, not 'address'"
    )
    assert await stage.run_of(run_id, "b") is None


async def test_a_default_stands_in_for_an_input_that_was_not_given(stage: Stage) -> None:
    call = step("a", kind="http_request", definition={"url": "$/inputs/url", "method": "GET"})
    saved = await stage.save(call, inputs={"url": {"type": "string", "default": "https://example.com"}})
    run_id = await stage.begin(saved)
    run = await stage.database.run(await stage.run_of(run_id, "a"))
    assert run["definition"]["url"] == "https://example.com"


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ({"n": {"type": "integer", "required": True}}, {}, "the input 'n' is required and was not given"),
        ({"n": {"type": "integer"}}, {"n": "5"}, "the input 'n' is not of the type integer"),
        ({"n": {"type": "number"}}, {"n": True}, "the input 'n' is not of the type number"),
    ],
)
async def test_inputs_that_do_not_fit_end_it_before_it_begins(
    stage: Stage, declared: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    run_id = await stage.begin(await stage.save(step("a"), inputs=declared), inputs=given)
    row = await stage.row(run_id)
    assert (row["status"], row["error"]["message"]) == ("failed", message)
    assert await stage.states(run_id) == {}


@pytest.mark.parametrize(
    ("wanted", "seen", "reason"),
    [
        (True, None, "event.data.v eq true: it was null"),
        (None, False, "event.data.v eq null: it was false"),
        ("a", {"b": [True]}, 'event.data.v eq "a": it was {"b":[true]}'),
        (1, "it's", 'event.data.v eq 1: it was "it\'s"'),
    ],
)
def test_a_reason_shows_values_as_json_writes_them(wanted: Any, seen: Any, reason: str) -> None:
    condition = RootedCondition.model_validate({"field": "event.data.v", "operator": "eq", "value": wanted})
    assert first_look._why(judge([condition], {"event": {"data": {"v": seen}}})[0]) == reason


async def test_conditions_that_do_not_hold_filter_it_visibly_and_without_an_event(stage: Stage) -> None:
    saved = await stage.save(step("a"), conditions=[{"field": "event.data.total", "operator": "gt", "value": 100}])
    run_id = await stage.begin(saved, event={"data": {"total": 7}})
    row = await stage.row(run_id)
    assert (row["status"], row["outcome"], row["reason"]) == (
        "completed",
        "filtered",
        "event.data.total gt 100: it was 7",
    )
    assert (await stage.states(run_id), await stage.told(run_id)) == ({}, [])
    assert await stage.logged(run_id) == ["automation_filtered"]


async def test_conditions_that_hold_let_it_begin(stage: Stage) -> None:
    saved = await stage.save(step("a"), conditions=[{"field": "event.data.total", "operator": "gt", "value": 100}])
    run_id = await stage.begin(saved, event={"data": {"total": 107}})
    assert await stage.states(run_id) == {"a": "running"}


async def test_looking_twice_does_nothing_twice(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("b", "a"))
    before = len(stage.bell.rung)
    assert await stage.looker.look(run_id) is not None
    assert len(stage.bell.rung) == before
    assert await stage.logged(run_id) == ["automation_started", "step_started"]


async def test_many_who_look_at_once_start_each_step_once(stage: Stage) -> None:
    run_id = await start(stage.gateway, await stage.save(*(step(f"s{n}") for n in range(20)), max_parallel=20))
    looked = await asyncio.gather(*(stage.looker.look(run_id) for _ in range(8)))
    assert any(one is not None for one in looked)
    count = "SELECT count(*) FROM runs WHERE trigger_source_id = $1"
    assert await stage.pool.fetchval(count, str(run_id)) == 20
    assert (await stage.logged(run_id)).count("step_started") == 20


async def test_who_finds_another_looking_is_told_to_come_again(stage: Stage) -> None:
    run_id = await start(stage.gateway, await stage.save(step("a")))
    async with stage.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM automation_runs WHERE id = $1 FOR UPDATE", run_id)
        assert await stage.looker.look(run_id) is None
    assert await stage.looker.look(run_id) is not None


async def test_what_has_ended_is_left_alone(stage: Stage) -> None:
    run_id = await stage.begun(step("a"))
    await stage.end(run_id, "a")
    before = await stage.logged(run_id)
    assert await stage.looker.look(run_id) is not None
    assert await stage.logged(run_id) == before


async def test_one_that_is_to_stop_starts_nothing_more_and_ends_when_its_runs_have(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("b", "a"))
    await stage.gateway.execute("UPDATE automation_runs SET control = 'cancel' WHERE id = $1", run_id)
    assert await stage.looker.look(run_id) is not None
    assert await stage.states(run_id) == {"a": "running", "b": "skipped"}
    await stage.end(run_id, "a")
    assert (await stage.row(run_id))["status"] == "cancelled"
    assert await stage.told(run_id) == ["automation.started", "automation.cancelled"]


async def test_one_that_is_stopped_before_it_begins_never_begins(stage: Stage) -> None:
    run_id = await start(stage.gateway, await stage.save(step("a")))
    await stage.gateway.execute("UPDATE automation_runs SET control = 'cancel' WHERE id = $1", run_id)
    assert await stage.looker.look(run_id) is not None
    assert ((await stage.row(run_id))["status"], await stage.states(run_id)) == ("cancelled", {})


async def test_a_gate_waits_held_and_a_rejection_goes_by_its_port(stage: Stage) -> None:
    run_id = await stage.begun(
        step("ask", kind="approval_gate", definition={}), step("go", {"step": "ask", "port": "approved"}),
        step("stop", {"step": "ask", "port": "rejected"}),
    )  # fmt: skip
    gate = await stage.run_of(run_id, "ask")
    assert (await stage.database.where(gate), stage.bell.rung) == ("pending/held", [("held", gate)])
    await stage.database.change(gate, "status = 'rejected', phase = 'done', held_for = NULL, completed_at = now()")
    assert await stage.looker.look(run_id) is not None
    assert await stage.states(run_id) == {"ask": "rejected", "go": "passed_by", "stop": "running"}
    await stage.end(run_id, "stop")
    assert (await stage.row(run_id))["status"] == "completed"


async def test_a_retry_keeps_what_succeeded(stage: Stage) -> None:
    saved = await stage.save(step("a"), step("b", "a"), step("c", "b"))
    first = await stage.begin(saved)
    await stage.end(first, "a", result={"rows": 1})
    await stage.end(
        first, "b", "failed", error={"code": "TIMEOUT", "message": "slow", "details": {}, "retryable": False}
    )
    again = await stage.begin(saved, retry_of=first)
    assert await stage.states(again) == {"a": "completed", "b": "running", "c": "waiting"}
    assert await stage.run_of(again, "a") == await stage.run_of(first, "a")


async def test_a_retry_gives_the_alarm_again_when_it_fails_again(stage: Stage) -> None:
    saved = await stage.save(step("a"), step("alarm", "a", when="on_error"))
    first = await stage.begin(saved)
    error = {"code": "TIMEOUT", "message": "slow", "details": {}, "retryable": False}
    await stage.end(first, "a", "failed", error=error)
    await stage.end(first, "alarm")
    again = await stage.begin(saved, retry_of=first)
    assert await stage.states(again) == {"a": "running", "alarm": "waiting"}
    await stage.end(again, "a", "failed", error=error)
    assert await stage.states(again) == {"a": "failed", "alarm": "running"}


async def test_a_transform_without_a_name_is_called_like_its_step(stage: Stage) -> None:
    run_id = await stage.begun(step("daily", action={"kind": "duckdb", "definition": {"sql": "SELECT 1"}}))
    run = await stage.database.run(await stage.run_of(run_id, "daily"))
    assert run["definition"] == {"transform_name": "daily", "sql": "SELECT 1"}


async def test_a_schedules_run_that_meets_an_earlier_one_is_skipped(stage: Stage) -> None:
    saved = await stage.save(step("a"), trigger={"type": "schedule", "schedule": "0 * * * *"})
    first = await stage.begin(saved, triggered_by="schedule")
    second = await stage.begin(saved, triggered_by="schedule")
    row = await stage.row(second)
    assert (row["status"], row["outcome"]) == ("completed", "skipped")
    assert str(first) in row["reason"]


async def test_a_schedules_run_that_is_to_queue_begins_after_the_one_before(stage: Stage) -> None:
    trigger = {"type": "schedule", "schedule": "0 * * * *", "overlap": "queue"}
    saved = await stage.save(step("a"), trigger=trigger)
    first = await stage.begin(saved, triggered_by="schedule")
    second = await stage.begin(saved, triggered_by="schedule")
    assert await stage.states(second) == {}
    await stage.end(first, "a")
    assert (AUTOMATION, second) in stage.bell.rung
    assert await stage.looker.look(second) is not None
    assert await stage.states(second) == {"a": "running"}


async def test_a_loop_is_cut_off_without_an_event_that_would_go_on_with_it(stage: Stage) -> None:
    run_id = await stage.begin(await stage.save(step("a")), depth=11)
    row = await stage.row(run_id)
    assert (row["status"], "loop" in row["error"]["message"]) == ("failed", True)
    assert await stage.told(run_id) == []


async def test_what_no_look_can_get_through_is_given_up_with_the_reason(stage: Stage) -> None:
    run_id = await stage.begun(step("a"), step("b", "a"))
    assert await stage.looker.give_up(run_id, KeyError("gone")) == 0
    row = await stage.row(run_id)
    assert (row["status"], row["error"]["code"], "KeyError" in row["error"]["message"]) == (
        "failed",
        "INTERNAL_ERROR",
        True,
    )
    assert await stage.states(run_id) == {"a": "cancelled", "b": "cancelled"}
    assert await stage.told(run_id) == ["automation.started", "automation.failed"]
    at_work = await stage.run_of(run_id, "a")
    assert at_work in (await runs.left_behind(stage.gateway))[stage.org_id], "the gateway cancels what goes on"


async def test_a_retry_by_a_later_version_does_again_what_was_changed(stage: Stage) -> None:
    saved = await stage.save(step("a"), step("b"), step("c", "b"), step("d"))
    run_id = await stage.begin(saved)
    for key in ("a", "b", "d"):
        await stage.end(run_id, key)
    await stage.end(run_id, "c", "failed")
    sample = {"kind": "dlt_extract", "definition": {"source": "sample"}}
    later = await stage.save(step("a"), step("b", **sample), step("c", "b"), step("e"), step("d"))
    columns = {"retry_of": run_id, "version_id": later.version_id}
    again = await stage.begin(saved, **columns)
    assert await stage.states(again) == {
        "a": "completed", "b": "running", "c": "waiting", "d": "completed", "e": "running"
    }  # fmt: skip


async def test_what_cannot_begin_for_its_inputs_is_told(stage: Stage) -> None:
    saved = await stage.save(step("a"), inputs={"n": {"type": "integer", "required": True}})
    for inputs in ({}, {"n": "5"}, {"n": None}):
        run_id = await stage.begin(saved, inputs=inputs)
        assert (await stage.row(run_id))["status"] == "failed"
        assert await stage.told(run_id) == ["automation.failed"]


@pytest.mark.parametrize(
    ("limit", "fails_with"),
    [
        (30, None),
        (0.5, None),
        ("30", '"30"'),
        (True, "true"),
        ("soon", '"soon"'),
        (-1, "-1"),
        (None, None),
        ([30], "timeout_seconds"),
    ],
)
async def test_what_a_reference_brings_is_read_strictly(stage: Stage, limit: Any, fails_with: str | None) -> None:
    """Resolved, then parsed again: another type fails the step at once, with the field and the value (rule 21)."""
    step = {"key": "a", "kind": "dlt_extract", "definition": {"source": "noop", "timeout_seconds": "$/inputs/limit"}}
    run_id = await stage.begun(step, inputs={"limit": limit})
    row = await stage.step(run_id, "a")
    if fails_with is None:
        assert row["state"] == "running"
        return
    assert (row["state"], row["error"]["code"], row["error"]["details"]) == (
        "failed",
        "DATA_ERROR",
        {"field": "timeout_seconds"},
    )
    assert fails_with in row["error"]["message"]


async def test_a_step_that_an_older_version_stored_loosely_runs_as_it_did(stage: Stage) -> None:
    saved = await stage.save({"key": "a", "kind": "dlt_extract", "definition": {"source": "noop"}})
    text = """UPDATE automation_versions SET definition = jsonb_set(definition, '{steps,0,definition,timeout_seconds}',
        '"30"') WHERE automation_id = $1"""
    await (await stage.database.owner()).execute(text, saved.id)
    run_id = await stage.begin(saved)
    assert (await stage.database.run(await stage.run_of(run_id, "a")))["definition"]["timeout_seconds"] == 30


DAMAGES = ["{steps}|[1]", '{steps}|"x"', '{steps,0,condition}|"later"', '{steps,0,kind}|"new"', "{max_parallel}|0"]


@pytest.mark.parametrize("control", [None, "cancel"])
@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_cannot_be_read_ends_and_its_automation_says_why(
    stage: Stage, damage: str, control: str | None
) -> None:
    saved = await stage.save(step("a"))
    path, _, value = damage.partition("|")
    text = "UPDATE automation_versions SET definition = jsonb_set(definition, $2::text[], $3) WHERE automation_id = $1"
    await stage.pool.execute(text, saved.id, path.strip("{}").split(","), json.loads(value))
    run_id = await start(stage.gateway, saved)
    await stage.pool.execute("UPDATE automation_runs SET control = $2 WHERE id = $1", run_id, control)
    assert await stage.looker.look(run_id) == 0
    row = await stage.row(run_id)
    assert (row["status"], row["error"]["code"]) == ("cancelled" if control else "failed", "INTERNAL_ERROR")
    assert "cannot be read" in row["error"]["message"]
    found = await automations.get(stage.gateway, stage.org_id, saved.id)
    assert (found["status"], found["error"]["code"], found["definition"]["steps"]) == ("error", "INTERNAL_ERROR", [])
