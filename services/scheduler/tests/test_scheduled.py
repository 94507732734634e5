"""An automation run with a time begins at it: no look and no hint begins it before, and the sweep begins it then."""

from datetime import timedelta
from typing import Any

from services.scheduler.tests.stage import Stage, step
from vai_common.clock import now
from vai_records.automations import runs
from vai_testkit.automations import start


async def _scheduled(stage: Stage, saved: Any, **ahead: float) -> Any:
    run_id = await start(stage.gateway, saved, scheduled_for=now() + timedelta(**ahead))
    old = "UPDATE automation_runs SET created_at = created_at - interval '1 h' WHERE id = $1"
    await stage.gateway.execute(old, run_id)
    return run_id


async def test_it_begins_at_its_time_and_not_before(stage: Stage) -> None:
    run_id = await _scheduled(stage, await stage.save(step("a")), hours=1)
    assert await stage.looker.look(run_id) == 0
    assert (await stage.row(run_id))["started_at"] is None
    assert run_id not in await runs.with_news(stage.pool, 100)
    passed = "UPDATE automation_runs SET scheduled_for = clock_timestamp() WHERE id = $1"
    await stage.gateway.execute(passed, run_id)
    assert run_id in await runs.with_news(stage.pool, 100)
    await stage.looker.look(run_id)
    assert await stage.states(run_id) == {"a": "running"}


async def test_one_that_is_cancelled_ends_at_once(stage: Stage) -> None:
    run_id = await _scheduled(stage, await stage.save(step("a")), hours=1)
    await runs.stop(stage.gateway, stage.org_id, [run_id])
    assert run_id in await runs.with_news(stage.pool, 100)
    await stage.looker.look(run_id)
    assert (await stage.row(run_id))["status"] == "cancelled"


async def test_it_keeps_no_other_from_its_turn(stage: Stage) -> None:
    saved = await stage.save(step("a"))
    early = await _scheduled(stage, saved, hours=1)
    now_on = await start(stage.gateway, saved)
    assert await runs.next_to_start(stage.pool, saved.id) == now_on
    assert early < now_on


async def test_one_that_is_started_before_its_time_begins_and_keeps_the_time(stage: Stage) -> None:
    run_id = await _scheduled(stage, await stage.save(step("a")), hours=1)
    await runs.begin_now(stage.gateway, stage.org_id, run_id)
    assert run_id in await runs.with_news(stage.pool, 100)
    await stage.looker.look(run_id)
    assert await stage.states(run_id) == {"a": "running"}
    assert (await stage.row(run_id))["scheduled_for"] > now()
