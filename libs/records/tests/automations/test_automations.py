"""Automations as they are stored, found and named."""

from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.automations import automations, run_reads, runs
from vai_records.automations.automations import Filters, InUse, Saved, Taken
from vai_records.automations.run_reads import RunFilters
from vai_records.automations.versions import NewVersion
from vai_records.catalogue.naming import by_name, id_in, ids_in
from vai_testkit.automations import NOOP, save, start
from vai_testkit.database import Database

CALL = {"kind": "call_automation", "definition": {"automation": "a"}}
NEWEST_FIRST = ("created_at", "desc")


async def _organisation(database: Database) -> UUID:
    org_id = uuid7()
    text = "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'An organisation')"
    await (await database.owner()).execute(text, org_id, org_id.hex)
    return org_id


def _new(org_id: UUID, slug: str, **columns: Any) -> tuple[NewVersion, Saved]:
    definition = {"inputs": {}, "conditions": [], "steps": [], "max_parallel": 3}
    usual: dict[str, Any] = dict.fromkeys(Saved.__annotations__)
    usual |= {"name": slug, "slug": slug, "status": "active", "trigger": {"type": "manual"}, "labels": {}}
    usual |= {"source_type": "manual", "expose": False}
    return NewVersion(uuid7(), uuid7(), org_id, definition, None, None), Saved(**usual | columns)


async def test_a_slug_and_a_path_are_one_automations_only(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), await _organisation(database)
    other = await _organisation(database)
    async with pool.acquire() as conn:
        await automations.create(conn, *_new(org_id, "a", webhook_path="in"))
        await automations.create(conn, *_new(other, "a", webhook_path="in"))
        with pytest.raises(Taken) as taken:
            await automations.create(conn, *_new(org_id, "a"))
        assert taken.value.what == "slug"
        with pytest.raises(Taken) as taken:
            await automations.create(conn, *_new(org_id, "b", webhook_path="in"))
        assert taken.value.what == "path"
        versions = "SELECT count(*) FROM automation_versions WHERE org_id = $1"
        assert await conn.fetchval(versions, org_id) == 1


async def test_totals_and_pages_are_exact(own_database: Database) -> None:
    pool, org_id = await own_database.pool("api-gateway"), await _organisation(own_database)
    for slug in ("b", "a", "c"):
        async with pool.acquire() as conn:
            await automations.create(conn, *_new(org_id, slug))
    for sort, bounds, slugs, total in (
        (NEWEST_FIRST, (2, 0), ["c", "a"], 3),
        (NEWEST_FIRST, (2, 2), ["b"], 3),
        (("name", "asc"), (9, 0), ["a", "b", "c"], 3),
        (NEWEST_FIRST, (2, 7), [], 3),
    ):
        rows, found = await automations.list_page(pool, org_id, Filters(), sort, bounds)
        assert ([row["slug"] for row in rows], found) == (slugs, total)
    rows, found = await automations.list_page(pool, org_id, Filters(q="B"), NEWEST_FIRST, (1, 0))
    assert ([row["slug"] for row in rows], found) == (["b"], 1)
    assert await automations.list_page(pool, uuid7(), Filters(), NEWEST_FIRST, (9, 0)) == ([], 0)


async def test_one_that_runs_is_not_hidden(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), await _organisation(database)
    saved = await save(pool, org_id, {"actions": [NOOP]})
    run_id = await start(pool, saved)
    async with pool.acquire() as conn:
        with pytest.raises(InUse) as used:
            await automations.delete(conn, org_id, saved.id)
        assert used.value.run_id == run_id
        assert await automations.get(conn, org_id, saved.id) is not None
        assert not await automations.delete(conn, uuid7(), saved.id)


async def test_one_is_named_by_its_id_before_a_slug(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), await _organisation(database)
    first = await save(pool, org_id, {"slug": "a", "actions": [NOOP]})
    shadow = await save(pool, org_id, {"slug": str(first.id), "actions": [CALL]})
    for name, meant in (("a", first), (str(first.id), first), (str(shadow.id).upper(), shadow)):
        found = await automations.to_start(pool, org_id, name)
        assert found is not None
        assert found.id == meant.id
        assert (await automations.named(pool, org_id, [name, "gone"]))[name]["id"] == meant.id
    assert await automations.to_start(pool, uuid7(), "a") is None
    assert (await automations.named(pool, org_id, [str(shadow.id)]))[str(shadow.id)]["calls"] == ["a"]


def test_names_are_ids_or_slugs() -> None:
    one, other = uuid7(), uuid7()
    rows = [{"id": one, "slug": "a"}, {"id": other, "slug": "b"}]
    found = by_name(["a", str(other), "gone"], rows)
    assert {name: row["id"] for name, row in found.items()} == {"a": one, str(other): other}
    assert (id_in("a"), ids_in(["a", str(one)])) == (None, [one])


async def test_lists_of_automation_runs_know_their_total(own_database: Database) -> None:
    pool, org_id = await own_database.pool("api-gateway"), await _organisation(own_database)
    saved = await save(pool, org_id, {"actions": [NOOP]})
    ids = [await start(pool, saved, event={"data": "large"}) for _ in range(3)]
    rows, total = await run_reads.list_page(pool, org_id, RunFilters(), 2, 0)
    assert ([row["id"] for row in rows], total) == (ids[:0:-1], 3)
    assert "event" not in rows[0].keys()  # noqa: SIM118
    rows, total = await run_reads.list_page(pool, org_id, RunFilters(saved.id, ("running",), ("manual",)), 1, 1)
    assert ([row["id"] for row in rows], total) == ([ids[1]], 3)
    assert await run_reads.list_page(pool, org_id, RunFilters(uuid7()), 2, 0) == ([], 0)


async def test_what_is_to_be_stopped_is_found_once_it_is_late(own_database: Database) -> None:
    pool, org_id = await own_database.pool("api-gateway"), await _organisation(own_database)
    saved = await save(pool, org_id, {"actions": [NOOP]})
    cancelled = await own_database.put("cancelled", "done", org_id=org_id)
    live = await own_database.put("running", "parked", org_id=org_id)
    orphan = await start(pool, saved, parent_run_id=cancelled, triggered_by="automation")
    await start(pool, saved, parent_run_id=live, triggered_by="automation")
    assert await runs.to_stop(pool) == {}
    await (await own_database.owner()).execute("UPDATE automation_runs SET updated_at = updated_at - interval '6 s'")
    assert await runs.to_stop(pool) == {org_id: [orphan]}
    assert await runs.stop(pool, org_id, [orphan]) == [orphan]
    await (await own_database.owner()).execute("UPDATE automation_runs SET updated_at = updated_at - interval '6 s'")
    assert await runs.to_stop(pool) == {}
