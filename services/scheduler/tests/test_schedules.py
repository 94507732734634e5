"""Schedules fire when they are due: each time once, however many look (decision 41)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.scheduler.tests.stage import Stage
from vai_common import clock
from vai_common.ids import uuid7
from vai_common.messages.bell import AUTOMATION
from vai_records.automations import runs
from vai_scheduler.first_look import MOST_WAITING
from vai_scheduler.schedules import Schedules
from vai_testkit.automations import NOOP, Saved, start

NOW = datetime(2026, 11, 28, 12, 0, 10, tzinfo=UTC)
HOURLY = {"type": "schedule", "schedule": "0 * * * *"}


async def _now() -> datetime:
    return NOW


async def _saved(stage: Stage, due: datetime, **trigger: Any) -> Saved:
    return await stage.save(actions=[NOOP], trigger={**HOURLY, **trigger}, due_at=due)


async def _times(stage: Stage, saved: Saved) -> list[str]:
    rows = await stage.pool.fetch(
        "SELECT event->'data'->>'scheduledFor' AS time FROM automation_runs WHERE automation_id = $1 ORDER BY 1",
        saved.id,
    )
    return [row["time"][11:16] for row in rows]


async def _fire(stage: Stage) -> int:
    return await Schedules(stage.pool, stage.bell, _now).fire_batch()


async def test_what_is_due_fires_and_its_next_time_is_known(own_stage: Stage) -> None:
    saved = await _saved(own_stage, NOW.replace(second=0))
    assert await _fire(own_stage) == 1
    row = await own_stage.pool.fetchrow("SELECT * FROM automation_runs WHERE automation_id = $1", saved.id)
    assert (row["triggered_by"], row["trigger_key"]) == ("schedule", "schedule:2026-11-28T12:00:00Z")
    assert row["inputs"] == {"scheduledFor": "2026-11-28T12:00:00Z"}
    assert own_stage.bell.rung == [(AUTOMATION, row["id"])]
    due = await own_stage.pool.fetchval("SELECT due_at FROM automations WHERE id = $1", saved.id)
    assert due == NOW.replace(hour=13, second=0)
    assert await _fire(own_stage) == 0


async def test_what_is_not_due_yet_waits(own_stage: Stage) -> None:
    await _saved(own_stage, NOW + timedelta(seconds=1))
    assert await _fire(own_stage) == 0


@pytest.mark.parametrize("status", ["paused", "error"])
async def test_what_is_not_active_does_not_fire(own_stage: Stage, status: str) -> None:
    await own_stage.save(actions=[NOOP], trigger=HOURLY, due_at=NOW, status=status)
    assert await _fire(own_stage) == 0


@pytest.mark.parametrize(
    ("catchup", "times"),
    [("latest", ["12:00"]), ("all", ["09:00", "10:00", "11:00", "12:00"]), ("none", ["12:00"])],
)
async def test_what_was_missed_is_made_up_for_as_it_says(own_stage: Stage, catchup: str, times: list[str]) -> None:
    saved = await _saved(own_stage, NOW.replace(hour=9, second=0), catchup=catchup)
    await _fire(own_stage)
    assert await _times(own_stage, saved) == times


async def test_none_forgets_what_is_more_than_a_minute_late(own_stage: Stage) -> None:
    trigger = {**HOURLY, "schedule": "30 * * * *", "catchup": "none"}
    saved = await own_stage.save(actions=[NOOP], trigger=trigger, due_at=NOW.replace(minute=30, hour=9, second=0))
    await _fire(own_stage)
    assert await _times(own_stage, saved) == []
    due = await own_stage.pool.fetchval("SELECT due_at FROM automations WHERE id = $1", saved.id)
    assert due == NOW.replace(minute=30, second=0)


async def test_many_schedulers_fire_each_time_once(own_stage: Stage) -> None:
    for _ in range(30):
        await _saved(own_stage, NOW.replace(second=0))
    await asyncio.gather(*(_fire(own_stage) for _ in range(4)))
    assert await own_stage.pool.fetchval("SELECT count(*) FROM automation_runs") == 30


async def test_a_time_that_fired_and_was_not_noted_does_not_fire_again(own_stage: Stage) -> None:
    saved = await _saved(own_stage, NOW.replace(second=0))
    await _fire(own_stage)
    await own_stage.pool.execute("UPDATE automations SET due_at = $2 WHERE id = $1", saved.id, NOW.replace(second=0))
    assert await _fire(own_stage) == 1
    assert await _times(own_stage, saved) == ["12:00"]


@pytest.mark.parametrize("overlap", ["skip", "queue"])
async def test_all_that_was_missed_runs_one_after_another(own_stage: Stage, overlap: str) -> None:
    saved = await _saved(own_stage, NOW.replace(hour=8, second=0), catchup="all", overlap=overlap)
    assert await _fire(own_stage) == 1
    rows = await own_stage.pool.fetch("SELECT id FROM automation_runs WHERE automation_id = $1 ORDER BY id", saved.id)
    ids = [row["id"] for row in rows]
    for run_id in ids[::-1]:
        await own_stage.looker.look(run_id)
    for place, run_id in enumerate(ids):
        await own_stage.looker.look(run_id)
        assert [key for one in ids if (key := await own_stage.states(one)) == {"dlt_extract": "running"}] != []
        own_stage.bell.rung.clear()
        await own_stage.end(run_id, "dlt_extract")
        if place + 1 < len(ids):
            assert (AUTOMATION, ids[place + 1]) in own_stage.bell.rung
    ended = [await own_stage.row(run_id) for run_id in ids]
    assert [(row["status"], row["outcome"]) for row in ended] == [("completed", None)] * 5


async def test_no_more_than_a_hundred_wait_for_their_turn(own_stage: Stage) -> None:
    saved = await _saved(own_stage, NOW, overlap="queue")
    first = await own_stage.begin(saved, triggered_by="schedule")
    waiting = [await start(own_stage.gateway, saved, triggered_by="schedule", waits=True) for _ in range(MOST_WAITING)]
    last = await own_stage.begin(saved, triggered_by="schedule")
    row = await own_stage.row(last)
    assert (row["status"], row["outcome"]) == ("completed", "skipped")
    assert str(first) in row["reason"]
    assert "100 others" in row["reason"]
    await own_stage.looker.look(waiting[-1])
    assert (await own_stage.row(waiting[-1]))["status"] == "running"


async def test_a_backfill_runs_one_after_another_whatever_may_overlap(own_stage: Stage) -> None:
    """However many there are; and a time that comes meanwhile waits for its turn instead of being left out."""
    saved = await _saved(own_stage, NOW.replace(second=0), overlap="skip")
    asked = {"triggered_by": "schedule", "waits": True, "created_by": uuid7()}
    ids = [await start(own_stage.gateway, saved, **asked) for _ in range(MOST_WAITING + 2)]
    await _fire(own_stage)
    rows = await own_stage.pool.fetch("SELECT id FROM automation_runs WHERE created_by IS NULL")
    (regular,) = [row["id"] for row in rows]
    for run_id in (ids[1], ids[-1], regular, ids[0]):
        await own_stage.looker.look(run_id)
    assert await own_stage.states(ids[0]) == {"dlt_extract": "running"}
    assert [await own_stage.states(one) for one in (ids[1], ids[-1], regular)] == [{}, {}, {}]
    assert [(await own_stage.row(one))["status"] for one in (ids[-1], regular)] == ["running", "running"]
    await own_stage.pool.execute("UPDATE automations SET trigger = trigger || $1", {"overlap": "allow"})
    await own_stage.looker.look(ids[1])
    assert await own_stage.states(ids[1]) == {}
    own_stage.bell.rung.clear()
    await own_stage.end(ids[0], "dlt_extract")
    assert (AUTOMATION, ids[1]) in own_stage.bell.rung


async def test_the_sweep_leaves_alone_what_waits_for_its_turn(own_stage: Stage) -> None:
    saved = await _saved(own_stage, NOW, overlap="queue")
    first = await own_stage.begin(saved, triggered_by="schedule")
    waiting = [await own_stage.begin(saved, triggered_by="schedule") for _ in range(3)]
    await own_stage.gateway.execute("UPDATE automation_runs SET created_at = created_at - interval '1 min'")
    assert await runs.with_news(own_stage.pool, 10) == []
    await own_stage.end(first, "dlt_extract")
    assert await runs.with_news(own_stage.pool, 10) == waiting[:1]


@pytest.mark.parametrize(
    "trigger",
    [
        {"timezone": "Mars/Olympus"},
        {"timezone": 5},
        {"schedule": "every day"},
        {"schedule": None},
        {"catchup": 7, "timezone": "../../etc/passwd"},
    ],
)
async def test_a_schedule_that_cannot_be_read_puts_its_automation_into_error_and_stops_no_other(
    own_stage: Stage, trigger: dict[str, Any]
) -> None:
    due = NOW.replace(second=0)
    bad, *good = [await _saved(own_stage, due) for _ in range(4)]
    await own_stage.pool.execute(
        "UPDATE automations SET trigger = trigger || $2, due_at = $3 WHERE id = $1",
        *(bad.id, trigger, due - timedelta(days=1)),
    )
    await _fire(own_stage)
    assert [len(await _times(own_stage, saved)) for saved in good] == [1, 1, 1]
    row = await own_stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", bad.id)
    assert row["status"] == "error"
    assert "cannot be read" in row["error"]["message"]
    assert await _fire(own_stage) == 0


async def test_a_schedule_whose_run_cannot_be_made_stops_no_other(own_stage: Stage) -> None:
    bad, *good = [await _saved(own_stage, NOW.replace(second=0)) for _ in range(4)]
    await own_stage.pool.execute(f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'no' USING ERRCODE = '22000'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON automation_runs FOR EACH ROW WHEN (NEW.automation_id = '{bad.id}')
            EXECUTE FUNCTION refuse();
    """)
    schedules = Schedules(own_stage.pool, own_stage.bell, _now)
    assert await schedules.fire_batch() == 3
    assert [len(await _times(own_stage, saved)) for saved in good] == [1, 1, 1]
    assert await schedules.fire_batch() == 0


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_scheduler_whose_clock_is_wrong_fires_at_the_databases_time(
    own_stage: Stage, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    now: datetime = await own_stage.pool.fetchval("SELECT clock_timestamp()")
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=hours))
    past = await _saved(own_stage, now.replace(second=0, microsecond=0), schedule="* * * * *")
    coming = await _saved(own_stage, now + timedelta(hours=1))
    schedules = Schedules(own_stage.pool, own_stage.bell)
    assert await schedules.fire_batch() == 1
    assert [len(await _times(own_stage, saved)) for saved in (past, coming)] == [1, 0]
    due = await own_stage.pool.fetchval("SELECT due_at FROM automations WHERE id = $1", past.id)
    assert now < due <= now + timedelta(hours=1)
