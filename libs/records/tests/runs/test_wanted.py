"""An event that an automation waits for is marked in the journal by the statement that writes it (rule 9)."""

from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_common.messages.bell import AUTOMATION, EVENT
from vai_contracts.topics import EVENTS
from vai_records.automations.triggers import EVENT_FIELDS
from vai_records.connections import health as connection_health
from vai_records.events.publication import Publisher
from vai_records.events.run_end import announce, follow
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.sql_fragments import NEVER_WANTED, wanted
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs import statements
from vai_records.runs.statements import Ending
from vai_testkit.automations import NOOP, Saved, save
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer

OWNER = uuid7()
FAIL = Step(Status.RUNNING, (Phase.LEASED,), Status.FAILED, Phase.DONE)
CANCEL = Step(Status.RUNNING, (Phase.QUEUED,), Status.CANCELLED, Phase.DONE)


_MANY = """
INSERT INTO automations (id, org_id, name, slug, version_id, trigger)
SELECT gen_random_uuid(), org_id, name, 'many-' || n, version_id, '{"type": "manual"}'
FROM automations, generate_series(1, $1) n
"""
_READ = """
SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'automations'
"""


async def _waits(database: Database, org_id: UUID, event_type: str, **columns: Any) -> Saved:
    body = {"actions": [NOOP], "trigger": {"type": "event", "eventType": event_type}}
    return await save(await database.owner(), org_id, body, **columns)


async def _ended(database: Database, org_id: UUID, status: str = "completed", runs: int = 1, **columns: Any) -> Any:
    """The rows of runs that their worker ended."""
    pool = await database.pool("extract-worker")
    ids = [await database.put("running", "leased", lease_owner=OWNER, org_id=org_id, **columns) for _ in range(runs)]
    endings = [Ending(run_id, 1, status, None, None, None, Entry("e", "m", {}), {}) for run_id in ids]
    return await statements.finish(pool, endings, OWNER, "w")


async def _connection(database: Database, org_id: UUID) -> UUID:
    connection_id = uuid7()
    await (await database.owner()).execute(
        "INSERT INTO connections (id, org_id, name, slug, provider) VALUES ($1, $2, 'Shop', 'shop', 'shopify')",
        connection_id,
        org_id,
    )
    return connection_id


async def _publisher(database: Database) -> Publisher:
    return Publisher(await database.pool("extract-worker"), MemoryProducer(), OWNER)


def test_what_no_automation_can_wait_for_is_not_looked_for() -> None:
    assert {name for name in EVENTS if name.startswith("action.")} - set(EVENT_FIELDS) == NEVER_WANTED
    assert set(EVENT_FIELDS) <= set(EVENTS)
    assert {wanted("org_id", f"'{name}'") for name in NEVER_WANTED} == {"false"}
    assert "automations" not in statements._CLAIM
    assert "automations" in statements._FINISH


@pytest.mark.parametrize(
    ("waits_for", "status", "marked"),
    [
        ("action.completed", "completed", True),
        ("action.failed", "failed", True),
        ("action.failed", "completed", False),
        ("connection.error", "failed", False),
    ],
)
async def test_an_end_is_marked_where_an_automation_waits_for_it(
    database: Database, waits_for: str, status: str, marked: bool
) -> None:
    org_id = uuid7()
    await _waits(database, org_id, waits_for)
    (row,) = await _ended(database, org_id, status)
    (event,) = await database.events(row["id"])
    assert (row["wanted"], event["wanted"]) == (marked, marked)


async def test_who_waits_twice_marks_once_and_only_its_own_organisations_events(database: Database) -> None:
    org_id = uuid7()
    await _waits(database, org_id, "action.completed")
    await _waits(database, org_id, "action.completed")
    rows = await _ended(database, org_id, runs=3) + await _ended(database, uuid7())
    assert [row["wanted"] for row in rows] == [True, True, True, False]


@pytest.mark.parametrize("change", ["status = 'paused'", "status = 'error'", "deleted_at = now()"])
async def test_an_automation_that_does_not_listen_marks_nothing(database: Database, change: str) -> None:
    org_id = uuid7()
    saved = await _waits(database, org_id, "action.completed")
    await (await database.owner()).execute(f"UPDATE automations SET {change} WHERE id = $1", saved.id)
    (row,) = await _ended(database, org_id)
    assert row["wanted"] is False


async def test_a_plan_made_without_automations_reads_only_those_that_wait(own_database: Database) -> None:
    org_id, pool, owner = uuid7(), await own_database.pool("extract-worker", 1), await own_database.owner()
    await _ended(own_database, org_id)
    await _waits(own_database, org_id, "action.completed")
    await owner.execute(_MANY, 500)
    run_id = await own_database.put("running", "leased", lease_owner=OWNER, org_id=org_id)
    async with pool.acquire() as conn, conn.transaction():
        ending = Ending(run_id, 1, "completed", None, None, None, Entry("e", "m", {}), {})
        (row,) = await statements.finish(conn, [ending], OWNER, "w")
        assert row["wanted"]
        assert await conn.fetchval(_READ) < 10


async def test_other_transitions_mark_what_they_tell_too(database: Database) -> None:
    org_id = uuid7()
    await _waits(database, org_id, "action.failed")
    failed = await database.put("running", "leased", lease_owner=OWNER, org_id=org_id)
    cancelled = await database.put("running", "queued", org_id=org_id)
    (one,) = await apply(await database.pool("watchdog"), FAIL, [failed], event="action.failed")
    (other,) = await apply(await database.pool("api-gateway"), CANCEL, [cancelled], event="action.cancelled")
    assert (one["wanted"], other["wanted"]) == (True, False)


async def test_a_connections_events_are_marked_and_rung_for(database: Database) -> None:
    org_id, bell = uuid7(), MemoryBell()
    connection_id, pool = await _connection(database, org_id), await database.pool("extract-worker")
    await _waits(database, org_id, "connection.data_available")
    rows = [
        await connection_health.tell(pool, org_id, connection_id, event_type, {}, OWNER)
        for event_type in ("connection.data_available", "connection.error")
    ]
    assert [row["wanted"] for row in rows] == [True, False]
    publisher = await _publisher(database)
    announce(rows, bell, publisher)
    assert bell.rung == [(EVENT, connection_id)]
    await publisher.close(5)


async def test_the_scheduler_hears_of_what_is_wanted(database: Database) -> None:
    org_id, bell = uuid7(), MemoryBell()
    await _waits(database, org_id, "action.completed")
    ended, publisher = await _ended(database, org_id, runs=2), await _publisher(database)
    await follow(ended + await _ended(database, uuid7()), await database.pool("extract-worker"), bell, publisher)
    assert bell.rung == [(EVENT, row["id"]) for row in ended]
    await publisher.close(5)


async def test_an_automation_run_hears_once_of_its_steps(database: Database) -> None:
    one, other, bell = uuid7(), uuid7(), MemoryBell()
    rows = []
    for source_type, source in [
        ("automation_run", one),
        ("automation_run", other),
        ("automation_run", one),
        ("user", uuid7()),
        ("action_run", uuid7()),
        (None, None),
    ]:
        source_id = str(source) if source else None
        rows += await _ended(database, uuid7(), trigger_source_type=source_type, trigger_source_id=source_id)
    publisher = await _publisher(database)
    await follow(rows, await database.pool("extract-worker"), bell, publisher)
    assert bell.rung == [(AUTOMATION, one), (AUTOMATION, other)]
    await publisher.close(5)
