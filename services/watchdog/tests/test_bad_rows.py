"""A run that cannot be moved, or a day that cannot be dropped, stops no other (rule 22)."""

from datetime import timedelta
from typing import Any

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_common.rows import HOPELESS_AFTER
from vai_records.schema import partitions
from vai_testkit.database import Database
from vai_watchdog import retention
from vai_watchdog.lifecycle import Lost
from vai_watchdog.watchdog import Watchdog


async def test_a_run_that_cannot_be_taken_back_stops_no_other_of_its_worker(
    own_database: Database, own_kennel: Any
) -> None:
    worker = uuid7()
    ids = [await own_kennel.held_by(worker) for _ in range(5)]
    await own_database.poison("runs", f"OLD.id = '{ids[2]}'")
    await own_kennel.watchdog.bury(worker, "its connection closed")
    places = [await own_database.where(run_id) for run_id in ids]
    assert places == ["running/queued"] * 2 + ["running/leased"] + ["running/queued"] * 2


async def test_a_stale_run_that_cannot_be_taken_back_stops_no_other(own_database: Database, own_kennel: Any) -> None:
    ids = [await own_kennel.held_by(uuid7(), due_at=now() - timedelta(seconds=1)) for _ in range(4)]
    await own_database.poison("runs", f"OLD.id = '{ids[0]}'")
    await own_kennel.watchdog.sweep_leases_once()
    places = [await own_database.where(run_id) for run_id in ids]
    assert places == ["running/leased"] + ["running/queued"] * 3


@pytest.mark.parametrize("control", [None, "pause", "cancel"])
async def test_a_run_that_cannot_be_taken_back_ends_once_its_lease_has_run_out(
    own_database: Database, own_kennel: Any, control: str | None
) -> None:
    columns = {"control": control, "log_seq": 2_147_483_647}
    expired = await own_kennel.held_by(uuid7(), due_at=now() - timedelta(seconds=1), **columns)
    worker, time = uuid7(), 0.0
    held = await own_kennel.held_by(worker, **columns)
    for rows in own_kennel.watchdog._runs.values():
        rows._clock = lambda: time
    for _ in range(HOPELESS_AFTER):
        await own_kennel.watchdog.sweep_leases_once()
        await own_kennel.watchdog.bury(worker, "its connection closed")
        time += 400
    ending = "cancelled" if control == "cancel" else "failed"
    assert await own_database.where(expired) == f"{ending}/done"
    assert await own_kennel.told(expired) == [f"action.{ending}"]
    assert await own_database.where(held) == "running/leased", "its worker may live"


async def test_a_process_that_cannot_be_buried_stops_no_other(own_kennel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    buried, bad, good = [], uuid7(), uuid7()

    async def take_back(_dog: Watchdog, _rows: Any, lost: Lost, *_more: Any) -> None:
        if lost.owner == bad:
            raise ValueError("whatever")
        buried.append(lost.owner)

    monkeypatch.setattr(Watchdog, "_take_back", take_back)
    monkeypatch.setattr(own_kennel.watchdog.looks, "by_lock", lambda _seen: [(bad, "gone"), (good, "gone")])
    async with (await own_kennel.database.pool("watchdog")).acquire() as conn:
        await own_kennel.watchdog.look_at_locks_once(conn)
    assert buried == [good]


async def test_a_day_that_cannot_be_dropped_keeps_no_other(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, today, dropped = await own_database.pool("watchdog"), now().date(), []
    bad, good = (f"events_{today - timedelta(days=ago):%Y%m%d}" for ago in (60, 59))

    async def drop(_pool: Any, _table: str, name: str) -> bool:
        if name == bad:
            raise ValueError("whatever")
        dropped.append(name)
        return True

    async def older(_pool: Any, table: str, _oldest: Any) -> list[str]:
        return [bad, good] if table == "events" else []

    monkeypatch.setattr(partitions, "_drop", drop)
    monkeypatch.setattr(partitions, "_older", older)
    await retention.keep_once(pool, 400)
    assert dropped == [good]
