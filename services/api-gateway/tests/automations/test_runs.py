"""Automation runs: triggered by hand, read, waited for, cancelled with all that runs of them, retried."""

import asyncio
from itertools import product
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations import start as triggering
from vai_api_gateway.automations.shapes import AutomationRunsShape, WholeAutomationRunShape
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.idempotency import is_same
from vai_records.automations import runs as automation_runs
from vai_records.automations.advance import StepStatus
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.steps import Change
from vai_testkit.scheduling import Scheduling
from vai_testkit.services import OtherServices
from vai_testkit.team import Team

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
STEPS = [
    {"key": "load", "name": "Load", **NOOP},
    {"key": "gate", "kind": "approval_gate", "depends_on": ["load"]},
    {"key": "tell", **NOOP, "depends_on": [{"step": "gate", "port": "approved"}]},
]


async def make(api: httpx2.AsyncClient, **parts: Any) -> dict[str, Any]:
    answer = await api.post(AUTOMATIONS, json={"name": "Nightly", "steps": STEPS} | parts)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def trigger(api: httpx2.AsyncClient, made: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json=said)
    assert answer.status_code == 201, answer.text
    WholeAutomationRunShape.model_validate(answer.json())
    run: dict[str, Any] = answer.json()
    return run


async def read(api: httpx2.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"{RUNS}/{run['runId']}")
    assert answer.status_code == 200, answer.text
    WholeAutomationRunShape.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def status_of(api: httpx2.AsyncClient, run_id: str) -> str:
    return str((await api.get(f"/api/v1/action-runs/{run_id}")).json()["displayStatus"])


async def test_a_trigger_makes_a_run_that_waits_for_its_scheduler(api: httpx2.AsyncClient, team: Team) -> None:
    made = await make(api)
    run = await trigger(api, made, inputs={"day": "monday"}, event={"type": "test", "data": {"n": 1}})
    assert (run["status"], run["displayStatus"], run["triggeredBy"]) == ("running", "queued", "manual")
    assert (run["automationId"], run["createdBy"], run["retryOf"]) == (made["id"], str(team.user_id), None)
    assert (run["inputs"], run["event"]) == ({"day": "monday"}, {"type": "test", "data": {"n": 1}})
    assert (run["startedAt"], run["completedAt"], run["actionRuns"]) == (None, None, [])
    assert [(step["key"], step["state"]) for step in run["steps"]] == [
        ("load", "waiting"),
        ("gate", "waiting"),
        ("tell", "waiting"),
    ]
    assert await read(api, run) == run
    latest = (await api.get(f"{AUTOMATIONS}/{made['id']}")).json()["latestRun"]
    assert (latest["runId"], latest["displayStatus"]) == (run["runId"], "queued")


