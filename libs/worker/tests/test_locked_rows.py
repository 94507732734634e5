"""Who holds the row of one run holds nobody else's (rules 2 and 22): logs, progress and endings pass it over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_common.ids import uuid7
from vai_common.nesting import DEEPEST_MADE
from vai_testkit.database import Database, new_run
from vai_testkit.owned import claimed
from vai_testkit.toys import ToyHeavy
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker import owned, wiring
from vai_worker.endings import Endings
from vai_worker.kind import Park
from vai_worker.lifecycle import Holder
from vai_worker.owned import LostRun, Means, Owned
from vai_worker.reports import Reports

SOON = 5.0
"""Seconds; whoever waited for the lock would wait for 20."""

BAD = Permanent(ErrorCode.DATA_ERROR, "bad")
SLOW = Retryable(ErrorCode.RATE_LIMITED, "slow", None, 60)
ENDINGS = {
    "completed/done": lambda endings, run: endings.complete(run, {"recordsProcessed": 1}),
    "failed/done": lambda endings, run: endings.fail(run, BAD),
    "cancelled/done": lambda endings, run: endings.cancel(run),
    "running/delayed": lambda endings, run: endings.fail(run, SLOW),
    "running/parked": lambda endings, run: endings.park(run, Park(uuid7(), "waits")),
    "running/paused": lambda endings, run: endings.pause(run),
    "failed/done ": lambda endings, run: endings.give_up(run, RuntimeError("odd")),
    "cancelled/done ": lambda endings, run: endings.give_up(run, RuntimeError("odd")),
}
CONTROLS = {"cancelled": "cancel", "running/paused": "pause"}


@dataclass
class Alive:
    """A process that is certain to be alive."""

    id: UUID

    async def steady(self) -> None:
        return


class Desk:
    """A worker's endings and reports, on the sessions of a worker."""

    def __init__(self, database: Database, pool: Any) -> None:
        self.database = database
        self.holder = Holder(uuid7(), "w")
        self.endings = Endings(pool, self.holder, lambda run: None, lambda rows: None)
        self.reports = Reports(pool, "w")
        life = Alive(self.holder.id)
        self.means = Means(pool, life, self.reports, None, "", lambda rows: None)  # type: ignore[arg-type]

    async def held(self, place: str = "") -> Owned:
        control = next((word for start, word in CONTROLS.items() if place.startswith(start)), None)
        run_id = await self.database.put("running", "leased", lease_owner=self.holder.id, control=control)
        return Owned(claimed(await self.database.run(run_id)), self.means)

    def locked(self, run_id: UUID) -> AbstractAsyncContextManager[None]:
        return _locked(self.database, run_id)


@asynccontextmanager
async def _locked(database: Database, run_id: UUID) -> AsyncIterator[None]:
    conn = await database.connect("api-gateway")
    async with conn.transaction():
        await conn.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", run_id)
        yield


@pytest.fixture
async def desk(database: Database) -> Desk:
    return Desk(database, await database.pool("extract-worker"))


@pytest.mark.parametrize("place", ENDINGS)
async def test_nobody_waits_for_the_end_of_a_run_whose_row_is_locked(desk: Desk, place: str) -> None:
    held, others = await desk.held(place), [await desk.held() for _ in range(3)]
    async with desk.locked(held.id):
        ending = asyncio.create_task(ENDINGS[place](desk.endings, held))
        await held.log("said", "while it is locked")
        for _ in range(3):
            for other in others:
                await other.log("said", "at once")
                await asyncio.wait_for(other.flushed(), SOON)
        for other in others:
            row = await asyncio.wait_for(desk.endings.complete(other, {}), SOON)
            assert row["status"] == "completed"
        assert not ending.done()
        assert await desk.database.where(held.id) == "running/leased"
    await asyncio.wait_for(ending, SOON)
    assert await desk.database.where(held.id) == place.strip()


async def test_entries_of_a_locked_run_come_once_in_order_and_before_its_end(desk: Desk) -> None:
    held, other = await desk.held(), await desk.held()
    names = [str(number) for number in range(40)]
    async with desk.locked(held.id):
        for name in names[:20]:
            await held.log(name, "m")
            await other.log(name, "m")
            await asyncio.sleep(0)
        await asyncio.wait_for(other.flushed(), SOON)
        for name in names[20:]:
            await held.log(name, "m")
        assert await desk.database.log(held.id) == []
    await asyncio.wait_for(desk.endings.complete(held, {}), SOON)
    log = await desk.database.log(held.id)
    assert [entry["event"] for entry in log] == [*names, "run_completed"]
    assert [entry["seq"] for entry in log] == list(range(1, 42))
    assert [entry["event"] for entry in await desk.database.log(other.id)] == names[:20]


async def test_an_entry_that_cannot_be_stored_costs_only_itself_after_a_lock_too(desk: Desk) -> None:
    held = await desk.held()
    async with desk.locked(held.id):
        await held.log("a", "m")
        await wait_for(lambda: desk.reports._behind, what="the first is passed over")
        await held.log("bad", "m", {"x": {1, 2}})
        await held.log("b", "m")
    await asyncio.wait_for(held.flushed(), SOON)
    assert [entry["event"] for entry in await desk.database.log(held.id)] == ["a", "b", "log_entries_dropped"]


