"""Whose turn it is to look after a table, what happens when that one dies, and by which rule it does it."""

import asyncio
import os
import signal
from typing import Any

import pytest

from vai_common.ids import uuid7
from vai_records.lake import table_locks, upkeep
from vai_records.lake.upkeep_rules import Rule, rule_of
from vai_transform_worker.upkeep.keeper import Keeper

# Turns ---------------------------------------------------------------------------------------------------------------


async def test_a_table_has_one_keeper_and_is_free_when_that_one_is_gone(house: Any) -> None:
    dataset = await house.delta(1)
    first, second = uuid7(), uuid7()
    turn = await upkeep.take(house.pool, first)
    assert turn is not None
    assert await upkeep.take(house.pool, second) is None
    assert await upkeep.renew(house.pool, turn, first)
    assert not await upkeep.renew(house.pool, turn, second)
    await house.pool.execute("UPDATE datasets SET upkeep_until = now() - interval '1 second' WHERE id = $1", dataset)
    assert not await upkeep.renew(house.pool, turn, first), "its time is over"
    assert await upkeep.take(house.pool, second) is not None
    await upkeep.finish(house.pool, turn, first, {"at": "late"})
    assert await house.done(dataset) is None, "whoever comes late says nothing"


async def test_a_keeper_whose_time_is_over_changes_no_table(house: Any) -> None:
    dataset = await house.bronze(8)
    keeper = house.keeper()

    async def over(found: Any) -> None:
        await house.pool.execute("UPDATE datasets SET upkeep_until = now() - interval '1 second'")

    keeper.before = over
    await keeper.turn_once()
    assert len(await house.files(dataset)) == 8


async def test_runs_and_keepers_wait_for_each_other(house: Any) -> None:
    dataset = await house.delta(1)
    run_id, keeper = await house.run(), uuid7()
    assert (await table_locks.lock_for_write(house.pool, dataset, run_id, 1)).write_epoch is not None
    assert await upkeep.take(house.pool, keeper) is None
    await table_locks.unlock(house.pool, dataset, run_id, 1)
    turn = await upkeep.take(house.pool, keeper)
    assert turn is not None
    waits = await table_locks.lock_for_write(house.pool, dataset, run_id, 1)
    assert (waits.write_epoch, waits.held_by) == (None, None)
    await upkeep.release(house.pool, turn, keeper)
    assert (await table_locks.lock_for_write(house.pool, dataset, run_id, 1)).write_epoch is not None


async def test_a_table_that_cannot_be_looked_after_stops_no_other(house: Any) -> None:
    broken, well = await house.bronze(8, "s.broken"), await house.bronze(8, "s.well")
    (house.folder / (await house.files(broken))[2]).unlink()
    await house.keeper().work_once()
    assert "NotThere" in (await house.done(broken))["error"]
    assert len(await house.files(broken)) == 8
    assert len(await house.files(well)) == 1


async def test_a_process_that_is_killed_leaves_the_table_as_it_was(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = await house.bronze(8)
    begun = asyncio.create_subprocess_exec

    async def killed(*given: Any, **options: Any) -> Any:
        process = await begun(*given, **options)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", killed)
    await Keeper(house.pool, house.url).work_once()
    assert "together ended with -9" in (await house.done(dataset))["error"]
    assert len(await house.files(dataset)) == 8
    assert await house.pool.fetchval("SELECT upkeep_until FROM datasets") is None


# Rules ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "table", "compact", "keep_hours"),
    [
        ({}, "gold.a", True, 24),
        ({"upkeep": {"keep_hours": 48}}, "gold.a", True, 48),
        ({"upkeep": {"compact": False, "tables": {"gold.a": {"compact": True}}}}, "gold.a", True, 24),
        ({"upkeep": {"compact": False, "tables": {"gold.a": {"keep_hours": 72}}}}, "gold.a", False, 72),
        ({"upkeep": {"keep_hours": 48, "tables": {"gold.a": {"keep_hours": 72}}}}, "gold.b", True, 48),
    ],
)
def test_what_is_said_of_a_table_comes_before_what_is_said_of_all(
    settings: dict[str, Any], table: str, compact: bool, keep_hours: int
) -> None:
    assert rule_of(settings, table) == Rule(compact=compact, keep_hours=keep_hours)


async def test_a_rule_that_says_no_leaves_small_files_and_one_that_nobody_can_read_removes_nothing(
    house: Any,
) -> None:
    dataset = await house.bronze(8)
    for settings in ({"upkeep": {"compact": False}}, {"upkeep": {"keep_hours": "for ever"}}):
        await house.pool.execute(
            """INSERT INTO organisations (id, slug, name, settings) VALUES ($1, 'o', 'o', $2)
               ON CONFLICT (id) DO UPDATE SET settings = excluded.settings""",
            *(house.org_id, settings),
        )
        await house.pool.execute("UPDATE datasets SET upkept_at = NULL")
        await house.keeper().work_once()
        assert len(await house.files(dataset)) == 8
        assert "error" not in await house.done(dataset)
