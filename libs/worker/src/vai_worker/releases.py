"""Releases leases whose run does not end here: at SIGTERM, and leases that this process does not know."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from vai_common.db import is_away
from vai_common.messages.bell import Bell
from vai_common.queries import Pool
from vai_records.events.run_end import offer_room
from vai_records.metrics import runs_given_up
from vai_records.runs.row import RunRow
from vai_records.runs.subject import subject
from vai_worker import lifecycle
from vai_worker.lifecycle import MOST_TURNS, Held, Holder
from vai_worker.metrics import runs_handed_over

Rows = list[RunRow]
Turn = Callable[[list[Held], str, bool], Awaitable[set[UUID]]]

_log = structlog.get_logger()


class Releases:
    """Every release checks whether the run may be done again, and does what was asked of the run."""

    def __init__(self, pool: Pool, holder: Holder, bell: Bell, on_ended: Callable[[Rows], None]) -> None:
        self._pool = pool
        self._holder = holder
        self._bell = bell
        self._on_ended = on_ended

    async def let_go(self, held: Sequence[Held], why: str, *, stuck: bool = False) -> set[UUID]:
        """Queue the runs again, or cancel, pause or fail them if that is due. Return those that are released.

        `stuck`: in this turn they could not be released in another way. After three such turns a run is ended.
        """
        left = list(held)
        for turn in (self._queue, self._end):
            if left:
                done = await self._anyhow(turn, left, why, stuck)
                left = [one for one in left if one.id not in done]
        return {one.id for one in held} - {one.id for one in left}

    async def _anyhow(self, turn: Turn, held: list[Held], why: str, stuck: bool) -> set[UUID]:
        """One turn. A single stuck run with a damaged record is ended without what cannot be written (rule 23)."""
        try:
            return await turn(held, why, stuck)
        except Exception as error:
            if not stuck or len(held) > 1 or is_away(error):
                raise
            _log.error("run_ends_without_its_entry", **await subject(self._pool, held[0].id), error=repr(error))
        message = f"{why}, and its record is damaged, so it is ended: report it with the run's id."
        async with self._pool.acquire() as conn:
            ended, rows = await lifecycle.end_anyway(conn, self._holder, held[0], message)
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
        self._on_ended(rows)
        return {held[0].id} if ended else set()

    async def _queue(self, held: list[Held], why: str, stuck: bool) -> set[UUID]:
        rows = await lifecycle.interrupt(self._pool, self._holder, held, why, stuck=stuck)
        for row in rows:
            self._bell.ring(row["kind"], [row["id"]])
            runs_handed_over.labels(kind=row["kind"]).inc()
        return _ids(rows)

    async def _end(self, held: list[Held], why: str, stuck: bool) -> set[UUID]:
        rows = await lifecycle.cancel(self._pool, self._holder, held)
        rows += await lifecycle.fail_unsafe(self._pool, self._holder, held, why)
        if stuck:
            rows += await self._give_up(held, why)
        self._on_ended(rows)
        paused = await lifecycle.pause(self._pool, self._holder, held)
        offer_room(paused, self._bell)
        return _ids(rows) | _ids(paused)

    async def _give_up(self, held: list[Held], why: str) -> Rows:
        message = f"{why} {MOST_TURNS} times in a row, so it is ended: retry it, and report it with the run's id."
        rows = await lifecycle.give_up(self._pool, self._holder, held, message, MOST_TURNS - 1)
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
        return rows


def _ids(rows: Rows) -> set[UUID]:
    return {row["id"] for row in rows}