async def test_a_run_tells_of_every_step(
    api: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run = await trigger(api, await make(api))
    await scheduling.begin(run["runId"])
    load = await scheduling.start(run["runId"], "load")
    assert (await read(api, run))["displayStatus"] == "running"
    await others.end(load, result={"rows": 3})
    gate = await scheduling.start(run["runId"], "gate", "approval_gate")
    await others.end(gate, result={"port": "rejected"})
    await scheduling.change(
        run["runId"],
        Change("load", StepStatus.COMPLETED),
        Change("gate", StepStatus.COMPLETED, port="rejected"),
        Change("tell", StepStatus.PASSED_BY, reason="gate went on by its port rejected"),
    )
    await scheduling.end(run["runId"])
    found = await read(api, run)
    assert (found["status"], found["displayStatus"]) == ("completed", "completed")
    assert [
        (s["key"], s["name"], s["kind"], s["state"], s["port"], s["reason"], s["runId"]) for s in found["steps"]
    ] == [
        ("load", "Load", "dlt_extract", "completed", None, None, load),
        ("gate", None, "approval_gate", "completed", "rejected", None, gate),
        ("tell", None, "dlt_extract", "skipped", None, "gate went on by its port rejected", None),
    ]
    assert [(r["stepKey"], r["runId"], r["status"], r["result"]) for r in found["actionRuns"]] == [
        ("load", load, "completed", {"rows": 3}),
        ("gate", gate, "completed", {"port": "rejected"}),
    ]
    assert all(step["startedAt"] and step["completedAt"] for step in found["steps"][:2])


@pytest.mark.parametrize(
    ("outcome", "status", "shown"),
    [(None, "failed", "failed"), ("filtered", "completed", "filtered"), ("skipped", "completed", "skipped")],
)
async def test_an_end_says_what_it_was(
    api: httpx2.AsyncClient, scheduling: Scheduling, outcome: str | None, status: str, shown: str
) -> None:
    run = await trigger(api, await make(api))
    await scheduling.end(run["runId"], status, outcome=outcome, reason="because", error={"message": "no"})
    found = await read(api, run)
    assert (found["status"], found["displayStatus"], found["reason"]) == (status, shown, "because")
    assert (found["steps"], found["error"]) == ([], {"message": "no"})


@pytest.mark.parametrize("status", ["paused", "error"])
async def test_one_that_does_not_fire_can_be_tried_by_hand(
    api: httpx2.AsyncClient, gateway: Gateway, status: str
) -> None:
    made = await make(api)
    await gateway.pool.execute("UPDATE automations SET status = $1", status)
    assert (await api.post(f"{AUTOMATIONS}/{made['id']}/trigger")).status_code == 201


@pytest.mark.parametrize(
    ("inputs", "faults"),
    [
        ({"n": 1}, []),
        ({"n": 1, "s": None, "m": 1.5, "o": {}, "b": True}, []),
        ({}, [(["body", "inputs", "n"], "missing")]),
        ({"n": True}, [(["body", "inputs", "n"], "type_error")]),
        ({"n": 1.5}, [(["body", "inputs", "n"], "type_error")]),
        ({"n": 1, "o": 7, "s": []}, [(["body", "inputs", "o"], "type_error"), (["body", "inputs", "s"], "type_error")]),
        ({"n": 1, "x": 1}, [(["body", "inputs", "x"], "extra")]),
        ([], [(["body", "inputs"], "dict_type")]),
    ],
)
async def test_inputs_are_held_against_what_is_declared(
    api: httpx2.AsyncClient, inputs: Any, faults: list[Any]
) -> None:
    declared = {
        "n": {"type": "integer", "required": True},
        "s": {"type": "string", "default": "x", "required": True},
        "m": {"type": "number"},
        "o": {"type": "object"},
        "b": {"type": "boolean"},
    }
    made = await make(api, inputs=declared)
    answer = await api.post(f"{AUTOMATIONS}/{made['id']}/trigger", json={"inputs": inputs})
    assert answer.status_code == (422 if faults else 201), answer.text
    assert [(fault["loc"], fault["type"]) for fault in answer.json().get("detail", [])] == faults


async def test_an_idempotency_key_makes_one_run(api: httpx2.AsyncClient) -> None:
    path = f"{AUTOMATIONS}/{(await make(api))['id']}/trigger"
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(*(api.post(path, json={"inputs": {"a": 1}}, headers=headers) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["runId"] for answer in answers}) == 1
    assert (await api.post(path, json={"inputs": {"a": 2}}, headers=headers)).status_code == 409
    assert (await api.post(path, json={"inputs": {"a": 1}}, headers={"Idempotency-Key": "k2"})).status_code == 201
    other = f"{AUTOMATIONS}/{(await make(api, name='other'))['id']}/trigger"
    assert (await api.post(other, json={"inputs": {"a": 1}}, headers=headers)).status_code == 201


async def test_an_idempotency_key_takes_nothing_else_for_the_same(api: httpx2.AsyncClient) -> None:
    path = f"{AUTOMATIONS}/{(await make(api))['id']}/trigger"
    alike = [1, True, 1.0, "1", [1], 0, False, None, 0.5, 1e15, 1e16, 1e23, 5e-324, "", [], {}, {"a": 1}, {"a": True}]
    for number, one in enumerate(alike):
        key = {"Idempotency-Key": f"k{number}"}
        made = await api.post(path, json={"inputs": {"x": one}}, headers=key)
        assert made.status_code == 201, made.text
        again = await api.post(path, json={"inputs": {"x": one}}, headers=key)
        assert (again.status_code, again.json()["runId"]) == (200, made.json()["runId"]), one
        other = alike[number - 1]
        assert (await api.post(path, json={"inputs": {"x": other}}, headers=key)).status_code == 409, (one, other)


def test_no_two_contents_are_the_same() -> None:
    alike = [
        0,
        False,
        -1,
        1,
        True,
        1.0,
        "1",
        1e16 - 2,
        1e16,
        1e16 + 2,
        "true",
        [1],
        [True],
        {"a": 1},
        {"a": True},
        None,
    ]
    for one, other in product(range(len(alike)), repeat=2):
        assert is_same(alike[one], alike[other]) is (one == other), (alike[one], alike[other])
    assert is_same({"a": 0.0, "b": 10**23}, {"b": 1e23, "a": -0.0})


async def test_lists_filter_and_page(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, scheduling: Scheduling, others: OtherServices
) -> None:
    first, second = await make(api), await make(api, name="other")
    a, b, c = [await trigger(api, one) for one in (first, first, second)]
    await scheduling.begin(a["runId"])
    await others.end(await scheduling.start(a["runId"], "load"), result={"rows": 3})
    await scheduling.end(b["runId"], "failed")
    version = await gateway.pool.fetchval("SELECT version_id FROM automations WHERE id = $1", UUID(second["id"]))
    new = NewAutomationRun(team.org_id, UUID(second["id"]), version, "schedule")
    await automation_runs.create(gateway.pool, [new])

    async def found(query: str) -> list[str]:
        answer = await api.get(f"{RUNS}?{query}")
        assert answer.status_code == 200, answer.text
        AutomationRunsShape.model_validate(answer.json())
        assert answer.json()["total"] == len(answer.json()["automationRuns"])
        return [run["runId"] for run in answer.json()["automationRuns"]]

    assert await found("") == [str(new.id), c["runId"], b["runId"], a["runId"]]
    assert await found(f"automation_id={first['id']}") == [b["runId"], a["runId"]]
    assert await found("status=FAILED,cancelled") == [b["runId"]]
    assert await found("triggered_by=schedule&triggered_by=webhook") == [str(new.id)]
    assert await found(f"automation_id={second['id']}&triggered_by=manual&status=running") == [c["runId"]]
    page = (await api.get(f"{RUNS}?limit=2&offset=2")).json()
    assert (page["total"], page["hasNext"]) == (4, False)
    (action_run,) = page["automationRuns"][1]["actionRuns"]
    assert (action_run["stepKey"], action_run["status"], "result" in action_run) == ("load", "completed", False)
    assert (await api.get(f"{RUNS}?limit=1")).json()["total"] == 4
    assert (await api.get(f"{RUNS}?limit=1&triggered_by=manual")).json()["total"] == 3
    assert page["users"][str(team.user_id)]["firstName"] == "Ada"


async def test_a_wait_ends_with_the_run(api: httpx2.AsyncClient, alive: Gateway, scheduling: Scheduling) -> None:
    run = await trigger(api, await make(api))
    waiting = asyncio.create_task(api.get(f"{RUNS}/{run['runId']}", headers={"Prefer": "wait=20"}))
    await scheduling.begin(run["runId"])
    await scheduling.end(run["runId"])
    answer = await asyncio.wait_for(waiting, 10)
    assert (answer.json()["status"], answer.headers["Preference-Applied"]) == ("completed", "wait=20")


async def test_a_wait_has_its_time(api: httpx2.AsyncClient, alive: Gateway) -> None:
    answer = await api.post(f"{AUTOMATIONS}/{(await make(api))['id']}/trigger", headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json()["displayStatus"]) == (201, "queued")


async def test_a_cancelled_run_is_stopped_at_every_step(
    api: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices
) -> None:
    run = await trigger(api, await make(api))
    await scheduling.begin(run["runId"])
    queued = await scheduling.start(run["runId"], "load")
    leased = await scheduling.start(run["runId"], "tell")
    await others.claim(leased)
    gate = await scheduling.start(run["runId"], "gate", "approval_gate", held_for="approval", requires_approval=True)
    await others.ask_approval(gate)

    answer = await api.post(f"{RUNS}/{run['runId']}/cancel")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["displayStatus"]) == ("running", "cancelling")
    assert await status_of(api, queued) == "cancelled"
    assert await status_of(api, leased) == "cancelling"
    rejected = (await api.get(f"/api/v1/action-runs/{gate}")).json()
    assert (rejected["status"], rejected["error"]["message"]) == ("rejected", "automation cancelled")
    assert (await api.post(f"{RUNS}/{run['runId']}/cancel")).status_code == 200

    await scheduling.end(run["runId"], "cancelled")
    answer = await api.post(f"{RUNS}/{run['runId']}/cancel")
    assert (answer.status_code, "cancelled" in answer.text) == (409, True)


