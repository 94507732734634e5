"""The automation runs of a schedule's times: each time has one, whoever makes it (decision 41)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from vai_common.queries import Queries, Row
from vai_records.automations.runs import NewAutomationRun

_OF_TIMES = """
SELECT trigger_key, id, outcome FROM automation_runs WHERE automation_id = $1 AND trigger_key = ANY($2::text[])
"""


def written(time: datetime) -> str:
    """A time as inputs, events and keys say it."""
    return time.isoformat().replace("+00:00", "Z")


def key_of(time: datetime, *, again: bool = False) -> str:
    """The trigger key of a time; `again` after its automation run was skipped."""
    return f"schedule:{written(time)}" + (":again" if again else "")


def of_time(automation: Row, time: datetime, **columns: Any) -> NewAutomationRun:
    """The automation run of a time of an automation (`id`, `org_id`, `version_id`)."""
    said = written(time)
    usual = {"trigger_key": key_of(time), "event": event_of(time), "inputs": {"scheduledFor": said}}
    return NewAutomationRun(
        org_id=automation["org_id"],
        automation_id=automation["id"],
        version_id=automation["version_id"],
        triggered_by="schedule",
        **{**usual, **columns},
    )


def event_of(time: datetime, **data: Any) -> dict[str, Any]:
    """The event of a time, as conditions see it."""
    said = written(time)
    return {"type": "schedule", "occurredAt": said, "data": {"scheduledFor": said, **data}}


async def made_before(conn: Queries, automation: Row, times: Iterable[datetime]) -> Mapping[str, Row]:
    """The automation runs (`id`, `outcome`) that these times have already, by their trigger keys."""
    keys = [key_of(time, again=again) for time in times for again in (False, True)]
    return {row["trigger_key"]: row for row in await conn.fetch(_OF_TIMES, automation["id"], keys)}
