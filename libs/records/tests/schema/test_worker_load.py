"""The contract with scalers: what the view says, who may read it, and that a look stays cheap (docs/operations.md)."""

import asyncpg
import pytest

from vai_common.ids import uuid7
from vai_records.definitions.kinds import KINDS
from vai_records.schema import scalers
from vai_records.schema.migrate import migrate
from vai_testkit.database import Database, execute

_LOAD = "SELECT * FROM worker_load"
_COLUMNS = """
SELECT column_name::text AS name, data_type::text AS type FROM information_schema.columns
WHERE table_name = 'worker_load' ORDER BY ordinal_position
"""
_RELATIONS = """
SELECT c.oid::regclass::text AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND (
    CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('vai_scaler', c.oid, 'SELECT, USAGE, UPDATE')
    ELSE has_table_privilege('vai_scaler', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
    END)
"""
_DONE = """
INSERT INTO runs (id, org_id, kind, definition, trigger_method, status, phase, completed_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'dlt_extract', '{}', 'api', 'completed', 'done', now()
FROM generate_series(1, 30000)
"""
_WAITING = """
INSERT INTO runs (id, org_id, kind, definition, trigger_method, status, phase)
SELECT gen_random_uuid(), gen_random_uuid(), 'http_request', '{}', 'api', 'pending', 'queued'
FROM generate_series(1, 101000)
"""


async def test_the_columns_and_their_types_are_the_contract(database: Database) -> None:
    rows = await (await database.owner()).fetch(_COLUMNS)
    assert [(row["name"], row["type"]) for row in rows] == [
        ("kind", "text"),
        ("queued", "bigint"),
        ("leased", "bigint"),
    ]


async def test_every_kind_has_one_row_and_what_a_worker_may_take_or_has_is_counted(own_database: Database) -> None:
    owner = await own_database.owner()
    rows = await owner.fetch(_LOAD)
    assert sorted(row["kind"] for row in rows) == sorted(KINDS)
    assert {(row["queued"], row["leased"]) for row in rows} == {(0, 0)}

    await own_database.put("pending", "queued")
    await own_database.put("running", "queued", recovered=True)
    await own_database.put("running", "queued", losses=2)
    await own_database.put("running", "leased")
    for elsewhere in ("pending/held", "running/delayed", "running/paused", "running/parked", "completed/done"):
        await own_database.put(*elsewhere.split("/"))

    load = {row["kind"]: (row["queued"], row["leased"]) for row in await owner.fetch(_LOAD)}
    assert load["dlt_extract"] == (3, 1)
    assert {count for kind, count in load.items() if kind != "dlt_extract"} == {(0, 0)}


async def test_a_scaler_reads_the_view_and_nothing_else(own_database: Database) -> None:
    owner = await own_database.owner()
    assert [row["name"] for row in await owner.fetch(_RELATIONS)] == ["worker_load"]
    login = f"scaler_{uuid7().hex}"
    await owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE {scalers.ROLE}")
    try:
        async with owner.acquire() as conn:
            await conn.execute(f"SET ROLE {login}")
            try:
                assert len(await conn.fetch(_LOAD)) == len(KINDS)
                for refused in ("SELECT id FROM runs", "SELECT * FROM schema_serves", "CREATE TABLE mine ()"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await conn.execute(refused)
            finally:
                await conn.execute("RESET ROLE")
    finally:
        await owner.execute(f"DROP ROLE {login}")


async def test_a_role_that_was_made_later_gets_the_view_at_the_next_migration(own_database: Database) -> None:
    await execute(own_database.url, f"REVOKE SELECT ON worker_load FROM {scalers.ROLE}")
    await migrate(own_database.url)
    assert [row["name"] for row in await (await own_database.owner()).fetch(_RELATIONS)] == ["worker_load"]


async def test_a_look_reads_the_indexes_of_live_runs_and_stops_counting(own_database: Database) -> None:
    owner = await own_database.owner()
    await owner.execute(_DONE)
    await owner.execute(_WAITING)
    await owner.execute("VACUUM ANALYZE runs")

    plan = "\n".join(row[0] for row in await owner.fetch(f"EXPLAIN {_LOAD}"))
    assert "Seq Scan on runs" not in plan, plan
    assert "runs_queued" in plan, plan
    assert "runs_leased" in plan, plan
    load = {row["kind"]: row["queued"] for row in await owner.fetch(_LOAD)}
    assert (load["http_request"], load["dlt_extract"]) == (100_000, 0)
