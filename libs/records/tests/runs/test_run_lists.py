"""Lists of runs: pages, exact totals, and plans that do not read the table."""

import asyncio
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from vai_common.ids import uuid7
from vai_records.lifecycle.transitions import Status
from vai_records.listing import totals
from vai_records.runs import lists as run_lists
from vai_records.runs import statements
from vai_records.runs.filters import RunFilters
from vai_records.runs.lists import Cursor, Order, RunPage, SortBy, Sorting, _count, ids
from vai_testkit.database import Database, new_run

ORG, ACTION = UUID(int=1), UUID(int=2)
_FILL = """
INSERT INTO runs (id, org_id, action_id, kind, status, phase, definition, trigger_method, completed_at)
SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN $1 ELSE gen_random_uuid() END, CASE n % 8 WHEN 0 THEN $2::uuid END,
       'dlt_extract', (ARRAY['completed', 'completed', 'failed', 'cancelled'])[1 + (n / 2) % 4],
       'done', '{}', 'api', now()
FROM generate_series(1, 20000) n
"""

KINDS = ("dlt_extract", "duckdb_transform", "http_request")


async def made(database: Database, org_id: UUID, count: int, **changes: Any) -> list[UUID]:
    runs = [new_run(org_id=org_id, kind=KINDS[n % 3], **changes) for n in range(count)]
    return await database.make(*runs)


async def page(
    database: Database, org_id: UUID, limit: int = 10, offset: int = 0, **filters: Any
) -> tuple[list[UUID], int]:
    pool = await database.pool("api-gateway")
    found = await run_lists.list_page(pool, org_id, RunFilters(**filters), Sorting(limit=limit, offset=offset))
    return [row["id"] for row in found.runs], found.total


@pytest.fixture
async def filled(own_database: Database) -> Database:
    """Enough runs of one organisation and one action for the planner to care."""
    owner = await own_database.owner()
    await owner.execute(_FILL, ORG, ACTION)
    await owner.execute("VACUUM ANALYZE runs")
    return own_database


async def ended(database: Database, org_id: UUID, status: str, **columns: Any) -> UUID:
    """A run that has ended; made by an INSERT that no trigger sees, and so not in the totals."""
    return await database.put(status, "done", org_id=org_id, **columns)


async def test_a_page_is_newest_first_and_knows_how_many_there_are(database: Database) -> None:
    org_id = uuid7()
    ids = await made(database, org_id, 25)
    newest = sorted(ids, reverse=True)
    assert await page(database, org_id) == (newest[:10], 25)
    assert await page(database, org_id, offset=20) == (newest[20:], 25)
    assert await page(database, org_id, offset=100) == ([], 25)
    assert await page(database, uuid7()) == ([], 0)


async def test_kinds_and_statuses_filter_in_any_combination(database: Database) -> None:
    org_id = uuid7()
    live = await made(database, org_id, 6)
    failed = [await ended(database, org_id, "failed", kind=KINDS[n % 3]) for n in range(6)]
    good = [await ended(database, org_id, "completed", kind="dlt_extract") for _ in range(3)]

    found, total = await page(database, org_id, 4, statuses=("failed", "completed"))
    assert (found, total) == (sorted([*failed, *good], reverse=True)[:4], 9)
    found, total = await page(database, org_id, 4, offset=3, statuses=("failed", "completed"))
    assert (found, total) == (sorted([*failed, *good], reverse=True)[3:7], 9)
    extracts = sorted([*live[::3], *failed[::3], *good], reverse=True)
    assert await page(database, org_id, 2, kinds=("dlt_extract",)) == (extracts[:2], 7)
    assert await page(database, org_id, 1, kinds=("dlt_extract",), statuses=("failed",)) == ([failed[3]], 2)
    assert await page(database, org_id, kinds=("call_agent",)) == ([], 0)


async def test_the_runs_of_an_action_or_a_parent_are_found(database: Database) -> None:
    org_id, action_id, parent_id = uuid7(), uuid7(), uuid7()
    await made(database, org_id, 3)
    of_action = await made(database, org_id, 4, action_id=action_id)
    of_parent = await made(database, org_id, 2, parent_run_id=parent_id)

    assert await page(database, org_id, 2, action_id=action_id) == (sorted(of_action, reverse=True)[:2], 4)
    assert (await page(database, org_id, 1, action_id=action_id, kinds=("dlt_extract",)))[1] == 2
    assert await page(database, org_id, 1, parent_run_id=parent_id) == ([max(of_parent)], 2)
    assert await page(database, uuid7(), 1, action_id=action_id) == ([], 0)