async def test_entries_of_a_run_that_is_lost_meanwhile_are_let_go(desk: Desk) -> None:
    held = await desk.held()
    async with desk.locked(held.id):
        await held.log("late", "m")
        await wait_for(lambda: desk.reports._behind, what="it is passed over")
    await desk.database.change(held.id, "phase = 'queued', lease_owner = NULL, due_at = NULL")
    await asyncio.wait_for(held.flushed(), SOON)
    assert not desk.reports._behind


async def test_what_waits_for_a_locked_row_counts_against_the_bound_of_what_may_wait(database: Database) -> None:
    desk = Desk(database, await database.pool("extract-worker"))
    desk.reports._most_waiting = 5
    held = await desk.held()
    async with desk.locked(held.id):
        for name in range(9):
            await held.log(str(name), "m")
            await wait_for(lambda: not len(desk.reports._entries), what="nothing is in the batcher")
        assert sum(map(len, desk.reports._behind.values())) <= 6
    await asyncio.wait_for(held.flushed(), SOON)
    assert (await database.log(held.id))[-1]["event"] == "log_entries_dropped"


async def test_progress_of_a_locked_run_follows_and_the_newest_counts(desk: Desk) -> None:
    held, other = await desk.held(), await desk.held()
    async with desk.locked(held.id):
        for run in (held, other):
            run.set_progress({"done": 1})
        await asyncio.wait_for(desk.reports.write_progress_once(), SOON)
        assert (await desk.database.run(other.id))["progress"] == {"done": 1}
        held.set_progress({"done": 2})
        await asyncio.wait_for(desk.reports.write_progress_once(), SOON)
    await asyncio.wait_for(desk.reports.write_progress_once(), SOON)
    assert (await desk.database.run(held.id))["progress"] == {"done": 2}
    assert not desk.reports._progress


async def test_transactions_of_locked_runs_hold_no_connection_while_they_wait(database: Database) -> None:
    desk = Desk(database, await database.pool("extract-worker", 2))
    held, other = [await desk.held() for _ in range(6)], await desk.held()
    done: list[UUID] = []

    async def commit(run: Owned) -> None:
        async with run.guarded() as conn:
            await conn.execute("SELECT 1")
        done.append(run.id)

    async with AsyncExitStack() as stack:
        for run in held:
            await stack.enter_async_context(desk.locked(run.id))
        tasks = [asyncio.create_task(commit(run)) for run in held]
        for _ in range(5):
            await asyncio.wait_for(commit(other), SOON)
        assert not any(task.done() for task in tasks)
    await asyncio.wait_for(asyncio.gather(*tasks), SOON)
    assert set(done) == {other.id, *(run.id for run in held)}


async def test_a_run_that_goes_to_another_while_its_row_is_locked_is_lost(desk: Desk) -> None:
    held = await desk.held()
    async with desk.locked(held.id):
        task = asyncio.create_task(_guarded(held))
        await asyncio.sleep(0)
    await desk.database.change(held.id, "epoch = epoch + 1")
    with pytest.raises(LostRun):
        await asyncio.wait_for(_guarded(held), SOON)
    await asyncio.gather(task, return_exceptions=True)


async def test_a_row_that_nobody_lets_go_is_waited_for_with_a_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owned, "LOCKED_SECONDS", 0.05)
    held = await desk.held()
    async with desk.locked(held.id):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await asyncio.wait_for(_guarded(held), SOON)


async def _guarded(run: Owned) -> None:
    async with run.guarded():
        pass


@pytest.mark.parametrize(("levels", "place"), [(DEEPEST_MADE, "completed/done"), (DEEPEST_MADE + 1, "failed/done")])
async def test_a_result_is_nested_as_deep_as_can_be_told_on(desk: Desk, levels: int, place: str) -> None:
    held = await desk.held()
    result: dict[str, Any] = {}
    for _ in range(levels - 1):
        result = {"a": result}
    row = await asyncio.wait_for(desk.endings.complete(held, result), SOON)
    assert await desk.database.where(held.id) == place
    if place.startswith("failed"):
        assert f"deeper than {DEEPEST_MADE} levels" in row["error"]["message"]


async def test_a_run_whose_row_is_held_when_its_worker_stops_is_handed_over_right_after(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own commit of a slice may hold it. The watchdog would take it back later, as one that was lost."""
    monkeypatch.setattr(wiring, "hide_memory", lambda: None)
    runs = [new_run(kind="dlt_extract", definition={"do": "deaf"}) for _ in range(2)]
    async with working(own_database.url, ToyHeavy(), slots=4) as (_, worker):
        for run in runs:
            await own_database.make(run)
        await wait_for(lambda: len(worker._owned) == len(runs), what="both are held")
        async with _locked(own_database, runs[0].id):
            await worker._owned[runs[0].id].log("said", "while it is held")
            stopping = asyncio.create_task(worker.stop())
            await wait_for(lambda: _is_queued(own_database, runs[1].id), what="the other one is handed over at once")
            assert not stopping.done()
        await stopping
    assert "said" in [entry["event"] for entry in await own_database.log(runs[0].id)]
    rows = [await own_database.run(run.id) for run in runs]
    assert [(row["phase"], row["interrupt_count"]) for row in rows] == [("queued", 1), ("queued", 1)]


async def _is_queued(database: Database, run_id: UUID) -> bool:
    return await database.where(run_id) == "running/queued"
