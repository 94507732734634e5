"""Automations on the whole stack: from a trigger to the last step (document 002)."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import httpx2

from tests.integration.automations import (
    AUTOMATION_RUNS,
    AUTOMATIONS,
    ended,
    run_to_end,
    runs_of,
    saved,
    states,
    step,
    told,
    triggered,
    when_step,
)
from tests.integration.listening import listening
from tests.integration.people import change_settings, client_for, new_team
from tests.integration.runs import decide, run_of, sample
from vai_devstack.stack import Stack
from vai_testkit.servers.sse import stream
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
GATE: dict[str, Any] = {"kind": "approval_gate", "definition": {"title": "Go on?"}}


def branch(key: str, field: str, value: Any, *after: Any) -> dict[str, Any]:
    conditions = [{"field": field, "operator": "gt", "value": value}]
    return step(key, *after, kind="conditional_branch", definition={"conditions": conditions})


def call(key: str, url: str, body: Any, *after: Any, when: str = "on_success") -> dict[str, Any]:
    return step(key, *after, when=when, kind="http_request", definition={"method": "POST", "url": url, "body": body})


async def test_data_goes_from_its_extraction_by_a_branch_to_a_webhook(
    stack: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    extract = step("extract", kind="dlt_extract", definition=sample(20, resources=["orders"], source_name="auto"))
    sql = "SELECT count(*) AS n, '$/inputs/day' AS day FROM {{ bronze_orders }}"
    inputs = [{"bronze_dataset": "bronze.auto.orders"}]
    definition = {"transform_name": "auto_orders", "sql": sql, "inputs": inputs}
    body = {
        "rows": "$/steps/extract/result/recordsProcessed",
        "text": "of $/inputs/day",
        "how": "$/steps/extract/status",
    }
    automation = await saved(
        api,
        extract,
        branch("any", "steps.extract.result.recordsProcessed", 0, "extract"),
        step("transform", {"step": "any", "port": "true"}, kind="duckdb_transform", definition=definition),
        call("empty", f"{web.url}/empty", {}, {"step": "any", "port": "false"}),
        call("tell", f"{web.url}/told", body, "transform", "empty"),
        call("alarm", f"{web.url}/alarm", {}, "tell", when="on_error"),
    )
    async with listening(stack.kafka, "automation.completed") as listener:
        run = await run_to_end(api, automation, inputs={"day": "it's Monday"})
        assert run["status"] == "completed", (run["error"], run["steps"])
        await listener.until(lambda heard: any(e.data.automation_run_id == run["runId"] for e, *_ in heard.seen))
    assert states(run) == {
        "extract": "completed", "any": "completed", "transform": "completed", "empty": "skipped", "tell": "completed",
        "alarm": "skipped",
    }  # fmt: skip
    assert [seen.target for seen in web.seen] == ["/told"]
    rows = run["actionRuns"][0]["result"]["recordsProcessed"]
    assert json.loads(web.seen[0].body) == {"rows": rows, "text": "of it's Monday", "how": "completed"}
    assert await told(database, [run["runId"]]) == {run["runId"]: ["automation.started", "automation.completed"]}


async def test_a_failure_is_told_and_a_retry_goes_on_from_it(api: httpx2.AsyncClient, web: WebServer) -> None:
    web.replies["/flaky"] = Reply(status=404)
    automation = await saved(
        api, step("first"), call("flaky", f"{web.url}/flaky", {}, "first"), step("last", "flaky"),
        call("alarm", f"{web.url}/alarm", {"why": "$/steps/flaky/status"}, "flaky", when="on_error"),
    )  # fmt: skip
    run = await run_to_end(api, automation)
    assert (run["status"], run["error"]["step"]) == ("failed", "flaky")
    assert states(run) == {"first": "completed", "flaky": "failed", "last": "skipped", "alarm": "completed"}
    assert json.loads(web.seen[-1].body) == {"why": "failed"}
    del web.replies["/flaky"]
    again = await api.post(f"{AUTOMATION_RUNS}/{run['runId']}/retry", headers={"Prefer": "wait=30"})
    assert (again.status_code, again.json()["status"]) == (201, "completed"), again.text
    assert again.json()["retryOf"] == run["runId"]
    assert again.json()["steps"][0]["runId"] == run["steps"][0]["runId"]
    assert (await api.post(f"{AUTOMATION_RUNS}/{again.json()['runId']}/retry")).status_code == 409


async def test_a_gate_waits_for_a_person_and_goes_on_by_the_port_that_they_choose(api: httpx2.AsyncClient) -> None:
    automation = await saved(
        api, step("ask", **GATE), step("go", {"step": "ask", "port": "approved"}),
        step("stop", {"step": "ask", "port": "rejected"}),
    )  # fmt: skip
    for verb, other in (("approve", "stop"), ("reject", "go")):
        made = await triggered(api, automation)
        gate = await when_step(api, made["runId"], "ask", "awaiting_approval")
        await run_when(api, gate["runId"], "awaiting_approval")
        assert (await decide(api, gate["runId"], verb)).status_code == 200
        run = await ended(api, made["runId"])
        assert (run["status"], states(run)[other]) == ("completed", "skipped")


async def test_a_rejection_that_no_port_takes_fails_the_automation(api: httpx2.AsyncClient) -> None:
    automation = await saved(api, step("ask", **GATE), step("go", "ask"))
    made = await triggered(api, automation)
    gate = await when_step(api, made["runId"], "ask", "awaiting_approval")
    await run_when(api, gate["runId"], "awaiting_approval")
    await decide(api, gate["runId"], "reject", json={"reason": "not today"})
    run = await ended(api, made["runId"])
    assert (run["status"], states(run)) == ("failed", {"ask": "rejected", "go": "skipped"})


async def test_an_event_starts_an_automation_once_and_a_loop_of_them_is_cut_off(
    api: httpx2.AsyncClient, database: Any
) -> None:
    source = await create_run(api, "dlt_extract", {"source": "noop"})
    await run_when(api, source["id"])
    trigger = {"type": "event", "eventType": "action.completed", "filters": {"kind": "conditional_branch"}}
    work: dict[str, Any] = {"kind": "conditional_branch", "definition": {"input": {"n": 1}, "conditions": [
        {"field": "n", "operator": "eq", "value": 1}]}}  # fmt: skip
    automation = await saved(api, step("again", **work), trigger=trigger)
    other = await create_run(api, "conditional_branch", work["definition"])
    runs: list[dict[str, Any]] = []

    async def cut_off() -> bool:
        runs[:] = await runs_of(api, automation)
        return any(run["status"] == "failed" for run in runs)

    await wait_for(cut_off, 60, every=0.1, what="the loop is cut off")
    await api.post(f"{AUTOMATIONS}/{automation['id']}/pause")
    assert len(runs) == 12
    assert "loop" in next(run for run in runs if run["status"] == "failed")["error"]["message"]
    first = (await api.get(f"{AUTOMATION_RUNS}/{runs[-1]['runId']}")).json()
    assert (first["triggeredBy"], first["event"]["data"]["runId"]) == ("event", other["id"])


async def test_an_events_conditions_filter_visibly(api: httpx2.AsyncClient) -> None:
    trigger = {"type": "event", "eventType": "action.completed", "filters": {"kind": "dlt_extract"}}
    conditions = [{"field": "event.data.recordCount", "operator": "gt", "value": 1_000_000}]
    automation = await saved(api, step("never"), trigger=trigger, conditions=conditions)
    await create_run(api, "dlt_extract", {"source": "sample", "rows": 3, "source_name": "filtered"})
    (run,) = await wait_for(lambda: runs_of(api, automation), 30, every=0.1, what="the automation run")
    seen = await ended(api, run["runId"])
    await api.post(f"{AUTOMATIONS}/{automation['id']}/pause")
    assert (seen["status"], seen["displayStatus"], seen["steps"]) == ("completed", "filtered", [])
    assert "event.data.recordCount gt 1000000: it was" in seen["reason"]


async def test_a_schedule_that_was_missed_fires_and_knows_its_next_time(api: httpx2.AsyncClient, database: Any) -> None:
    automation = await saved(api, step("tick"), trigger={"type": "schedule", "schedule": "0 3 * * *"})
    assert automation["nextRunAt"] is not None
    missed = datetime.fromisoformat(automation["nextRunAt"]) - timedelta(days=1)
    await database.execute("UPDATE automations SET due_at = $2 WHERE id = $1", UUID(automation["id"]), missed)

    async def fired() -> bool:
        return any(run["status"] == "completed" for run in await runs_of(api, automation))

    await wait_for(fired, 15, every=0.1, what="the schedule has fired")
    assert [run["triggeredBy"] for run in await runs_of(api, automation)] == ["schedule"]
    assert (await api.get(f"{AUTOMATIONS}/{automation['id']}")).json()["nextRunAt"] == automation["nextRunAt"]


async def test_a_called_automation_is_waited_for_and_its_results_are_there(api: httpx2.AsyncClient) -> None:
    inner = await saved(
        api, step("work", kind="dlt_extract", definition={"source": "sample", "rows": 7, "source_name": "sub"})
    )
    rows = "steps.call.result.steps.work.result.recordsProcessed"
    definition = {"automation": inner["slug"], "inputs": {"n": "$/inputs/n"}}
    work: dict[str, Any] = {"kind": "call_automation", "definition": definition}
    outer = await saved(api, step("call", **work), branch("enough", rows, 0, "call"))
    run = await run_to_end(api, outer, inputs={"n": 5})
    assert run["status"] == "completed", run
    assert [one["port"] for one in run["steps"]] == [None, "true"]
    called = await runs_of(api, inner)
    assert [(one["triggeredBy"], one["parentActionRunId"]) for one in called] == [
        ("automation", run["steps"][0]["runId"])
    ]


async def test_more_callers_than_slots_do_not_keep_what_they_call_from_running(api: httpx2.AsyncClient) -> None:
    innermost = await saved(api, step("work", kind="conditional_branch", definition={"input": {"n": 1}, "conditions": [
        {"field": "n", "operator": "eq", "value": 1}]}))  # fmt: skip
    work: dict[str, Any] = {"kind": "call_automation", "definition": {"automation": innermost["id"]}}
    outer = await saved(api, *(step(f"call{n}", **work) for n in range(150)), max_parallel=150)
    run = await run_to_end(api, outer)
    assert run["status"] == "completed"
    assert len(await runs_of(api, innermost)) == 100  # a page


async def test_what_is_cancelled_stops_with_all_that_it_called(api: httpx2.AsyncClient, web: WebServer) -> None:
    inner = await saved(api, step("ask", **GATE), step("then", "ask"))
    work: dict[str, Any] = {"kind": "call_automation", "definition": {"automation": inner["id"]}}
    endless = sample(100_000, slices=1_000, rows_per_second=50, source_name="slowly")
    slow = step("slow", kind="dlt_extract", definition=endless)
    outer = await saved(api, step("call", **work), slow, step("after", "call", "slow"))
    made = await triggered(api, outer)
    await when_step(api, made["runId"], "slow", "running")
    (called,) = await wait_for(lambda: runs_of(api, inner), 20, every=0.1, what="the called automation run")
    gate = await when_step(api, called["runId"], "ask", "awaiting_approval")
    await run_when(api, gate["runId"], "awaiting_approval")
    answer = await api.post(f"{AUTOMATION_RUNS}/{made['runId']}/cancel", headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert states(answer.json())["after"] == "skipped"
    assert (await ended(api, called["runId"]))["status"] == "cancelled"
    assert (await run_of(api, gate["runId"]))["status"] == "rejected"
    assert (await api.post(f"{AUTOMATION_RUNS}/{made['runId']}/cancel")).status_code == 409


async def test_its_stream_tells_each_change_once_and_resumes(stack: Stack, api: httpx2.AsyncClient) -> None:
    automation = await saved(api, step("a"), step("b", "a"), step("c", "b"))
    made = await triggered(api, automation)
    path = f"{AUTOMATION_RUNS}/{made['runId']}/stream"
    async with client_of(stack) as client:
        async with stream(client, path) as events:
            seen = await events.rest()
        assert [(one.data["event"], one.data["data"].get("step")) for one in seen[:-1]] == [
            ("automation_started", None), ("step_started", "a"), ("step_completed", "a"), ("step_started", "b"),
            ("step_completed", "b"), ("step_started", "c"), ("step_completed", "c"), ("automation_completed", None),
        ]  # fmt: skip
        assert (seen[-1].name, seen[-1].data) == ("end", {"status": "completed"})
        async with stream(client, path, **{"Last-Event-ID": seen[4].id or ""}) as events:
            assert [one.id for one in await events.rest()] == [one.id for one in seen[5:]]


async def test_it_is_drawn_with_its_states(api: httpx2.AsyncClient) -> None:
    automation = await saved(
        api, branch("check", "inputs.n", 3), step("yes", {"step": "check", "port": "true"}),
        step("no", {"step": "check", "port": "false"}),
    )  # fmt: skip
    run = await run_to_end(api, automation, inputs={"n": 5})
    text = (await api.get(f"{AUTOMATION_RUNS}/{run['runId']}/graph")).text
    assert ":::completed" in text
    assert ":::skipped" in text
    drawn = await api.get(f"{AUTOMATION_RUNS}/{run['runId']}/graph", headers={"Accept": "image/svg+xml"})
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert ElementTree.fromstring(drawn.text).tag.endswith("svg")
    assert "flowchart" in (await api.get(f"{AUTOMATIONS}/{automation['id']}/graph?format=mermaid")).text


async def test_a_limit_of_the_organisation_holds_for_steps(stack: Stack) -> None:
    team = await new_team(stack)
    await change_settings(stack, team.org_id, max_running=2)
    async with client_for(stack, team) as api:
        automation = await saved(api, *(step(f"s{n}") for n in range(12)), max_parallel=12)
        run = await run_to_end(api, automation)
    assert run["status"] == "completed"


async def test_a_paused_automation_can_be_tried_by_hand(api: httpx2.AsyncClient) -> None:
    automation = await saved(api, step("a"), enabled=False, trigger={"type": "schedule", "schedule": "* * * * *"})
    assert (automation["status"], automation["nextRunAt"]) == ("paused", None)
    assert (await run_to_end(api, automation))["status"] == "completed"


async def test_a_saved_action_that_is_deleted_puts_its_automation_into_error_until_it_is_mended(
    api: httpx2.AsyncClient,
) -> None:
    action = (await api.post("/api/v1/actions", json={**NOOP, "name": "to be deleted"})).json()
    automation = await saved(api, step("a", action_id=action["id"]))
    assert (await run_to_end(api, automation))["status"] == "completed"
    assert (await api.delete(f"/api/v1/actions/{action['id']}")).status_code == 204
    run = await run_to_end(api, automation)
    assert "is gone" in run["error"]["message"]
    broken = (await api.get(f"{AUTOMATIONS}/{automation['id']}")).json()
    assert (broken["status"], "is gone" in broken["error"]["message"]) == ("error", True)
    assert (await api.post(f"{AUTOMATIONS}/{automation['id']}/resume")).status_code == 409
    mended = await api.patch(f"{AUTOMATIONS}/{automation['id']}", json={"steps": [step("a")]})
    assert (mended.json()["status"], mended.json()["error"]) == ("active", None)
    assert (await run_to_end(api, automation))["status"] == "completed"
