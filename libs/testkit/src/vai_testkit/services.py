"""Actions of the other services on runs, each in a session with its own role, and a broker that keeps what it gets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from vai_common import db
from vai_common.ids import uuid7
from vai_common.messages.kafka import Producer, Record
from vai_common.queries import Queries
from vai_records.automations.steps import Notes, note
from vai_records.definitions.kinds import KINDS
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_testkit.wait import wait_for


class MemoryProducer(Producer):
    """Takes every record and keeps it."""

    def __init__(self) -> None:
        super().__init__("nowhere:1", "test")
        self.records: list[Record] = []

    async def send(self, records: Sequence[Record]) -> list[Exception | None]:
        self.records.extend(records)
        return [None] * len(records)


class OtherServices:
    """A worker and a dispatcher that act when a test says so."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.worker_id = uuid7()

    async def claim(self, run_id: str) -> Any:
        """The row of a queued run that the worker now holds; ValueError where it is not queued (any more).

        As a worker does, it asks again where a service holds the row at this moment: a claim waits for nobody.
        """
        async with self._session("extract-worker") as conn:

            async def claimed() -> list[Any]:
                rows = await statements.claim(conn, self.worker_id, list(KINDS), [UUID(run_id)], 1, "worker-1")
                if not rows and await conn.fetchval("SELECT phase FROM runs WHERE id = $1", UUID(run_id)) != "queued":
                    raise ValueError(f"{run_id} is not queued")
                return rows

            (row,) = await wait_for(claimed, what=f"{run_id} is claimed")
        return row

    async def end(self, run_id: str, status: str = "completed", **told: Any) -> None:
        """Claim a queued run and end it; `told` may be result, error, progress."""
        row = await self.claim(run_id)
        told = {"result": None, "error": None, "progress": None} | told
        ending = Ending(UUID(run_id), row["epoch"], status, entry=Entry(f"run_{status}", "done", {}), extra={}, **told)
        async with self._session("extract-worker") as conn:
            await self.finish(conn, ending)

    async def finish(self, conn: Queries, ending: Ending) -> None:
        """Ends a run that the worker holds; asks again, as `claim` does."""

        async def ended() -> list[Any]:
            return await statements.finish(conn, [ending], self.worker_id, "worker-1")

        await wait_for(ended, what=f"{ending.run_id} is {ending.status}")

    async def ask_approval(self, run_id: str) -> None:
        """pending → awaiting_approval."""
        step = Step(Status.PENDING, (Phase.HELD,), Status.AWAITING_APPROVAL, Phase.HELD, sets="held_for = 'approval'")
        async with self._session("run-dispatcher") as conn:
            assert await apply(conn, step, [UUID(run_id)])

    async def end_automation_run(self, run_id: UUID, status: str = "completed", error: Any = None) -> None:
        """As the scheduler ends one, without its steps."""
        notes = Notes(entries=[("info", f"automation_{status}", "done", {})], status=status, error=error)
        async with self._session("scheduler") as conn:
            await note(conn, run_id, notes, self.worker_id, "scheduler-1")

    @asynccontextmanager
    async def _session(self, role: str) -> AsyncIterator[Any]:
        conn = await db.connect(self._url, role)
        try:
            yield conn
        finally:
            await conn.close()


class LogWorker:
    """A worker's session: holds runs, writes their logs and progress, ends them."""

    def __init__(self, conn: Queries, others: OtherServices) -> None:
        self.conn = conn
        self._others = others

    async def claim(self, run_id: str) -> int:
        return int((await self._others.claim(run_id))["epoch"])

    async def log(self, run_id: str, epoch: int, *messages: str) -> None:
        entries = [(UUID(run_id), epoch, Entry("note", message, {})) for message in messages]
        await statements.log(self.conn, entries, "worker-1")

    async def end(self, run_id: str, epoch: int, status: str = "completed") -> None:
        entry = Entry(f"run_{status}", "done", {})
        ending = Ending(UUID(run_id), epoch, status, None, None, None, entry, {})
        await self._others.finish(self.conn, ending)
