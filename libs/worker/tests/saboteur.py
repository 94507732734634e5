"""A worker whose database calls fail when a test wants it, and toy kinds for every sort of run."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg

from vai_common.boot import Service
from vai_common.errors import ErrorCode, Retryable
from vai_records.lifecycle import last_resort
from vai_records.lifecycle.guarded_update import Step, _text
from vai_records.runs import checkpoints, statements
from vai_testkit.database import Database, new_run
from vai_testkit.faulty_pool import COMMIT, Fault, FaultyPool
from vai_testkit.opened import opened_service
from vai_testkit.toys import Play
from vai_testkit.wait import wait_for
from vai_worker import lifecycle
from vai_worker.kind import Park
from vai_worker.owned import _HOLD, Owned
from vai_worker.settings import WorkerSettings
from vai_worker.wiring import running
from vai_worker.worker import Worker


def _of(step: Step, event: str | None = None) -> str:
    return _text(step, True, event)


STATEMENTS = {
    "claim": statements._CLAIM,
    "pull": statements._PULL,
    "log": statements._LOG,
    "progress": statements._PROGRESS,
    "finish": statements._FINISH,
    "renew": statements._RENEW,
    "retry": _of(lifecycle.RETRY),
    "pause": _of(lifecycle.PAUSE),
    "park": _of(lifecycle.PARK),
    "interrupt": _of(lifecycle.INTERRUPT),
    "cancel": _of(lifecycle.CANCEL, "action.cancelled"),
    "fail unsafe": _of(lifecycle.FAIL_UNSAFE, "action.failed"),
    "give up": _of(lifecycle.GIVE_UP, "action.failed"),
    "guard": _HOLD,
    "commit": COMMIT,
}
LAST_RESORTS = {
    "end anyway": _text(lifecycle.GIVE_UP, False, "action.failed"),
    "end bare": last_resort._bare(lifecycle.GIVE_UP),
}
"""The statements that end a run without its log entry, or without its event (`test_damaged_runs`)."""

_SURELY = 16
"""Endings that must fail so that one run's completion and its failure both do, however the six runs are batched: a
batch that fails is halved, so the completions of six can use up eleven."""

_UNENDABLE = {"finish": (Fault.ABSURD, _SURELY), "give up": (Fault.ABSURD, 8)}
BESIDE = {
    "interrupt": {"claim": (Fault.LOST, 1), "pull": (Fault.LOST, 1)},
    "give up": {"finish": (Fault.ABSURD, _SURELY)},
    "fail unsafe": {**_UNENDABLE, "end anyway": (Fault.ABSURD, 8), "end bare": (Fault.ABSURD, 8)},
}
"""Further statements that must fail, so that a worker gets to a certain statement."""

SLICES = 3


class Toy:
    """A light kind of this name; `hits` counts how often each run had its effect."""

    reads = Play

    def __init__(self, name: str, act: Callable[["Toy", Owned], Any]) -> None:
        self.name = name
        self.hits: Counter[UUID] = Counter()
        self._act = act

    def light(self, definition: Any) -> bool:
        return True

    async def perform(self, run: Owned) -> dict[str, Any]:
        await run.log("begins", "It begins")
        return await self._act(self, run) or {}


async def send(toy: Toy, run: Owned) -> None:
    """A call by another service."""
    await run.steady()
    toy.hits[run.id] += 1
    await run.log("sent", "Sent")


async def extract(toy: Toy, run: Owned) -> dict[str, Any]:
    """Slices, each with its checkpoint, from the last one on."""
    done = (await run.checkpoint() or {}).get("slice", 0)
    for number in range(done + 1, SLICES + 1):
        async with run.guarded() as conn:
            await checkpoints.save(conn, run.id, {"slice": number})
        run.set_progress({"slice": number})
        await run.log("slice_completed", f"Slice {number}", {"slice": number})
    return {"recordsProcessed": SLICES}


async def search(toy: Toy, run: Owned) -> None:
    """Fails at the first attempt; somebody has asked for a pause at the second."""
    if run.attempt == 1:
        raise Retryable(ErrorCode.CONNECTION_ERROR, "It did not answer.")
    if toy.hits[run.id] == 0:
        toy.hits[run.id] += 1
        await run._means.pool.execute("UPDATE runs SET control = 'pause' WHERE id = $1", run.id)
        raise Retryable(ErrorCode.CONNECTION_ERROR, "It did not answer.")


async def open_gate(toy: Toy, run: Owned) -> dict[str, Any]:
    return {"port": "approved"}


async def call(toy: Toy, run: Owned) -> dict[str, Any]:
    """Parks until it is woken once."""
    async with run.guarded() as conn:
        known = await checkpoints.load(conn, run.id)
        if known is None:
            await checkpoints.save(conn, run.id, {"called": True})
    if known is None:
        raise Park(run.id, "Waiting for another")
    return {}


class Sabotaged:
    """A worker on a database that fails; what a dispatcher would do is done by `settle`."""

    def __init__(self, database: Database, service: Service[Any], worker: Worker, pool: FaultyPool, toys: list[Toy]):
        self.database, self.service, self.worker, self.pool = database, service, worker, pool
        self.toys = {toy.name: toy for toy in toys}
        self.struck = 0

    @property
    def sender(self) -> Toy:
        return self.toys["http_request"]

    async def made(self, kind: str, may_rerun: bool = True, **definition: Any) -> UUID:
        run = new_run(kind=kind, definition=definition, may_rerun=may_rerun)
        await self.database.make(run)
        self.service.bell.ring(kind, [run.id])
        return run.id

    def fail(self, word: str, fault: Fault, times: int) -> None:
        """The next statements of this kind fail in this way, and also those that lead the worker to them."""
        left = {STATEMENTS[word]: [fault] * times}
        for other, (another, often) in BESIDE.get(word, {}).items():
            left[(STATEMENTS | LAST_RESORTS)[other]] = [another] * often
        self.struck = 0

        def hit(text: str, values: tuple[Any, ...]) -> Fault | None:
            faults = left.get(text)
            if not faults:
                return None
            self.struck += text == STATEMENTS[word]
            return faults.pop()

        self.pool.hit = hit

    async def beat(self) -> None:
        with suppress(asyncpg.InterfaceError):  # a beat of its own is under way
            await self.worker._life.beat_once()

    async def settle(self, *ids: UUID, timeout: float = 30.0) -> list[str]:
        """Run until all runs have settled, with beats as fast as possible and without waiting."""

        async def over() -> bool:
            await self.beat()
            for run_id in ids:
                row = await self.database.run(run_id)
                if row["phase"] in ("delayed", "parked", "paused"):
                    await self.database.change(run_id, "phase = 'queued', due_at = NULL")
                    self.service.bell.ring(row["kind"], [run_id])
            return all([(await self.database.where(run_id)).endswith("/done") for run_id in ids])

        await wait_for(over, timeout, every=0.05, what="all have ended")
        return [(await self.database.run(run_id))["status"] for run_id in ids]

    async def assert_told_once(self, run_id: UUID) -> list[str]:
        """Check that logs have no gap and no entry twice in one attempt, and that one end was reported. Return the
        log's events.
        """
        log = await self.database.log(run_id)
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
        words = [entry["event"] for entry in log]
        told = [event["type"] for event in await self.database.events(run_id)]
        assert [event["sequence"] for event in await self.database.events(run_id)] == list(range(1, len(told) + 1))
        assert told[0] == "action.started"
        assert sum(each in ("action.completed", "action.failed", "action.cancelled") for each in told) == 1
        assert words[-1] in ("run_completed", "run_failed", "run_cancelled")
        claims = words.count("lease_acquired")
        assert words.count("begins") <= claims
        assert words.count("sent") <= claims
        return words


@asynccontextmanager
async def sabotaged(database: Database, **settings: Any) -> AsyncIterator[Sabotaged]:
    toys = [
        Toy("http_request", send),
        Toy("dlt_extract", extract),
        Toy("approval_gate", open_gate),
        Toy("call_automation", call),
        Toy("web_search", search),
    ]
    async with opened_service(database.url, "extract-worker", WorkerSettings, slots=16, **settings) as service:
        pool = FaultyPool(service.pool)
        service.pool = pool
        async with running(service, toys) as worker:
            yield Sabotaged(database, service, worker, pool, toys)
            pool.hit = lambda text, values: None