async def test_a_hidden_run_is_not_counted(database: Database) -> None:
    org_id = uuid7()
    pool = await database.pool("api-gateway")
    ids = await made(database, org_id, 3)
    await database.change(ids[0], "status = 'completed', phase = 'done', completed_at = now()")
    assert not await run_lists.hide(pool, org_id, ids[1])
    assert await run_lists.hide(pool, org_id, ids[0])
    assert not await run_lists.hide(pool, org_id, ids[0])
    assert await page(database, org_id, 1) == ([max(ids[1:])], 2)


async def test_a_run_that_met_another_is_not_counted(database: Database) -> None:
    org_id = uuid7()
    pool = await database.pool("api-gateway")
    await statements.create(pool, [new_run(org_id=org_id, idempotency_key="k"), new_run(org_id=org_id)])
    await statements.create(pool, [new_run(org_id=org_id, idempotency_key="k")])
    assert await totals.total(pool, org_id, "runs") == 2


async def test_totals_stay_exact_while_they_are_folded(database: Database) -> None:
    org_id = uuid7()
    pool = await database.pool("api-gateway")

    async def make_some() -> None:
        for _ in range(20):
            await made(database, org_id, 2)

    async def fold_some() -> None:
        for _ in range(20):
            await totals.fold(pool, most=1)

    await asyncio.gather(make_some(), make_some(), fold_some(), fold_some())
    assert await totals.total(pool, org_id, "runs") == 80
    await totals.fold(pool, most=1)
    assert await pool.fetchval("SELECT count(*) FROM list_totals WHERE org_id = $1", org_id) == 1
    assert await totals.total(pool, org_id, "runs") == 80


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "runs_list"),
        ({"statuses": ("failed",)}, "runs_by_status"),
        ({"kinds": ("dlt_extract",)}, "runs_by_status"),
        ({"kinds": ("dlt_extract",), "statuses": ("failed", "running")}, "runs_by_status"),
        ({"action_id": ACTION}, "runs_of_action"),
        ({"action_id": ACTION, "statuses": ("failed",)}, "runs_of_action"),
    ],
)
async def test_the_ids_of_a_page_come_from_an_index_alone(
    filled: Database, filters: dict[str, Any], index: str
) -> None:
    asked = RunFilters(**filters)
    async with (await filled.pool("api-gateway")).acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        for statement, values in (ids(ORG, asked, Sorting(limit=10)), *([] if asked.empty else [_count(ORG, asked)])):
            plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {statement}", *values))
            assert f"Index Only Scan using {index}" in plan, plan
            assert not re.search(r"Sort  ", plan), plan


def test_every_status_is_walked_where_only_kinds_are_asked_for() -> None:
    text, values = ids(ORG, RunFilters(kinds=("dlt_extract",)), Sorting(limit=10, offset=5))
    assert text.count("LIMIT 15") == len(Status)
    assert values == [ORG, ["dlt_extract"], *Status]


async def pages(database: Database, org_id: UUID, sorting: Sorting, **filters: Any) -> list[UUID]:
    """The ids of all pages, one behind another."""
    pool, found = await database.pool("api-gateway"), list[UUID]()
    while True:
        page: RunPage = await run_lists.list_page(pool, org_id, RunFilters(**filters), sorting)
        found += [run["id"] for run in page.runs]
        if not page.has_next:
            return found
        last = page.runs[-1]
        sorting = replace(sorting, after=Cursor(last["id"], last["updated_at"]))


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("by", ["created_at", "updated_at"])
async def test_page_behind_page_every_run_comes_once_in_each_order(
    database: Database, by: SortBy, order: Order
) -> None:
    org_id = uuid7()
    await made(database, org_id, 7)
    owner = await database.owner()
    await owner.execute("UPDATE runs SET updated_at = date_trunc('hour', updated_at) WHERE org_id = $1", org_id)
    later = await made(database, org_id, 3)
    ids = [row["id"] for row in await owner.fetch("SELECT id FROM runs WHERE org_id = $1", org_id)]
    wanted = sorted(ids, key=lambda one: ((one in later) if by == "updated_at" else 0, one), reverse=order == "desc")
    for limit in (1, 3, 10):
        assert await pages(database, org_id, Sorting(by, order, limit=limit)) == wanted
    assert await pages(database, org_id, Sorting(by, order, limit=2), kinds=KINDS[:1]) == [
        one for one in wanted if one in (set(wanted) & {row["id"] for row in await owner.fetch(
            "SELECT id FROM runs WHERE org_id = $1 AND kind = $2", org_id, KINDS[0])})
    ]  # fmt: skip


