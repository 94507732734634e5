"""The reason this service exists: it looks after every run that waits, and lets each go when its time has come."""

import asyncio
from typing import Any
from uuid import UUID

from common.bell import Bell
from records.following import follow
from records.publication import Publisher
from run_dispatcher import lifecycle, limits

_HELD_FOR_APPROVAL = """
SELECT id FROM runs WHERE phase = 'held' AND held_for = 'approval' AND status = 'pending' ORDER BY id LIMIT 500
"""
_DUE = """
SELECT id, phase FROM runs WHERE due_at <= clock_timestamp() AND phase IN ('delayed', 'held') ORDER BY due_at LIMIT 500
"""
_PARKED_FOR_NOTHING = """
SELECT p.id FROM runs p WHERE p.phase = 'parked'
  AND NOT EXISTS (SELECT FROM runs c WHERE c.parent_run_id = p.id AND c.phase <> 'done')
  AND NOT EXISTS (SELECT FROM automation_runs a WHERE a.parent_run_id = p.id AND a.status = 'running')
ORDER BY p.id LIMIT 500
"""
_NOBODY_TOOK = """
SELECT id, kind FROM runs WHERE phase = 'queued' AND updated_at < clock_timestamp() - interval '3 s'
ORDER BY id LIMIT 1000
"""


class Dispatcher:
    """Each method is one turn of a loop; any number of replicas may turn at once."""

    def __init__(self, pool: Any, bell: Bell, publisher: Publisher, process_id: UUID) -> None:
        self._pool = pool
        self._bell = bell
        self._publisher = publisher
        self._process_id = process_id
        self.wake = asyncio.Event()

    def on_held(self, _kind: str, _ids: list[UUID]) -> None:
        """The bell says that runs are held; a hint, so we look for ourselves."""
        self.wake.set()

    async def hold_once(self) -> None:
        """What is held for an approval awaits it; what is held for a limit is let in where there is room."""
        waiting = await self._ids(_HELD_FOR_APPROVAL)
        if waiting:
            rows = await lifecycle.require_approval(self._pool, waiting, self._process_id)
            self._publisher.publish(rows)
        self._ring(await limits.release_what_fits(self._pool))

    async def due_once(self) -> None:
        """Retries whose time has come; approvals that nobody gave; parents whose children have ended."""
        due = await self._pool.fetch(_DUE)
        delayed = [row["id"] for row in due if row["phase"] == "delayed"]
        late = [row["id"] for row in due if row["phase"] == "held"]
        if delayed:
            self._ring(await lifecycle.retry(self._pool, delayed))
        if late:
            rows = await lifecycle.time_out(self._pool, late, self._process_id)
            await follow(rows, self._pool, self._bell, self._publisher)
        if parked := await self._ids(_PARKED_FOR_NOTHING):
            self._ring(await lifecycle.unpark(self._pool, parked))

    async def ring_again_once(self) -> None:
        """Rings for queued runs that nobody took: their hint was lost, or every worker was full."""
        self._ring(await self._pool.fetch(_NOBODY_TOOK))

    async def _ids(self, query: str) -> list[UUID]:
        return [row["id"] for row in await self._pool.fetch(query)]

    def _ring(self, rows: list[Any]) -> None:
        for row in rows:
            self._bell.ring(row["kind"], [row["id"]])
