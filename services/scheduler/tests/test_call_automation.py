"""A called automation: started once, waited for without a slot, its results handed back."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from services.scheduler.tests.stage import Stage, step
from vai_common.errors import Permanent
from vai_common.ids import uuid7
from vai_records.automations import calls
from vai_scheduler.call_automation import CallAutomation, _result
from vai_testkit.automations import NOOP, Saved, start
from vai_testkit.database import new_run
from vai_testkit.opened import opened_service
from vai_testkit.wait import wait_for
from vai_worker.settings import WorkerSettings
from vai_worker.wiring import running

_CHILD = "SELECT * FROM automation_runs WHERE parent_run_id = $1"


@pytest.fixture
async def working(own_stage: Stage) -> AsyncIterator[Stage]:
    """With a worker for the kind."""
    async with (
        opened_service(own_stage.database.url, "scheduler", WorkerSettings) as service,
        running(service, (CallAutomation(own_stage.bell),)),
    ):
        yield own_stage


async def _call(stage: Stage, automation: str, **columns: Any) -> UUID:
    definition = {"automation": automation, "inputs": {"n": 1}}
    (run_id,) = await stage.database.make(
        new_run(org_id=stage.org_id, kind="call_automation", definition=definition, **columns)
    )
    return run_id


async def _reaches(stage: Stage, run_id: UUID, where: str) -> Any:
    async def there() -> bool:
        return await stage.database.where(run_id) == where

    await wait_for(there, 10, what=f"the run is {where}")
    return await stage.database.run(run_id)


async def _child(stage: Stage, run_id: UUID) -> Any:
    return await wait_for(lambda: stage.pool.fetchrow(_CHILD, run_id), 10, what="the called automation run")


async def _saved(stage: Stage) -> Saved:
    return await stage.save(actions=[NOOP])


async def test_labels_go_down_through_calls(working: Stage) -> None:
    """Those of who triggers count before those of the automation."""
    saved = await working.save(step("a"), labels={"team": "finance", "tier": "gold"})
    run_id = await _call(working, str(saved.id), labels={"team": "sales"})
    child = await _child(working, run_id)
    assert child["labels"] == {"team": "sales", "tier": "gold"}
    assert await working.looker.look(child["id"]) is not None
    run = await working.database.run(await working.run_of(child["id"], "a"))
    assert run["labels"] == child["labels"]


async def test_the_caller_waits_parked_and_gets_the_results(working: Stage) -> None:
    run_id = await _call(working, str((await _saved(working)).id))
    await _reaches(working, run_id, "running/parked")
    child = await _child(working, run_id)
    assert (child["triggered_by"], child["depth"], child["inputs"]) == ("automation", 1, {"n": 1})
    assert await working.looker.look(child["id"]) is not None
    await working.end(child["id"], "dlt_extract", result={"rows": 3})
    ended = await _reaches(working, run_id, "completed/done")
    assert ended["result"]["steps"] == {"dlt_extract": {"status": "completed", "result": {"rows": 3}}}
    assert ended["result"]["automation_run_id"] == str(child["id"])
    assert ended["interrupt_count"] == ended["retry_count"] == 0


async def test_a_failure_of_the_called_is_the_callers(working: Stage) -> None:
    run_id = await _call(working, str((await _saved(working)).id))
    child = await _child(working, run_id)
    assert await working.looker.look(child["id"]) is not None
    error = {"code": "TIMEOUT", "message": "too slow", "details": {}, "retryable": False}
    await working.end(child["id"], "dlt_extract", "failed", error=error)
    ended = await _reaches(working, run_id, "failed/done")
    assert ended["error"]["code"] == "TIMEOUT"
    assert "too slow" in ended["error"]["message"]


async def test_what_is_not_there_cannot_be_called(working: Stage) -> None:
    ended = await _reaches(working, await _call(working, "gone"), "failed/done")
    assert (ended["error"]["code"], "'gone'" in ended["error"]["message"]) == ("DATA_ERROR", True)


async def test_an_automation_that_calls_itself_is_cut_off(working: Stage) -> None:
    saved = await _saved(working)
    deep = await start(working.gateway, saved, depth=10)
    source = {"trigger_source_type": "automation_run", "trigger_source_id": str(deep)}
    ended = await _reaches(working, await _call(working, str(saved.id), **source), "failed/done")
    assert "calls itself" in ended["error"]["message"] or "call itself" in ended["error"]["message"]


async def test_what_does_not_fit_stays_with_its_run(working: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await _end_two(working, monkeypatch, 2_000)
    steps, log = kept["result"]["steps"], await working.database.log(kept["id"])
    assert steps["large"] == {"status": "completed", "result": None, "result_truncated": True}
    assert steps["small"] == {"status": "completed", "result": {"rows": 3}}
    (told,) = [entry for entry in log if entry["event"] == "result_truncated"]
    assert (told["level"], told["data"]) == ("warning", {"steps": ["large"]})
    assert "large" in told["message"]


async def test_what_fits_is_handed_back_whole(working: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await _end_two(working, monkeypatch, 900)
    assert kept["result"]["steps"]["large"] == {"status": "completed", "result": {"text": "x" * 900}}
    assert "result_truncated" not in [entry["event"] for entry in await working.database.log(kept["id"])]


async def _end_two(stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int) -> Any:
    """The caller of an automation with two steps; the result of the first has `size` characters."""
    monkeypatch.setattr(calls.results, "__defaults__", (1_000,))
    saved = await stage.save(step("large"), step("small"))
    run_id = await _call(stage, str(saved.id))
    child = await _child(stage, run_id)
    assert await stage.looker.look(child["id"]) is not None
    await stage.end(child["id"], "large", result={"text": "x" * size})
    await stage.end(child["id"], "small", result={"rows": 3})
    return await _reaches(stage, run_id, "completed/done")


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("cancelled", None, "The called automation was cancelled"),
        ("rejected", None, "The called automation was rejected"),
        ("failed", None, "The called automation failed"),
        ("failed", {"code": "TIMEOUT", "message": "too slow"}, "The called automation failed: too slow"),
    ],
)
def test_how_the_called_has_ended_is_said_in_english(status: str, error: Any, said: str) -> None:
    with pytest.raises(Permanent) as failed:
        _result(calls.Called(uuid7(), status, None, error), {})
    assert failed.value.message == said
