"""The main work of this service: it moves every waiting run on when its time has come."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from vai_common.messages.bell import Bell
from vai_common.queries import Pool, Row
from vai_common.rows import Rows
from vai_records.events.publication import Publisher
from vai_records.events.run_end import follow
from vai_records.metrics import runs_given_up
from vai_run_dispatcher import lifecycle
from vai_run_dispatcher.limits import Limits

# Each statement skips the rows that rest because they failed ($1), so that these never fill a turn.
_HELD_FOR_APPROVAL = """
SELECT id FROM runs WHERE phase = 'held' AND held_for = 'approval' AND status = 'pending' AND id <> ALL($1::uuid[])
ORDER BY id LIMIT 500
"""
# The phase stands in the text: with a parameter, no index of waiting runs fits, and each look reads the whole table.
_DUE = """
SELECT id FROM runs WHERE due_at <= clock_timestamp() AND {} AND id <> ALL($1::uuid[])
ORDER BY due_at LIMIT 500
"""
_DUE_RETRIES = _DUE.format("phase = 'delayed'")
_DUE_APPROVALS = _DUE.format("phase = 'held' AND held_for = 'approval'")
_DUE_TO_START = _DUE.format("phase = 'held' AND held_for = 'scheduled'")
_PARKED_FOR_NOTHING = """
SELECT p.id FROM runs p WHERE p.phase = 'parked' AND p.id <> ALL($1::uuid[])
  AND NOT EXISTS (SELECT FROM runs c WHERE c.parent_run_id = p.id AND c.phase <> 'done')
  AND NOT EXISTS (SELECT FROM automation_runs a WHERE a.parent_run_id = p.id AND a.status = 'running')
ORDER BY p.id LIMIT 500
"""
# Those that wait are read first, all of them: to find a thousand in order of their ids, Postgres may otherwise walk
# through all runs that ever were.
_NOBODY_TOOK = """
WITH waiting AS MATERIALIZED (
    SELECT id, kind FROM runs WHERE phase = 'queued' AND updated_at < clock_timestamp() - interval '3 s'
)
SELECT id, kind FROM waiting ORDER BY id LIMIT 1000
"""


class Dispatcher:
    """Each method is one turn of a loop of its own; any number of replicas may turn at once."""

    def __init__(self, pool: Pool, bell: Bell, publisher: Publisher, process_id: UUID) -> None:
        self._pool = pool
        self._bell = bell
        self._publisher = publisher
        self._process_id = process_id
        self._approvals: Rows[UUID] = Rows("approvals", last_resort=self._reject_damaged)
        self._retries: Rows[UUID] = Rows("retries", last_resort=self._queue_damaged)
        self._late: Rows[UUID] = Rows("late_approvals", last_resort=self._reject_damaged)
        self._scheduled: Rows[UUID] = Rows("scheduled", last_resort=self._queue_damaged)
        self._parked: Rows[UUID] = Rows("parked", last_resort=self._queue_damaged)
        self.limits = Limits(pool, bell, self._queue_damaged)
        self.wake = asyncio.Event()

    def on_held(self, _kind: str, _ids: list[UUID]) -> None:
        """Called when the bell says that runs are held for an approval. It is only a hint, so read the table."""
        self.wake.set()

    async def hold_once(self) -> None:
        """Runs that are held for an approval become awaiting_approval."""
        waiting = await self._ids(self._approvals, _HELD_FOR_APPROVAL)
        self._publisher.publish(await self._approvals.each(waiting, self._require))

    async def retry_once(self) -> None:
        """Retries that are due are queued, or wait for room if a limit is reached."""
        due = await self._ids(self._retries, _DUE_RETRIES)
        self._ring(await self._retries.each(due, self._retry))

    async def late_once(self) -> None:
        """Runs whose approval was not given in time are rejected."""
        late = await self._ids(self._late, _DUE_APPROVALS)
        rows = await self._late.each(late, self._time_out)
        await follow(rows, self._pool, self._bell, self._publisher)

    async def start_once(self) -> None:
        """Scheduled runs whose time has come are queued, or wait for their approval or for room."""
        due = await self._ids(self._scheduled, _DUE_TO_START)
        self._ring(await self._scheduled.each(due, self._start))

    async def unpark_once(self) -> None:
        """Parked runs whose child run has ended go on."""
        parked = await self._ids(self._parked, _PARKED_FOR_NOTHING)
        self._ring(await self._parked.each(parked, self._unpark))

    async def ring_again_once(self) -> None:
        """Ring the bell again for queued runs that no worker took: the hint was lost, or every worker was full."""
        self._ring(await self._pool.fetch(_NOBODY_TOOK))

    async def _require(self, ids: list[UUID]) -> list[Any]:
        return await lifecycle.require_approval(self._pool, ids, self._process_id)

    async def _retry(self, ids: list[UUID]) -> list[Any]:
        rows = await lifecycle.retry(self._pool, ids)
        if len(rows) < len(ids):
            self.limits.on_room("", await lifecycle.wait_for_room(self._pool, ids))
        return rows

    async def _start(self, ids: list[UUID]) -> list[Any]:
        return await lifecycle.start(self._pool, ids)

    async def _time_out(self, ids: list[UUID]) -> list[Any]:
        return await lifecycle.time_out(self._pool, ids, self._process_id)

    async def _unpark(self, ids: list[UUID]) -> list[Any]:
        return await lifecycle.unpark(self._pool, ids)

    async def _queue_damaged(self, run_id: UUID) -> bool:
        """Queue a run that cannot be moved otherwise; the worker that claims it ends it."""
        async with self._pool.acquire() as conn:
            rows = await lifecycle.queue_damaged(conn, run_id)
        self._ring(rows)
        return bool(rows)

    async def _reject_damaged(self, run_id: UUID) -> bool:
        async with self._pool.acquire() as conn:
            ended, rows = await lifecycle.reject_damaged(conn, run_id, self._process_id)
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
        await follow(rows, self._pool, self._bell, self._publisher)
        return ended

    async def _ids(self, rows: Rows[UUID], query: str) -> list[UUID]:
        return [row["id"] for row in await self._pool.fetch(query, rows.resting)]

    def _ring(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.get("held_for") == "approval":
                self.wake.set()
            elif row.get("phase") in ("delayed", "held"):
                self.limits.on_room("", [row["org_id"]])
            else:
                self._bell.ring(row["kind"], [row["id"]])
