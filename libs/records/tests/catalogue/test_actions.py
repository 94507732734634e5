import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_common.ids import uuid7
from vai_records.catalogue import actions
from vai_records.catalogue.actions import Filters, InUse, SlugTaken
from vai_records.people import people
from vai_testkit.wait import wait_for

_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def make(conn: AsyncConnection, org_id: UUID, slug: str, kind: str = "dlt_extract", **more: Any) -> UUID:
    values = {"id": uuid7(), "name": slug.title(), "slug": slug, "kind": kind, "definition": {}} | more
    return (await actions.create(conn, org_id, values)).id


async def make_run(raw: Any, org_id: UUID, action_id: UUID, phase: str = "queued") -> UUID:
    run_id = uuid7()
    await raw.execute(
        "INSERT INTO runs (id, org_id, action_id, kind, phase, definition, trigger_method)"
        " VALUES ($1, $2, $3, 'dlt_extract', 'queued', '{\"n\": 1}', 'api')",
        run_id,
        org_id,
        action_id,
    )
    if phase == "done":
        await raw.execute(
            "UPDATE runs SET status = 'cancelled', phase = 'done', completed_at = now() WHERE id = $1", run_id
        )
    return run_id


async def slugs(conn: AsyncConnection, org_id: UUID, filters: Filters = Filters(), **bounds: Any) -> list[str]:
    asked = {"sort_by": "created_at", "order": "desc", "limit": 100, "offset": 0} | bounds
    found, _ = await actions.list_page(conn, org_id, filters, **asked)
    return [action.slug for action in found]