async def test_what_was_called_is_cancelled_with_its_caller(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, scheduling: Scheduling, others: OtherServices
) -> None:
    made = await make(api)
    version = await gateway.pool.fetchval("SELECT version_id FROM automations")

    async def called_by(caller: str) -> str:
        new = NewAutomationRun(team.org_id, UUID(made["id"]), version, "automation", parent_run_id=UUID(caller))
        await automation_runs.create(gateway.pool, [new])
        await scheduling.begin(new.id)
        return str(new.id)

    async def tree() -> tuple[dict[str, Any], str, list[str], list[str]]:
        """An automation run whose step has called one, whose step has called another with a run and a child."""
        run = await trigger(api, made)
        await scheduling.begin(run["runId"])
        caller = await scheduling.start(run["runId"], "load", "call_automation")
        middle = await called_by(caller)
        second = await scheduling.start(middle, "load", "call_automation")
        last = await called_by(second)
        leaf = await scheduling.start(last, "load")
        child = await api.post("/api/v1/action-runs", json=NOOP | {"parentActionRunId": leaf})
        return run, caller, [middle, last], [caller, second, leaf, child.json()["id"]]

    async def is_cancelled(called: list[str], steps: list[str]) -> bool:
        stopped = [(await api.get(f"{RUNS}/{one}")).json()["displayStatus"] for one in called]
        ended = [await status_of(api, one) for one in steps]
        return set(stopped) == {"cancelling"} and set(ended) == {"cancelled"}

    run, _, called, steps = await tree()
    assert (await api.post(f"{RUNS}/{run['runId']}/cancel")).status_code == 200
    assert await is_cancelled([run["runId"], *called], steps)

    run, caller, called, steps = await tree()
    assert (await api.post(f"/api/v1/action-runs/{caller}/cancel")).status_code == 200
    assert await is_cancelled(called, steps)
    assert (await read(api, run))["displayStatus"] == "running"


