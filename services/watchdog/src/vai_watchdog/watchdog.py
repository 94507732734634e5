"""The main work of this service: it notices dead processes and queues their runs again (rule 7, decision 23)."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from vai_common.messages.bell import Bell
from vai_common.queries import Pool, Queries, Row
from vai_common.rows import Rows
from vai_records.events.publication import Publisher
from vai_records.events.run_end import follow, offer_room
from vai_records.lifecycle.leases import GRACE_SECONDS
from vai_records.lifecycle.sql_fragments import ALONE, MAY_RERUN
from vai_records.metrics import runs_given_up
from vai_records.processes import losses
from vai_watchdog import lifecycle, metrics
from vai_watchdog.dead_sessions import end_sessions
from vai_watchdog.deaths import BEAT_STOOD_STILL, CONNECTION_CLOSED, Looks, look
from vai_watchdog.lifecycle import Lost

_log = structlog.get_logger()

_OF_PROCESS = f"""
SELECT r.id, {MAY_RERUN} AS may_rerun FROM runs r WHERE r.lease_owner = $1 AND r.phase = 'leased' ORDER BY r.id
"""
_STALE = f"""
SELECT r.id, {MAY_RERUN} AS may_rerun, r.lease_owner FROM runs r
WHERE r.phase = 'leased' AND r.due_at <= clock_timestamp() AND r.id <> ALL($1::uuid[])
ORDER BY r.lease_owner, r.id LIMIT 500
"""
# A worker with a recent beat has room for the run now. More than half of its slots must be free, since a share of
# them is kept for other organisations (`vai_worker.shares`), and it must neither hold a run alone nor make room for
# one.
_PASSED_OVER = f"""
SELECT r.id, r.updated_at < clock_timestamp() - interval '{GRACE_SECONDS} s' AS too_long FROM runs r
WHERE r.phase = 'queued' AND r.recovered AND r.status = 'running' AND r.moved_by = 'watchdog'
  AND r.updated_at < clock_timestamp() - interval '{GRACE_SECONDS - 30} s' AND NOT {ALONE}
  AND EXISTS (
    SELECT FROM processes p WHERE r.kind = ANY(p.kinds) AND NOT p.stopping
      AND p.beat_at > clock_timestamp() - interval '12 s'
      AND p.slots > (
        SELECT 2 * count(*) + p.slots * count(*) FILTER (WHERE {ALONE.replace("r.", "h.")})
        FROM runs h WHERE h.lease_owner = p.id AND h.phase = 'leased')
      AND NOT EXISTS (
        SELECT FROM runs a WHERE a.phase = 'queued' AND a.kind = ANY(p.kinds) AND {ALONE.replace("r.", "a.")})
  )
ORDER BY r.id LIMIT 500
"""
PASSED_OVER_LOOKS = 3
"""Looks, 10 s apart, at which a worker had room and did not take the run. After one look it may still be about to."""

_WORDS = {CONNECTION_CLOSED: "connection", BEAT_STOOD_STILL: "beat"}
"""Why a process counts as dead, in the words of the metric's label."""

_HELD = "SELECT count(*) FROM runs WHERE lease_owner = $1 AND phase = 'leased'"


