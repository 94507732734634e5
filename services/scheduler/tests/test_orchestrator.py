"""Who wants a look gets one: by the bell, and where the bell was lost by the sweep."""

import asyncio
from uuid import UUID, uuid4

import pytest

from services.scheduler.tests.stage import Stage
from vai_scheduler import orchestrator as module
from vai_scheduler.orchestrator import AT_ONCE, MANY, MOST_FAILURES, Orchestrator
from vai_testkit.automations import NOOP, start
from vai_testkit.wait import wait_for


class Looks:
    """Instead of a Looker: keeps whom it looked at, and waits until it may go on."""

    def __init__(self) -> None:
        self.seen: list[UUID] = []
        self.busy: set[UUID] = set()
        self.failing: set[UUID] = set()
        self.hopeless: set[UUID] = set()
        self.given_up: list[UUID] = []
        self.running = 0
        self.go = asyncio.Event()

    async def look(self, run_id: UUID) -> int | None:
        self.seen.append(run_id)
        await self.go.wait()
        if run_id in self.failing:
            self.failing.discard(run_id)
            raise OSError("the database is away")
        if run_id in self.hopeless:
            raise KeyError("a mistake of ours")
        if run_id in self.busy:
            self.busy.discard(run_id)
            return None
        return self.running

    async def give_up(self, run_id: UUID, error: Exception) -> int | None:
        self.given_up.append(run_id)
        return 0


def _orchestrator(looks: Looks) -> Orchestrator:
    return Orchestrator(None, looks)  # type: ignore[arg-type]


async def test_news_that_come_together_are_looked_at_together() -> None:
    looks, run_id = Looks(), uuid4()
    orchestrator = _orchestrator(looks)
    for _ in range(5):
        orchestrator.on_ring("automation", [run_id])
    looks.go.set()
    await orchestrator.drained()
    assert len(looks.seen) <= 2


async def test_news_that_come_during_a_look_are_looked_at_after_it() -> None:
    looks, run_id = Looks(), uuid4()
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [run_id])
    await wait_for(lambda: looks.seen, what="the first look")
    for _ in range(3):
        orchestrator.on_ring("automation", [run_id])
    looks.go.set()
    await wait_for(lambda: len(looks.seen) == 2, what="the second look")
    await orchestrator.drained()
    assert looks.seen == [run_id, run_id]


async def test_only_some_looks_go_on_at_once() -> None:
    looks = Looks()
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [uuid4() for _ in range(3 * AT_ONCE)])
    await wait_for(lambda: looks.seen, what="looks")
    assert len(looks.seen) == AT_ONCE
    looks.go.set()
    await wait_for(lambda: len(looks.seen) == 3 * AT_ONCE, what="all looks")


async def test_one_with_many_steps_at_work_is_left_a_moment_and_its_news_are_taken_together() -> None:
    looks, run_id = Looks(), uuid4()
    looks.go.set()
    looks.running = MANY + 1
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [run_id])
    await orchestrator.drained()
    for _ in range(5):
        orchestrator.on_ring("automation", [run_id])
    assert looks.seen == [run_id]
    await wait_for(lambda: len(looks.seen) == 2, what="the next look")
    await orchestrator.drained()
    assert looks.seen == [run_id, run_id]


async def test_one_that_another_looks_at_is_looked_at_again() -> None:
    looks, run_id = Looks(), uuid4()
    looks.go.set()
    looks.busy = {run_id}
    _orchestrator(looks).on_ring("automation", [run_id])
    await wait_for(lambda: looks.seen == [run_id, run_id], what="the second look")


async def test_a_look_that_fails_does_not_keep_others_from_theirs() -> None:
    looks, first, second = Looks(), uuid4(), uuid4()
    looks.go.set()
    looks.failing = {first}
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [first, second])
    await orchestrator.drained()
    assert set(looks.seen) == {first, second}


async def test_one_at_which_every_look_fails_is_given_up_and_one_without_a_database_never() -> None:
    looks, hopeless, away = Looks(), uuid4(), uuid4()
    looks.go.set()
    looks.hopeless = {hopeless}
    orchestrator = _orchestrator(looks)
    for _ in range(MOST_FAILURES):
        assert looks.given_up == []
        looks.failing = {away}
        orchestrator.on_ring("automation", [hopeless, away])
        await orchestrator.drained()
    assert looks.given_up == [hopeless]


async def test_one_that_stops_ends_what_is_under_way_and_takes_no_more() -> None:
    looks = Looks()
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [uuid4() for _ in range(3 * AT_ONCE)])
    await wait_for(lambda: len(looks.seen) == AT_ONCE, what="looks are under way")
    stopping = asyncio.create_task(orchestrator.stop())
    await asyncio.sleep(0)
    orchestrator.on_ring("automation", [uuid4()])
    looks.go.set()
    await stopping
    assert len(looks.seen) == AT_ONCE


async def test_a_look_that_never_ends_does_not_keep_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a database that is silent."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.01)
    looks = Looks()
    orchestrator = _orchestrator(looks)
    orchestrator.on_ring("automation", [uuid4()])
    await wait_for(lambda: looks.seen, what="it looks")
    async with asyncio.timeout(30):
        await orchestrator.stop()
    assert orchestrator._tasks == set()


async def test_the_sweep_finds_what_nobody_rang_for(own_stage: Stage) -> None:
    saved = await own_stage.save(actions=[NOOP, NOOP])
    unseen = await start(own_stage.gateway, saved)
    stepped = await own_stage.begin(saved)
    done = await own_stage.run_of(stepped, "dlt_extract")
    await own_stage.others.end(str(done))
    quiet = await own_stage.begin(saved)
    owner = await own_stage.database.owner()
    await owner.execute("UPDATE automation_runs SET created_at = created_at - interval '5 s'")
    await owner.execute("UPDATE runs SET completed_at = completed_at - interval '5 s' WHERE phase = 'done'")
    looks = Looks()
    looks.go.set()
    orchestrator = Orchestrator(own_stage.pool, looks)  # type: ignore[arg-type]
    await orchestrator.sweep_once()
    await orchestrator.drained()
    assert set(looks.seen) == {unseen, stepped}
    assert quiet not in looks.seen


async def test_a_run_is_ended_though_every_message_was_lost(own_stage: Stage) -> None:
    run_id = await start(own_stage.gateway, await own_stage.save(actions=[NOOP, NOOP]))
    owner = await own_stage.database.owner()
    orchestrator = Orchestrator(own_stage.pool, own_stage.looker)

    async def swept() -> bool:
        await owner.execute("UPDATE automation_runs SET created_at = created_at - interval '5 s'")
        await owner.execute("UPDATE runs SET completed_at = completed_at - interval '5 s' WHERE phase = 'done'")
        await orchestrator.sweep_once()
        queued = await owner.fetch("SELECT id FROM runs WHERE phase = 'queued'")
        for row in queued:
            await own_stage.others.end(str(row["id"]))
        return bool((await own_stage.row(run_id))["status"] == "completed")

    await wait_for(swept, what="the end")