async def test_an_action_is_found_by_id_and_slug(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    action_id = await make(conn, org_id, "sync", definition={"source": "noop"}, created_by=user_id)

    found = await actions.get(conn, org_id, action_id)
    assert found is not None
    assert found == await actions.by_slug(conn, org_id, "sync")
    assert (found.definition, found.status, found.created_by) == ({"source": "noop"}, "active", user_id)
    assert found.latest_run is None


async def test_another_organisation_sees_nothing(conn: AsyncConnection, org_id: UUID) -> None:
    action_id = await make(conn, org_id, "sync")
    other = await people.create_organisation(conn, "other", "Other", {})

    assert await actions.get(conn, other, action_id) is None
    assert await actions.by_slug(conn, other, "sync") is None
    assert await slugs(conn, other) == []
    assert not await actions.change(conn, other, action_id, {"name": "mine"})
    assert not await actions.delete(conn, other, action_id)


async def test_a_slug_is_unique_among_those_not_deleted(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, "acme", "Acme", {})
        first, second = await make(conn, org_id, "sync"), await make(conn, org_id, "load")
    with pytest.raises(SlugTaken):
        async with engine.begin() as conn:
            await make(conn, org_id, "sync")
    with pytest.raises(SlugTaken):
        async with engine.begin() as conn:
            await actions.change(conn, org_id, second, {"slug": "sync"})
    async with engine.begin() as conn:
        assert await actions.delete(conn, org_id, first)
        assert await actions.change(conn, org_id, second, {"slug": "sync"})


async def test_the_latest_run_is_the_newest_that_is_not_hidden(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    action_id = await make(conn, org_id, "sync")
    await make_run(raw, org_id, action_id, "done")
    newest = await make_run(raw, org_id, action_id)

    found = await actions.get(conn, org_id, action_id)
    assert found is not None
    assert found.latest_run is not None
    assert (found.latest_run.id, found.latest_run.status, found.latest_run.definition) == (newest, "pending", {"n": 1})

    await raw.execute("UPDATE runs SET deleted_at = now() WHERE id = $1", newest)
    found = await actions.get(conn, org_id, action_id)
    assert found is not None
    assert found.latest_run is not None
    assert found.latest_run.status == "cancelled"


async def test_an_action_with_a_live_run_stays(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    action_id = await make(conn, org_id, "sync")
    await make_run(raw, org_id, action_id, "done")
    live = await make_run(raw, org_id, action_id)

    with pytest.raises(InUse) as told:
        await actions.delete(conn, org_id, action_id)
    assert told.value.run_id == live


async def test_a_deleted_action_is_gone_from_everywhere(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    action_id = await make(conn, org_id, "sync")

    assert await actions.delete(conn, org_id, action_id)
    assert not await actions.delete(conn, org_id, action_id)
    assert await actions.get(conn, org_id, action_id) is None
    assert await actions.by_slug(conn, org_id, "sync") is None
    assert await slugs(conn, org_id) == []
    assert await actions.to_run(raw, org_id, action_id) is None


async def test_lists_filter_sort_and_page(conn: AsyncConnection, org_id: UUID) -> None:
    await make(conn, org_id, "b-sync")
    await make(conn, org_id, "a-call", "http_request", status="disabled")
    await make(conn, org_id, "c-call", "http_request")

    assert await slugs(conn, org_id) == ["c-call", "a-call", "b-sync"]
    assert await slugs(conn, org_id, order="asc") == ["b-sync", "a-call", "c-call"]
    assert await slugs(conn, org_id, sort_by="name", order="asc") == ["a-call", "b-sync", "c-call"]
    assert await slugs(conn, org_id, sort_by="kind", order="desc") == ["c-call", "a-call", "b-sync"]
    assert await slugs(conn, org_id, sort_by="status", order="asc") == ["b-sync", "c-call", "a-call"]
    assert await slugs(conn, org_id, limit=1, offset=1) == ["a-call"]
    assert await slugs(conn, org_id, Filters(q="CALL")) == ["c-call", "a-call"]
    assert await slugs(conn, org_id, Filters(q="_")) == []
    assert await slugs(conn, org_id, Filters(kinds=("dlt_extract",))) == ["b-sync"]
    assert await slugs(conn, org_id, Filters(statuses=("disabled",), kinds=("http_request",))) == ["a-call"]


async def test_the_total_counts_what_the_page_leaves_out(conn: AsyncConnection, org_id: UUID) -> None:
    for number in range(3):
        await make(conn, org_id, f"action-{number}")

    found, total = await actions.list_page(
        conn, org_id, Filters(), sort_by="created_at", order="desc", limit=2, offset=0
    )
    assert (len(found), total) == (2, 3)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("orders", ["nightly-orders", "orders"]),
        ("ORDERS", ["nightly-orders", "orders"]),
        ("ly-ord", ["nightly-orders"]),
        ("ly Ord", ["nightly-orders"]),
        ("or", ["nightly-orders", "orders"]),
        ("s", ["nightly-orders", "orders"]),
        ("%", ["100%"]),
        ("0%", ["100%"]),
        ("00%", ["100%"]),
        ("_", []),
        ("a_b", []),
        ("\\", []),
        ("größe", ["größe"]),
        ("GRÖẞE", ["größe"]),
        ("GRÖSSE", []),
        ("nothing like it", []),
    ],
)
async def test_a_part_of_a_name_or_slug_finds_an_action(
    conn: AsyncConnection, org_id: UUID, q: str, found: list[str]
) -> None:
    for slug in ("nightly-orders", "orders", "100%", "größe"):
        await make(conn, org_id, slug, name=slug.replace("-", " ").title())
    other = await people.create_organisation(conn, "other", "Other", {})
    await make(conn, other, "orders")
    assert sorted(await slugs(conn, org_id, Filters(q=q))) == sorted(found)
    bounds: Any = {"sort_by": "name", "order": "asc", "limit": 1, "offset": 0}
    page, total = await actions.list_page(conn, org_id, Filters(q=q), **bounds)
    assert (len(page), total) == (min(1, len(found)), len(found))


async def test_totals_of_actions_follow_what_is_made_and_hidden(conn: AsyncConnection, org_id: UUID) -> None:
    ids = [await make(conn, org_id, f"a{n}") for n in range(4)]
    await actions.delete(conn, org_id, ids[0])
    await actions.delete(conn, org_id, ids[0])
    for sort_by in ("created_at", "name", "updated_at", "status", "kind"):
        bounds: Any = {"sort_by": sort_by, "order": "desc", "limit": 2, "offset": 0}
        page, total = await actions.list_page(conn, org_id, Filters(), **bounds)
        assert (len(page), total) == (2, 3)


async def test_only_a_clash_of_slugs_is_called_one(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, "acme", "Acme", {})
        action_id = await make(conn, org_id, "sync")
    for values in ({"connection_id": uuid7()}, {"slug": "other", "connection_id": uuid7()}):
        with pytest.raises(IntegrityError, match="connection"):
            async with engine.begin() as conn:
                await actions.change(conn, org_id, action_id, values)
    with pytest.raises(IntegrityError, match="pkey"):
        async with engine.begin() as conn:
            await make(conn, org_id, "another", id=action_id)


@pytest.mark.parametrize("how", ["make", "change"])
async def test_two_slugs_at_the_same_moment_are_told_apart(engine: AsyncEngine, raw: Any, how: str) -> None:
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, "acme", "Acme", {})
        renamed = await make(conn, org_id, "old")

    async def second() -> None:
        async with engine.begin() as conn:
            if how == "make":
                await make(conn, org_id, "taken")
            else:
                await actions.change(conn, org_id, renamed, {"slug": "taken"})

    async with engine.begin() as conn:
        await make(conn, org_id, "taken")
        waiting = asyncio.create_task(second())

        async def it_waits() -> bool:
            return bool(await raw.fetchval(_WAITING) == 1)

        await wait_for(it_waits, timeout=30, what="it waits for the index")
    (met,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(met, SlugTaken)