class Watchdog:
    """Each method is one turn of a loop. `conn` is a connection of its own, for looking; the pool does the rest."""

    def __init__(self, pool: Pool, bell: Bell, publisher: Publisher, process_id: UUID) -> None:
        self._pool = pool
        self._bell = bell
        self._publisher = publisher
        self._process_id = process_id
        self.looks = Looks()
        self._held: dict[UUID, int] = {}
        self._passed_over: dict[UUID, int] = {}
        self._buried: Rows[tuple[UUID, str]] = Rows("burials", by=lambda dead: dead[0])
        # One for each step: if there was nothing to cancel, that does not mean that the run can be moved.
        self._runs: dict[str, Rows[UUID]] = {
            step: Rows("lost_runs", last_resort=self._end_damaged) for step in ("cancel", "unsafe", "recover", "lost")
        }

    async def look_at_locks_once(self, conn: Queries) -> None:
        for dead in self.looks.by_lock(await look(conn)):
            await self._buried.one(dead, self._bury)

    async def look_at_counters_once(self, conn: Queries) -> None:
        for dead in self.looks.by_counter(await look(conn)):
            await self._buried.one(dead, self._bury)

    async def _bury(self, dead: tuple[UUID, str]) -> None:
        await self.bury(*dead)

    async def bury(self, process_id: UUID, why: str) -> None:
        """Queue the runs of a dead process again. Forget the process when all of them are moved, else look again later.

        Its database sessions are ended first, since a process that is only frozen keeps its locks.
        """
        if process_id == self._process_id:
            return
        ended = await end_sessions(self._pool, process_id)
        rows = await self._pool.fetch(_OF_PROCESS, process_id)
        message = f"Recovered at once: worker {process_id} is gone ({why})"
        lost = Lost(process_id, alone=self._held_alone(process_id, len(rows)))
        await self._take_back(rows, lost, "watchdog_fast_recovery", message)
        if (gone := await losses.bury(self._pool, process_id, why)) is not None:
            self._held.pop(process_id, None)
            metrics.processes_lost.labels(service=gone["service"], why=_WORDS.get(why, "lease")).inc()
            metrics.recovery_seconds.observe(max(0.0, gone["seconds"]))
        _log.warning("process_buried", process=str(process_id), why=why, runs=len(rows), sessions=ended)

    def _held_alone(self, process_id: UUID, now: int) -> bool:
        """Whether the process held one run only, counting those that were taken back at an earlier look."""
        self._held[process_id] = max(now, self._held.get(process_id, 0))
        return self._held[process_id] <= 1

    async def sweep_leases_once(self) -> None:
        """Take back the runs whose lease ran out, whatever their worker says."""
        by_owner: dict[UUID, list[Any]] = {}
        for row in await self._pool.fetch(_STALE, self._resting):
            by_owner.setdefault(row["lease_owner"], []).append(row)
        for owner, rows in by_owner.items():
            held = self._held_alone(owner, await self._pool.fetchval(_HELD, owner))
            lost = Lost(owner, only_expired=True, alone=held)
            await self._take_back(rows, lost, "watchdog_recovery", "Recovered: its lease ran out")
            if await self._pool.fetchval(_HELD, owner) == 0:
                self._held.pop(owner, None)

    async def abandon_once(self) -> None:
        """Fail the runs that no worker took again in the grace time, although one had room.

        A run that waits for a free slot is not abandoned, nor is one that may only be claimed by an idle worker.
        """
        rows = await self._pool.fetch(_PASSED_OVER)
        self._passed_over = {row["id"]: self._passed_over.get(row["id"], 0) + 1 for row in rows}
        ids = [row["id"] for row in rows if row["too_long"] and self._passed_over[row["id"]] >= PASSED_OVER_LOOKS]
        if ids:
            await self._end("lost", ids, lambda some: lifecycle.abandon(self._pool, some, self._process_id))

    async def _take_back(self, rows: Sequence[Row], lost: Lost, event: str, message: str) -> None:
        """Cancel runs that somebody wants cancelled, fail those that may not go on, queue the rest. Skip locked rows.

        A run that cannot be moved rests, and does not block the others (rule 22).
        """
        pool, who = self._pool, self._process_id
        unsafe = [row["id"] for row in rows if not row["may_rerun"]]
        safe = list({row["id"] for row in rows}.difference(unsafe))
        if rows:
            ids = safe + unsafe
            await self._end("cancel", ids, lambda some: lifecycle.cancel(pool, some, lost, who))
        if unsafe:
            await self._end("unsafe", unsafe, lambda some: lifecycle.fail_unsafe(pool, some, lost, who))
        if safe:
            step = partial(lifecycle.recover, pool, lost=lost, event=event, why=message)
            recovered = await self._runs["recover"].each(safe, step)
            offer_room(recovered, self._bell)
            for row in recovered:
                if row["phase"] == "queued":
                    self._bell.ring(row["kind"], [row["id"]])
                    metrics.runs_recovered.labels(kind=row["kind"]).inc()
            await self._end("lost", safe, lambda some: lifecycle.fail_too_often_lost(pool, some, lost, who))

    @property
    def _resting(self) -> list[Hashable]:
        return [run_id for rows in self._runs.values() for run_id in rows.resting]

    async def _end(self, name: str, ids: Sequence[UUID], step: Callable[[list[UUID]], Awaitable[list[Any]]]) -> None:
        await self._ended(await self._runs[name].each(ids, step))

    async def _end_damaged(self, run_id: UUID) -> bool:
        """Ends a run that cannot be taken back, once its lease has run out."""
        async with self._pool.acquire() as conn:
            ended, rows = await lifecycle.end_damaged(conn, run_id, self._process_id)
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
        await self._ended(rows)
        return ended

    async def _ended(self, rows: Sequence[Row]) -> None:
        for row in rows:
            metrics.runs_lost.labels(kind=row["kind"], status=row["status"]).inc()
        await follow(rows, self._pool, self._bell, self._publisher)
