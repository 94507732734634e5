"""What follows the end of a run, once it is committed: its event goes out, and whoever waits for it is woken."""

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
    """For the rows of runs that a finishing statement answered. Only hints: what is lost here is swept later."""
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
    """For committed rows of runs that are live no more: where others wait for room, the dispatcher hears of it."""
    if organisations := dict.fromkeys(row["org_id"] for row in rows if row["room_wanted"]):
        bell.ring(ROOM, list(organisations))


def announce(rows: Sequence[Row], bell: Bell, publisher: Publisher) -> None:
    """For committed rows of the journal: they go out, and the scheduler hears of those that automations wait for."""
    publisher.publish(rows)
    if wanted := [row["subject_id"] for row in rows if row["wanted"]]:
        bell.ring(EVENT, wanted)


def automation_run_of(row: Row) -> UUID | None:
    """The automation run whose step a run was, by the data of its event; None where it was none's."""
    trigger = row["data"].get("trigger") or {}
    return UUID(trigger["sourceId"]) if trigger.get("sourceType") == "automation_run" else None


async def watch(conn: Queries, run_id: UUID) -> bool:
    """Asks whoever ends the run to notify us; False where it has ended already."""
    return await conn.fetchval(_WATCH, run_id) is not None