async def test_runs_are_found_by_labels_of_their_own_organisation_alone(database: Database) -> None:
    org_id = uuid7()
    await made(database, org_id, 2)
    (gold,) = await made(database, org_id, 1, labels={"team": "finance", "tier": "gold"})
    (plain,) = await made(database, org_id, 1, labels={"team": "finance"})
    await made(database, uuid7(), 2, labels={"team": "finance", "tier": "gold"})
    assert await page(database, org_id, labels=("team=finance",)) == ([plain, gold], 2)
    assert await page(database, org_id, labels=("tier",)) == ([gold], 1)
    assert await page(database, org_id, labels=("team=finance", "tier=gold")) == ([gold], 1)
    assert await page(database, org_id, labels=("team=sales",)) == ([], 0)
    assert await page(database, org_id, labels=("tier=team=finance",)) == ([], 0)


async def test_runs_are_found_by_who_what_and_when(database: Database) -> None:
    org_id, connection_id, person = uuid7(), uuid7(), uuid7()
    (old,) = await made(database, org_id, 1, connection_id=connection_id, created_by=person)
    cut = await (await database.owner()).fetchval("SELECT clock_timestamp()")
    (new,) = await made(database, org_id, 1, trigger_method="schedule", trigger_source_id="nightly")
    found = {
        "old": {"connection_id": connection_id, "created_by": person, "created_until": cut},
        "new": {"trigger_methods": ("schedule", "event"), "trigger_source_id": "nightly", "created_from": cut},
    }
    for name, filters in found.items():
        for key, value in filters.items():
            assert await page(database, org_id, **{key: value}) == ([old if name == "old" else new], 1), key
    assert await page(database, org_id, created_from=cut, created_until=cut) == ([], 0)


async def test_runs_are_found_by_a_part_of_their_action_key_or_error(database: Database) -> None:
    org_id, action_id = uuid7(), uuid7()
    owner = await database.owner()
    await owner.execute(
        "INSERT INTO actions (id, org_id, name, slug, kind) VALUES ($1, $2, 'Morning Orders', 'orders', 'dlt_extract')",
        action_id,
        org_id,
    )
    (of_action,) = await made(database, org_id, 1, action_id=action_id)
    (with_key,) = await made(database, org_id, 1, concurrency_key="shop_100%")
    failed = await ended(database, org_id, "failed", error={"code": "DATA_ERROR", "message": "No column PRICE"})
    assert await page(database, org_id, text="morning ord") == ([of_action], 1)
    assert await page(database, org_id, text="SHOP_100%") == ([with_key], 1)
    assert await page(database, org_id, text="price") == ([failed], 1)
    assert await page(database, org_id, text="%") == ([with_key], 1)
    assert await page(database, uuid7(), text="morning") == ([], 0)


async def test_the_runs_of_an_automation_are_those_of_its_steps(database: Database) -> None:
    org_id, automation_id, automation_run = uuid7(), uuid7(), uuid7()
    step, *_ = await made(database, org_id, 2)
    owner = await database.owner()
    await owner.execute("SET session_replication_role = replica")
    columns = "id, org_id, automation_id, version_id, triggered_by"
    values = automation_run, org_id, automation_id
    await owner.execute(f"INSERT INTO automation_runs ({columns}) VALUES ($1, $2, $3, $1, 'manual')", *values)
    await owner.execute("SET session_replication_role = origin")
    await owner.execute(
        "INSERT INTO automation_steps (automation_run_id, key, place, run_id) VALUES ($1, 'a', 0, $2)",
        automation_run,
        step,
    )
    assert await page(database, org_id, automation_id=automation_id) == ([step], 1)
    assert await page(database, uuid7(), automation_id=automation_id) == ([], 0)


async def test_where_no_index_counts_they_are_counted_up_to_a_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_id, person = uuid7(), uuid7()
    await made(database, org_id, 8, created_by=person)
    monkeypatch.setattr(run_lists, "MOST_COUNTED", 5)
    pool = await database.pool("api-gateway")
    found = await run_lists.list_page(pool, org_id, RunFilters(created_by=person), Sorting(limit=2))
    assert (found.has_next, found.total, found.is_exact) == (True, 5, False)