async def test_a_deep_tree_of_runs_is_cancelled(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    top = (await api.post("/api/v1/action-runs", json=NOOP)).json()["id"]
    parent = top
    for _ in range(60):
        parent = (await api.post("/api/v1/action-runs", json=NOOP | {"parentActionRunId": parent})).json()["id"]
    assert (await api.post(f"/api/v1/action-runs/{top}/cancel")).status_code == 200
    assert await status_of(api, parent) == "cancelled"


async def test_a_sweep_finishes_what_a_dead_gateway_left(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, scheduling: Scheduling
) -> None:
    made = await make(api)
    run = await trigger(api, made)
    await scheduling.begin(run["runId"])
    step = await scheduling.start(run["runId"], "load")
    await automation_runs.stop(gateway.pool, team.org_id, [UUID(run["runId"])])
    gone = await scheduling.start(run["runId"], "tell", "call_automation")
    version = await gateway.pool.fetchval("SELECT version_id FROM automations")
    orphan = NewAutomationRun(team.org_id, UUID(made["id"]), version, "automation", parent_run_id=UUID(gone))
    await api.post(f"/api/v1/action-runs/{gone}/cancel")
    await automation_runs.create(gateway.pool, [orphan])

    await triggering.finish_stops_once(gateway)
    assert await status_of(api, step) == "waiting_for_worker"
    await gateway.pool.execute("UPDATE automation_runs SET updated_at = updated_at - interval '10 s'")
    await triggering.finish_stops_once(gateway)
    assert await status_of(api, step) == "cancelled"
    assert (await api.get(f"{RUNS}/{orphan.id}")).json()["displayStatus"] == "cancelling"
    assert await automation_runs.to_stop(gateway.pool) == {}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_a_retry_keeps_what_succeeded(
    api: httpx2.AsyncClient, scheduling: Scheduling, others: OtherServices, status: str
) -> None:
    run = await trigger(api, await make(api), inputs={"a": 1}, event={"type": "x", "data": {}})
    await scheduling.begin(run["runId"])
    load = await scheduling.start(run["runId"], "load")
    await others.end(load, result={"rows": 3})
    await scheduling.change(run["runId"], Change("load", StepStatus.COMPLETED), Change("gate", StepStatus.FAILED))
    await scheduling.end(run["runId"], status)

    answers = await asyncio.gather(*(api.post(f"{RUNS}/{run['runId']}/retry") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3
    (retry_id,) = {answer.json()["runId"] for answer in answers}
    retried = answers[0].json()
    assert (retried["retryOf"], retried["inputs"], retried["event"]) == (run["runId"], run["inputs"], run["event"])
    await scheduling.begin(retry_id)
    found = (await api.get(f"{RUNS}/{retry_id}")).json()
    assert [(step["key"], step["state"], step["runId"]) for step in found["steps"]] == [
        ("load", "completed", load),
        ("gate", "waiting", None),
        ("tell", "waiting", None),
    ]
    await scheduling.end(retry_id, "failed")
    again = await api.post(f"{RUNS}/{run['runId']}/retry")
    assert (again.status_code, again.json()["runId"] != retry_id) == (201, True)


@pytest.mark.parametrize("status", [None, "completed"])
async def test_only_what_failed_is_retried(api: httpx2.AsyncClient, scheduling: Scheduling, status: str | None) -> None:
    run = await trigger(api, await make(api))
    if status is not None:
        await scheduling.end(run["runId"], status)
    assert (await api.post(f"{RUNS}/{run['runId']}/retry")).status_code == 409


async def test_a_run_follows_the_version_that_it_began_with(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    made = await make(api)
    run = await trigger(api, made)
    await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"steps": [{"key": "new", **NOOP}]})
    await scheduling.begin(run["runId"])
    assert [step["key"] for step in (await read(api, run))["steps"]] == ["load", "gate", "tell"]
    newer = await trigger(api, made)
    assert [step["key"] for step in newer["steps"]] == ["new"]
