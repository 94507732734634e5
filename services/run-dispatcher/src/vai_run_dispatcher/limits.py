"""The limits of live (queued or leased) runs, of an organisation and of a connection.

The live runs are counted in the table each time; a counter of its own could become wrong (rule 11). Only the
dispatcher queues a run that waits for room: new and approved runs (held), retries, resumed and woken runs (delayed
without a time). It takes the oldest runs first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import structlog

from vai_common.clock import steady_seconds
from vai_common.loops import end
from vai_common.messages.bell import Bell
from vai_common.queries import Pool
from vai_common.rows import Rows
from vai_records.lifecycle.sql_fragments import waits_for_room

_log = structlog.get_logger()

MOST = 500
"""Runs of one organisation that are queued in one turn. The others follow in its next turn."""

AT_ONCE = 3
"""Organisations that have a turn at the same time, so that a slow one does not block the others."""

BUSY_SECONDS = 0.02
CLOSE_SECONDS = 1.0
"""How long the service waits for running turns when it stops."""

SWEEP_SHARE = 4
"""The pause after a sweep is this many times as long as the sweep, so that sweeps take a fifth of the time at most."""

# The commit does not wait for the disk. If a crash of Postgres undoes it, the run waits for room as before; the commit
# of the run's claim, which comes later, writes this one to the disk, too.
_LOCK = """
SELECT pg_try_advisory_xact_lock(hashtext('vai.limits'), hashtext($1::text)),
    set_config('synchronous_commit', 'off', true)
