"""What happens after the commit of a run's end: its event is published, and clients that wait for it are woken."""

from collections.abc import Sequence
from uuid import UUID

from vai_common.messages.bell import AUTOMATION, EVENT, ROOM, Bell
from vai_common.messages.notifications import LARGEST_PAYLOAD, notify
from vai_common.queries import Pool, Queries, Row
from vai_records.events.publication import Publisher

ENDED_CHANNEL = "run_ended"
"""NOTIFY channel: ids of watched runs that ended, for those who wait."""

_WATCH = "UPDATE runs SET watched = true WHERE id = $1 AND phase <> 'done' RETURNING id"


async def follow(rows: Sequence[Row], pool: Pool, bell: Bell, publisher: Publisher) -> None:
    """For the rows that a finishing statement has returned. Only hints: a sweep finds what is lost here."""
    announce(rows, bell, publisher)
    offer_room(rows, bell)
    for row in rows:
        if row["woken_id"] is not None:
            bell.ring(row["woken_kind"], [row["woken_id"]])
    if stepped := {automation_run for row in rows if (automation_run := automation_run_of(row)) is not None}:
        bell.ring(AUTOMATION, sorted(stepped))
    watched = [row["id"].hex for row in rows if row["watched"]]
    most = LARGEST_PAYLOAD // 33
    for start in range(0, len(watched), most):
        await notify(pool, ENDED_CHANNEL, ",".join(watched[start : start + most]))


def offer_room(rows: Sequence[Row], bell: Bell) -> None:
    """For committed rows of runs that are no longer live: tell the dispatcher if others wait for room."""
    if organisations := dict.fromkeys(row["org_id"] for row in rows if row["room_wanted"]):
        bell.ring(ROOM, list(organisations))


def announce(rows: Sequence[Row], bell: Bell, publisher: Publisher) -> None:
    """For committed rows of the journal: publish them, and tell the scheduler if automations wait for some."""
    publisher.publish(rows)
    if wanted := [row["subject_id"] for row in rows if row["wanted"]]:
        bell.ring(EVENT, wanted)


def automation_run_of(row: Row) -> UUID | None:
    """The automation run whose step a run was, by the data of its event; None where it was none's."""
    trigger = row["data"].get("trigger") or {}
    return UUID(trigger["sourceId"]) if trigger.get("sourceType") == "automation_run" else None


async def watch(conn: Queries, run_id: UUID) -> bool:
    """Mark the run as watched, so that its end is notified. False if it has ended already."""
    return await conn.fetchval(_WATCH, run_id) is not None
