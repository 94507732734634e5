"""Schedules that are due: each of their times makes one automation run, however many schedulers look (decision 41)."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from common import clock
from common.bell import AUTOMATION, Bell
from common.telemetry import schedule_late_seconds
from records.automations import runs
from records.automations.runs import NewAutomationRun
from records.automations.schedule import LATE, next_after, to_fire

LONGEST_PAUSE = 1.0

_BATCH = 500
_DUE = """
SELECT id, org_id, version_id, trigger, due_at FROM automations
WHERE due_at <= $1 AND status = 'active' AND deleted_at IS NULL
ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_NEXT_DUE = "SELECT min(due_at) FROM automations WHERE due_at IS NOT NULL AND status = 'active' AND deleted_at IS NULL"
_MOVE_ON = """
UPDATE automations a SET due_at = t.due_at FROM unnest($1::uuid[], $2::timestamptz[]) AS t(id, due_at) WHERE a.id = t.id
"""


class Schedules:
    """Fires what is due. A row is locked while it fires: who comes second finds the time moved on."""

    def __init__(self, pool: Any, bell: Bell) -> None:
        self._pool = pool
        self._bell = bell

    async def fire_once(self) -> None:
        """Fires all that is due, then waits until the next time, a second at the most."""
        while await self.fire_batch() == _BATCH:
            pass
        await asyncio.sleep(await self._pause())

    async def fire_batch(self) -> int:
        """Up to 500 schedules in one transaction; answers how many."""
        now = clock.now()
        async with self._pool.acquire() as conn, conn.transaction():
            due = await conn.fetch(_DUE, now, _BATCH)
            news: list[NewAutomationRun] = []
            following: list[datetime | None] = []
            for row in due:
                trigger = row["trigger"]
                expression, zone = trigger["schedule"], trigger["timezone"]
                times = to_fire(expression, zone, row["due_at"], now, trigger["catchup"])
                news += [_of_time(row, time, waits=_waits(trigger, times, now)) for time in times]
                following.append(next_after(expression, zone, now))
            made: set[UUID] = await runs.create(conn, news) if news else set()
            if due:
                await conn.execute(_MOVE_ON, [row["id"] for row in due], following)
        self._bell.ring(AUTOMATION, sorted(made))
        for row in due:
            schedule_late_seconds.observe((now - row["due_at"]).total_seconds())
        return len(due)

    async def _pause(self) -> float:
        """Seconds until the next time: it is fired when it is due, not when somebody happens to look."""
        due: datetime | None = await self._pool.fetchval(_NEXT_DUE)
        if due is None:
            return LONGEST_PAUSE
        return min(LONGEST_PAUSE, max(0.0, (due - clock.now()).total_seconds()))


def _waits(trigger: dict[str, Any], times: list[datetime], now: datetime) -> bool:
    """Whether these are times that were missed and are all to be made up for: they run one after another.

    `overlap: skip` would leave out all but the first of them.
    """
    return (
        trigger["catchup"] == "all"
        and trigger.get("overlap") != "allow"
        and (len(times) > 1 or any(now - time > LATE for time in times))
    )


def _of_time(row: Any, time: datetime, *, waits: bool) -> NewAutomationRun:
    said = time.isoformat().replace("+00:00", "Z")
    return NewAutomationRun(
        org_id=row["org_id"],
        automation_id=row["id"],
        version_id=row["version_id"],
        triggered_by="schedule",
        trigger_key=f"schedule:{said}",
        event={"type": "schedule", "occurredAt": said, "data": {"scheduledFor": said}},
        inputs={"scheduledFor": said},
        waits=waits,
    )
