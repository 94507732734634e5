"""Fires schedules: each of their times makes one automation run, however many schedulers there are (decision 41)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from vai_common.messages.bell import AUTOMATION, Bell
from vai_common.queries import Pool, Row
from vai_common.rows import Rows
from vai_common.telemetry import current_traceparent, span
from vai_records.alerts.news import note_missed
from vai_records.automations import automations, runs
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.schedule import LATE, next_after, to_fire
from vai_records.automations.scheduled import of_time, written
from vai_scheduler.metrics import schedule_lateness_seconds

_log = structlog.get_logger()

LONGEST_PAUSE = 1.0

_BATCH = 500
_NOW = "SELECT clock_timestamp()"
_DUE = """
SELECT id, org_id, version_id, trigger, due_at FROM automations
WHERE due_at <= $1 AND status = 'active' AND deleted_at IS NULL
  AND id <> ALL($3::uuid[]) AND ($4::uuid[] IS NULL OR id = ANY($4))
ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_FOUND = """
SELECT id FROM automations WHERE due_at <= $1 AND status = 'active' AND deleted_at IS NULL AND id <> ALL($3::uuid[])
ORDER BY due_at LIMIT $2
"""
_NEXT_DUE = """
SELECT min(due_at) FROM automations
WHERE due_at IS NOT NULL AND status = 'active' AND deleted_at IS NULL AND id <> ALL($1::uuid[])
"""
_MOVE_ON = """
UPDATE automations a SET due_at = t.due_at FROM unnest($1::uuid[], $2::timestamptz[]) AS t(id, due_at) WHERE a.id = t.id
"""


class Schedules:
    """Fires due schedules. A row is locked while it fires, so a second scheduler finds the next time there.

    The time is the database's: a machine whose clock is wrong fires nothing early, and skips nothing.
    """

    def __init__(self, pool: Pool, bell: Bell, now: Callable[[], Awaitable[datetime]] | None = None) -> None:
        self._pool = pool
        self._bell = bell
        self._now = now or partial(pool.fetchval, _NOW)
        self._rows: Rows[UUID] = Rows("schedules")

    async def fire_once(self) -> None:
        """Fire all that is due, then wait until the next time, at most a second."""
        while await self.fire_batch() == _BATCH:
            pass
        await asyncio.sleep(await self._pause())

    async def fire_batch(self) -> int:
        """Fire up to 500 schedules in one transaction. Return how many. A schedule that fails does not stop the
        others.
        """
        return await self._rows.batch(self._fire, self._found)

    async def _found(self) -> list[UUID]:
        return [row["id"] for row in await self._pool.fetch(_FOUND, await self._now(), _BATCH, self._rows.resting)]

    async def _fire(self, only: list[UUID] | None) -> int:
        now = await self._now()
        async with self._pool.acquire() as conn, conn.transaction():
            due = await conn.fetch(_DUE, now, _BATCH, self._rows.resting, only)
            news: list[NewAutomationRun] = []
            following: dict[UUID, datetime | None] = {}
            for row in due:
                try:
                    times, following[row["id"]] = _times_of(row, now)
                except Exception as error:
                    await automations.break_(conn, row["id"], _unreadable(row, error))
                    _log.warning(
                        "schedule_unreadable",
                        automation_id=str(row["id"]),
                        organisation_id=str(row["org_id"]),
                        error=repr(error),
                    )
                else:
                    news += [_of_time(row, time, waits=_waits(row["trigger"], times, now)) for time in times]
            made: set[UUID] = await runs.create(conn, news) if news else set()
            await note_missed(conn, [told for row in due if (told := _missed(row, now)) is not None])
            if following:
                await conn.execute(_MOVE_ON, list(following), list(following.values()))
        self._bell.ring(AUTOMATION, sorted(made))
        for row in due:
            schedule_lateness_seconds.observe((now - row["due_at"]).total_seconds())
        return len(due)

    async def _pause(self) -> float:
        """Seconds until the next time, so that it fires on time and not at the next sweep."""
        due: datetime | None = await self._pool.fetchval(_NEXT_DUE, self._rows.resting)
        if due is None:
            return LONGEST_PAUSE
        return min(LONGEST_PAUSE, max(0.0, (due - await self._now()).total_seconds()))


def _waits(trigger: dict[str, Any], times: list[datetime], now: datetime) -> bool:
    """Whether these times were missed and all have to be made up for, one after another.

    `overlap: skip` would leave out all but the first of them.
    """
    return (
        trigger["catchup"] == "all"
        and trigger.get("overlap") != "allow"
        and (len(times) > 1 or any(now - time > LATE for time in times))
    )


def _times_of(row: Row, now: datetime) -> tuple[list[datetime], datetime | None]:
    """The times that fire now, and the next one after them. May raise any exception for a trigger that cannot be
    read.
    """
    trigger = row["trigger"]
    expression, zone = trigger["schedule"], trigger["timezone"]
    return to_fire(expression, zone, row["due_at"], now, trigger["catchup"]), next_after(expression, zone, now)


def _missed(row: Row, now: datetime) -> tuple[UUID, UUID, dict[str, Any]] | None:
    """What alerts tell of a schedule that fires more than a minute late, whether or not it makes up for it."""
    if now - row["due_at"] <= LATE:
        return None
    return row["org_id"], row["id"], {"text": f"due at {written(row['due_at'])}, seen at {written(now)}"}


def _unreadable(row: Row, error: Exception) -> dict[str, Any]:
    """Why an automation no longer fires; for example, this host has another list of time zones."""
    trigger = row["trigger"] if isinstance(row["trigger"], dict) else {}
    said = f"{trigger.get('schedule')!r} in the zone {trigger.get('timezone')!r}"
    message = f"the schedule {said} cannot be read: {error}. Save the trigger again, then resume the automation."
    return {"code": "DATA_ERROR", "message": message, "details": {}, "retryable": False}


def _of_time(row: Row, time: datetime, *, waits: bool) -> NewAutomationRun:
    # Nobody asked for it, so its trace begins here: without one each look would be a trace of its own.
    with span("fire schedule", None, {"vai.automation.id": str(row["id"])}):
        traceparent = current_traceparent()
    return of_time(row, time, waits=waits, traceparent=traceparent)
