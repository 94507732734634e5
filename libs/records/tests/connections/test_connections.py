import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_common.ids import uuid7
from vai_records.connections import connections
from vai_records.connections import health as connection_health
from vai_records.connections.connections import DefaultTaken, InUse, SlugTaken, Unresolved
from vai_records.definitions.base import ConnectionReference
from vai_records.people import people


async def make(conn: AsyncConnection, org_id: UUID, slug: str, provider: str = "shopify", **more: Any) -> UUID:
    values = {"id": uuid7(), "name": slug.title(), "slug": slug, "provider": provider, "config": {"a": 1}} | more
    return (await connections.create(conn, org_id, values)).id


async def test_credentials_are_no_part_of_what_is_shown(conn: AsyncConnection, org_id: UUID) -> None:
    with_them = await make(conn, org_id, "one", credentials=b"sealed")
    without = await make(conn, org_id, "two")

    found = await connections.get(conn, org_id, with_them)
    assert found is not None
    assert found.has_credentials
    assert not hasattr(found, "credentials")
    assert await connections.sealed_credentials(conn, org_id, with_them) == b"sealed"
    assert await connections.sealed_credentials(conn, org_id, without) is None


async def test_a_slug_is_unique_among_those_not_deleted(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, "acme", "Acme", {})
        first = await make(conn, org_id, "shop")
    with pytest.raises(SlugTaken):
        async with engine.begin() as conn:
            await make(conn, org_id, "shop")
    async with engine.begin() as conn:
        assert await connections.delete(conn, org_id, first)
        assert await make(conn, org_id, "shop")


async def test_a_new_default_takes_the_place_of_the_old_one(conn: AsyncConnection, org_id: UUID) -> None:
    old = await make(conn, org_id, "old", is_default=True)
    new = await make(conn, org_id, "new", is_default=True)
    other = await make(conn, org_id, "other", provider="klaviyo", is_default=True)

    found = {i: await connections.get(conn, org_id, i) for i in (old, new, other)}
    assert [c is not None and c.is_default for c in found.values()] == [False, True, True]
    changed = await connections.change(conn, org_id, old, {"is_default": True})
    assert changed is not None
    assert changed.is_default


async def test_two_defaults_at_the_same_moment_are_told_apart(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        org_id = await people.create_organisation(conn, "acme", "Acme", {})

    async def make_second() -> None:
        async with engine.begin() as conn:
            await make(conn, org_id, "two", is_default=True)

    async with engine.begin() as conn:
        await make(conn, org_id, "one", is_default=True)
        second = asyncio.create_task(make_second())
        await asyncio.wait([second], timeout=1.0)
    with pytest.raises(DefaultTaken):
        await second


async def test_another_organisation_sees_nothing(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    connection_id = await make(conn, org_id, "shop", credentials=b"sealed")
    other = await people.create_organisation(conn, "other", "Other", {})

    assert await connections.get(conn, other, connection_id) is None
    assert await connections.sealed_credentials(conn, other, connection_id) is None
    assert await connections.change(conn, other, connection_id, {"name": "mine"}) is None
    assert not await connections.delete(conn, other, connection_id)
    assert await connections.list_page(conn, other, q=None, providers=[], limit=10, offset=0) == ([], 0)
    with pytest.raises(Unresolved):
        await connections.resolve(raw, other, connection_id)
    assert await connection_health.failed(raw, other, connection_id, {"code": "AUTH_ERROR"}, uuid7()) is None


async def test_a_list_is_newest_first_and_can_be_searched(conn: AsyncConnection, org_id: UUID) -> None:
    for slug, provider in (("one", "shopify"), ("two", "klaviyo"), ("50-percent", "shopify")):
        await make(conn, org_id, slug, provider)

    async def slugs(**wanted: Any) -> tuple[list[str], int]:
        asked = {"q": None, "providers": [], "limit": 10, "offset": 0} | wanted
        found, total = await connections.list_page(conn, org_id, **asked)
        return [each.slug for each in found], total

    assert await slugs() == (["50-percent", "two", "one"], 3)
    assert await slugs(limit=1, offset=1) == (["two"], 3)
    assert await slugs(q="TW") == (["two"], 1)
    assert await slugs(q="%") == ([], 0)
    assert await slugs(providers=["shopify"]) == (["50-percent", "one"], 2)


async def test_a_connection_with_a_live_run_stays(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    connection_id = await make(conn, org_id, "shop")
    run_id = uuid7()
    await raw.execute(
        "INSERT INTO runs (id, org_id, connection_id, kind, phase, definition, trigger_method)"
        " VALUES ($1, $2, $3, 'dlt_extract', 'queued', '{}', 'api')",
        run_id,
        org_id,
        connection_id,
    )
    with pytest.raises(InUse) as told:
        await connections.delete(conn, org_id, connection_id)
    assert told.value.run_id == run_id


async def test_a_connection_is_named_by_id_slug_or_provider(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    shop = await make(conn, org_id, "shop", max_running=2)

    for reference in (
        shop,
        str(shop),
        "shop",
        ConnectionReference(id=shop),
        ConnectionReference(slug="shop"),
        ConnectionReference(provider="shopify"),
    ):
        found = await connections.resolve(raw, org_id, reference)
        assert (found.id, found.max_running) == (shop, 2)


async def test_a_provider_means_its_default(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    await make(conn, org_id, "one")
    two = await make(conn, org_id, "two", is_default=True)

    assert (await connections.resolve(raw, org_id, ConnectionReference(provider="shopify"))).id == two


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (ConnectionReference(provider="shopify"), "several connections and no default; name one by slug: one, two"),
        (ConnectionReference(provider="nothing"), "no connection of provider 'nothing'"),
        ("", "no connection with slug ''"),
        ("none", "no connection with slug 'none'"),
        (UUID(int=7), "no connection with id 00000000"),
        ("off", "connection 'off' is disabled"),
    ],
)
async def test_a_bad_reference_says_what_to_do(
    conn: AsyncConnection, org_id: UUID, raw: Any, reference: Any, message: str
) -> None:
    await make(conn, org_id, "one")
    await make(conn, org_id, "two")
    await make(conn, org_id, "off", "klaviyo", status="disabled")

    with pytest.raises(Unresolved, match=message):
        await connections.resolve(raw, org_id, reference)


async def test_a_failure_is_noted_and_told_and_forgotten(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    connection_id, writer = await make(conn, org_id, "shop"), uuid7()
    error = {"code": "AUTH_ERROR", "message": "no", "details": {}, "retryable": False}

    row = await connection_health.failed(raw, org_id, connection_id, error, writer)
    assert (row["subject_id"], row["sequence"], row["type"]) == (connection_id, 1, "connection.error")
    assert row["data"] == {"connectionId": str(connection_id), "source": "shopify", "error": error}
    found = await connections.get(conn, org_id, connection_id)
    assert found is not None
    assert (found.status, found.last_error) == ("error", error)

    await connection_health.works(raw, org_id, connection_id)
    found = await connections.get(conn, org_id, connection_id)
    assert found is not None
    assert (found.status, found.last_error) == ("active", None)


async def test_a_disabled_connection_stays_disabled(conn: AsyncConnection, org_id: UUID, raw: Any) -> None:
    connection_id = await make(conn, org_id, "shop", status="disabled")

    await connection_health.failed(raw, org_id, connection_id, {"code": "AUTH_ERROR"}, uuid7(), run_id=uuid7())
    await connection_health.works(raw, org_id, connection_id)
    found = await connections.get(conn, org_id, connection_id)
    assert found is not None
    assert found.status == "disabled"
