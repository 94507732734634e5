from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common import clock
from vai_common.ids import uuid7
from vai_records.people import api_keys, people
from vai_records.people.people import Role
from vai_records.schema import tables
from vai_records.schema.tables import memberships


async def test_a_key_is_known_by_its_hash_alone(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    key = await api_keys.create_key(conn, org_id, user_id, "ci", Role.OPERATOR)

    stored = (await conn.execute(select(tables.api_keys))).one()
    assert key.secret not in str(stored)
    assert key.secret.startswith(stored.prefix)
    actor = await api_keys.holder_of(conn, api_keys.key_hash(key.secret))
    assert actor is not None
    assert (actor.org_id, actor.user_id, actor.role, actor.key_id) == (org_id, user_id, Role.OPERATOR, key.id)
    assert actor.settings == {"max_running": 3}
    assert await api_keys.holder_of(conn, api_keys.key_hash(key.secret + "x")) is None


async def test_a_revoked_key_is_worth_nothing(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    key = await api_keys.create_key(conn, org_id, user_id, "ci", Role.ADMIN)

    assert not await api_keys.revoke_key(conn, uuid7(), key.id)
    assert await api_keys.holder_of(conn, api_keys.key_hash(key.secret))
    assert await api_keys.revoke_key(conn, org_id, key.id)
    assert await api_keys.holder_of(conn, api_keys.key_hash(key.secret)) is None
    assert not await api_keys.revoke_key(conn, org_id, key.id)


async def test_an_expired_key_is_worth_nothing(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    gone = await api_keys.create_key(conn, org_id, user_id, "old", Role.ADMIN, clock.now() - timedelta(seconds=1))
    good = await api_keys.create_key(conn, org_id, user_id, "new", Role.ADMIN, clock.now() + timedelta(hours=1))

    assert await api_keys.holder_of(conn, api_keys.key_hash(gone.secret)) is None
    assert await api_keys.holder_of(conn, api_keys.key_hash(good.secret))


async def test_a_key_has_no_more_than_its_users_role(conn: AsyncConnection, org_id: UUID) -> None:
    viewer = await people.create_user(conn, "eve@example.com")
    await people.add_member(conn, org_id, viewer, Role.VIEWER)
    key = await api_keys.create_key(conn, org_id, viewer, "wide", Role.ADMIN)

    actor = await api_keys.holder_of(conn, api_keys.key_hash(key.secret))
    assert actor is not None
    assert actor.role is Role.VIEWER


async def test_a_key_ends_with_its_users_membership(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    key = await api_keys.create_key(conn, org_id, user_id, "ci", Role.ADMIN)
    await conn.execute(delete(memberships).where(memberships.c.user_id == user_id))

    assert await api_keys.holder_of(conn, api_keys.key_hash(key.secret)) is None
    assert await people.member(conn, org_id, user_id) is None


async def test_the_last_use_of_a_key_never_goes_back(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    key = await api_keys.create_key(conn, org_id, user_id, "ci", Role.ADMIN)
    now = clock.now()
    await api_keys.touch_keys(conn, {key.id: now})
    await api_keys.touch_keys(conn, {key.id: now - timedelta(minutes=1)})
    await api_keys.touch_keys(conn, {})

    assert (await conn.execute(select(tables.api_keys.c.last_used_at))).scalar_one() == now


async def test_users_of_other_organisations_are_not_told(conn: AsyncConnection, org_id: UUID, user_id: UUID) -> None:
    other = await people.create_organisation(conn, "other", "Other", {})
    stranger = await people.create_user(conn, "bob@example.com", "Bob")
    await people.add_member(conn, other, stranger, Role.ADMIN)

    known = await people.users_by_id(conn, org_id, [user_id, stranger, None])
    assert list(known) == [str(user_id)]
    assert (known[str(user_id)].first_name, known[str(user_id)].last_name) == ("Ada", "Lovelace")
    assert await people.users_by_id(conn, org_id, [None]) == {}


async def test_an_organisation_is_found_with_its_settings(conn: AsyncConnection, org_id: UUID) -> None:
    found = await people.organisation(conn, org_id)
    assert found is not None
    assert (found.slug, found.settings) == ("acme", {"max_running": 3})
    assert await people.organisation(conn, uuid7()) is None


@pytest.mark.parametrize(
    ("mine", "needed", "enough"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.OPERATOR, False),
        (Role.OPERATOR, Role.VIEWER, True),
        (Role.OPERATOR, Role.ADMIN, False),
        (Role.ADMIN, Role.OPERATOR, True),
    ],
)
def test_a_role_may_do_what_those_below_it_may(mine: Role, needed: Role, enough: bool) -> None:
    assert mine.covers(needed) is enough
