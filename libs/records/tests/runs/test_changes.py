"""What changed of an organisation's runs: found by an index, by organisation, oldest change first."""

from datetime import timedelta

from vai_common.ids import uuid7
from vai_records.runs import changes, statements
from vai_testkit.database import Database, new_run


async def test_what_changed_after_a_time_is_found_in_its_order(database: Database) -> None:
    org_id, other = uuid7(), uuid7()
    pool = await database.pool("api-gateway")
    (old,) = await database.make(new_run(org_id=org_id))
    since = await changes.clock(pool)
    (new,) = await database.make(new_run(org_id=org_id))
    (theirs,) = await database.make(new_run(org_id=other))
    worker = await database.pool("extract-worker")
    await statements.claim(worker, uuid7(), ["dlt_extract"], [old], 1, "worker-1")

    rows = await changes.since(pool, {org_id: since, other: since}, 10)
    assert [row["id"] for row in rows if row["org_id"] == org_id] == [new, old]
    assert [row["id"] for row in rows if row["org_id"] == other] == [theirs]
    assert {row["status"] for row in rows} == {"pending", "running"}
    assert len(await changes.since(pool, {org_id: since}, 1)) == 1
    assert await changes.since(pool, {org_id: since + timedelta(hours=1)}, 10) == []
    assert {row["id"] for row in await changes.rows(pool, [old, theirs])} == {old, theirs}


async def test_changes_are_found_by_their_index(own_database: Database) -> None:
    pool = await own_database.pool("api-gateway")
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off")
        now = await changes.clock(conn)
        plan = await conn.fetch(f"EXPLAIN {changes._SINCE}", [uuid7()], [now], 10)
    assert "runs_changed" in "\n".join(row[0] for row in plan)