"""

_NOWHERE = "coalesce(connection_id, '00000000-0000-0000-0000-000000000000')"
_SPARE = 10
"""Rows that are read beyond the room, because the first ones may be locked."""

# A loose index scan: it jumps from one org_id to the next, so the cost depends on the number of organisations, not of
# runs.
_ORGANISATIONS = f"""
WITH RECURSIVE line AS (
    (SELECT org_id FROM runs r WHERE {waits_for_room("r")} ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT next.org_id FROM line, LATERAL (
        SELECT org_id FROM runs r WHERE {waits_for_room("r")} AND org_id > line.org_id ORDER BY org_id LIMIT 1
    ) next
)
SELECT org_id FROM line
"""


def _live(where: str, most: str) -> str:
    """How many runs are live, counted no further than the limit."""
    return f"""(SELECT count(*) FROM (
        SELECT FROM runs l WHERE l.org_id = $1 {where} AND l.phase IN ('queued', 'leased') LIMIT {most}) live)"""


# For each connection of the waiting runs (and for no connection): the oldest runs for which the connection and the
# organisation have room. Of all these, the oldest. Locked rows are skipped, and runs that rest ($3) because they could
# not be moved. If $4 is given, only these runs are considered.
_FITTING = f"""
WITH RECURSIVE room AS MATERIALIZED (
    SELECT CASE WHEN o.max_running IS NULL THEN $2::int
        ELSE least($2::int, greatest(0, o.max_running - {_live("", "o.max_running")})) END AS places
    FROM organisations o WHERE o.id = $1
),
line AS (
    (SELECT {_NOWHERE} AS place FROM runs r WHERE org_id = $1 AND {waits_for_room("r")} ORDER BY {_NOWHERE} LIMIT 1)
    UNION ALL
    SELECT next.place FROM line, LATERAL (
        SELECT {_NOWHERE} AS place FROM runs r WHERE org_id = $1 AND {waits_for_room("r")} AND {_NOWHERE} > line.place
        ORDER BY {_NOWHERE} LIMIT 1
    ) next
),
open AS (
    SELECT line.place, CASE WHEN c.max_running IS NULL THEN room.places
        ELSE least(room.places, greatest(0, c.max_running - {_live("AND l.connection_id = c.id", "c.max_running")}))
        END AS places
    FROM room, line LEFT JOIN connections c ON c.id = line.place WHERE room.places > 0
),
fitting AS MATERIALIZED (
    SELECT first.id FROM open, LATERAL (
        SELECT locked.id FROM (
            SELECT r.id FROM runs r WHERE org_id = $1 AND {waits_for_room("r")} AND {_NOWHERE} = open.place
              AND r.id <> ALL($3::uuid[]) AND ($4::uuid[] IS NULL OR r.id = ANY($4::uuid[]))
            ORDER BY r.id LIMIT open.places + {_SPARE}
        ) waiting, LATERAL (
            SELECT r.id FROM runs r WHERE r.id = waiting.id AND {waits_for_room("r")} FOR UPDATE SKIP LOCKED
        ) locked LIMIT open.places
    ) first
    WHERE open.places > 0 ORDER BY first.id LIMIT (SELECT places FROM room)
)
"""
_LET_IN = f"""{_FITTING}
UPDATE runs r SET phase = 'queued', held_for = NULL, due_at = NULL, updated_at = clock_timestamp()
FROM fitting WHERE r.id = fitting.id RETURNING r.id, r.kind
"""

_WHO_FITS = f"{_FITTING} SELECT id FROM fitting"


async def waiting_organisations(pool: Pool) -> list[UUID]:
    """The organisations that have a run that waits for room."""
    return [row["org_id"] for row in await pool.fetch(_ORGANISATIONS)]


async def let_in(
    pool: Pool, org_id: UUID, most: int = MOST, *, resting: Sequence[UUID] = (), only: Sequence[UUID] | None = None
) -> list[Any] | None:
    """Queue as many runs of an organisation as its limit and those of its connections allow. Return their id and kind.

    None if another dispatcher is doing it now. This one does not wait for the lock, since the other may be frozen.
    """
    async with pool.acquire() as conn, conn.transaction():
        # The lock is a statement of its own, so that the count, which follows, sees what the last holder has queued.
        if not await conn.fetchval(_LOCK, str(org_id)):
            return None
        return list(await conn.fetch(_LET_IN, org_id, most, list(resting), None if only is None else list(only)))


class Limits:
    """Gives each organisation a turn when a run of it may fit. A few organisations have their turns at the same time.

    `last_resort` gets a run that could not be queued in several turns (rule 23).
    """

    def __init__(self, pool: Pool, bell: Bell, last_resort: Callable[[UUID], Awaitable[bool]] | None = None) -> None:
        self._pool = pool
        self._bell = bell
        self._rows: Rows[UUID] = Rows("limits")
        self._runs: Rows[UUID] = Rows("let_in", last_resort=last_resort)
        self._due: dict[UUID, None] = {}
        self._under_way: set[UUID] = set()
        self._again: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._rest_until = 0.0
        self._closed = False

    def on_room(self, _word: str, org_ids: Sequence[UUID]) -> None:
        """A run of these organisations waits for room, or has ended and left room."""
        for org_id in org_ids:
            if org_id in self._under_way:
                self._again.add(org_id)
            else:
                self._due[org_id] = None
        while self._due and len(self._tasks) < AT_ONCE and not self._closed:
            self._begin()

    async def sweep_once(self) -> None:
        """Give a turn to every organisation with a waiting run: a message may be lost, or a limit was raised."""
        if steady_seconds() < self._rest_until:
            return
        began = steady_seconds()
        self.on_room("", await waiting_organisations(self._pool))
        await self.drained()
        self._rest_until = steady_seconds() + SWEEP_SHARE * (steady_seconds() - began)

    async def drained(self) -> None:
        """Return when no organisation is due and no turn is running."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Begin no more turns, wait `CLOSE_SECONDS` for those that are running, and cancel the rest.

        A cancelled turn has queued nothing, or the next dispatcher rings the bell for its runs.
        """
        self._closed = True
        if self._tasks:
            _, slow = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            await end(slow)

    def _begin(self) -> None:
        org_id = next(iter(self._due))
        del self._due[org_id]
        self._under_way.add(org_id)
        task = asyncio.create_task(self._turn(org_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _turn(self, org_id: UUID) -> None:
        rest = 0.0
        try:
            rest = await self._let_in(org_id)
        except Exception as error:
            _log.warning("limits_failed", organisation_id=str(org_id), error=f"{type(error).__name__}: {error}")
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.discard(task)
            if rest:
                asyncio.get_running_loop().call_later(rest, self._over, org_id)
            else:
                self._over(org_id)

    async def _let_in(self, org_id: UUID) -> float:
        """One turn. Return the seconds until the organisation may have the next one."""
        let: list[Any] = []
        busy = bad = False

        async def take(only: list[UUID] | None) -> int:
            nonlocal busy
            rows = await let_in(self._pool, org_id, resting=self._resting, only=only)
            busy = rows is None
            let.extend(rows or [])
            return len(rows or [])

        async def found() -> list[UUID]:
            nonlocal bad
            fitting = await self._fitting(org_id)
            bad = bool(fitting)
            return fitting

        async def turn(_org_id: UUID) -> None:
            await self._runs.batch(take, found)

        await self._rows.one(org_id, turn)
        for row in let:
            self._bell.ring(row["kind"], [row["id"]])
        if busy or bad or len(let) == MOST:
            self._again.add(org_id)
        return BUSY_SECONDS if busy or bad else 0.0

    @property
    def _resting(self) -> list[Any]:
        return self._runs.resting

    async def _fitting(self, org_id: UUID) -> list[UUID]:
        """The runs that a turn would queue. Asked when queuing them together failed because of one of them."""
        rows = await self._pool.fetch(_WHO_FITS, org_id, MOST, self._resting, None)
        return [row["id"] for row in rows]

    def _over(self, org_id: UUID) -> None:
        """The organisation may have its next turn: now, if something has happened meanwhile."""
        self._under_way.discard(org_id)
        news = [org_id] if org_id in self._again else []
        self._again.discard(org_id)
        self.on_room("", news)
