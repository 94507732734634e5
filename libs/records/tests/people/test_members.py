"""The people of an organisation, and the signed tokens that stand for them."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from vai_common import clock
from vai_common.ids import uuid7
from vai_records.people import api_keys, members, people, sessions
from vai_records.people.members import AlreadyMember, LastAdmin
from vai_records.people.people import Role
from vai_records.people.sessions import Session

ENDS = clock.now() + timedelta(hours=1)


async def test_two_administrators_do_not_remove_each_other_at_once(
    conn: AsyncConnection, engine: AsyncEngine, org_id: UUID, user_id: UUID
) -> None:
    other = await members.add(conn, org_id, "bob@example.com", {"role": Role.ADMIN})

    async def remove(who: UUID) -> bool:
        async with engine.begin() as own:
            return await members.remove(own, org_id, who)

    outcomes = await asyncio.gather(remove(user_id), remove(other.id), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {LastAdmin, bool}
    left, total = await members.list_page(conn, org_id, q=None, roles=[Role.ADMIN], limit=10, offset=0)
    assert (len(left), total) == (1, 1)


async def test_a_person_has_an_id_and_a_name_of_their_own_in_each_organisation(
    conn: AsyncConnection, org_id: UUID, user_id: UUID
) -> None:
    other = await people.create_organisation(conn, "other", "Other", {})
    theirs = await members.add(conn, other, "ada@example.com", {"role": Role.VIEWER, "first_name": "A."})

    assert theirs.id != user_id
    assert theirs.email == "ada@example.com"
    mine = await members.get(conn, org_id, user_id)
    assert mine is not None
    assert (mine.first_name, mine.role) == ("Ada", Role.ADMIN)
    assert (await people.users_by_id(conn, other, [theirs.id]))[str(theirs.id)].first_name == "A."
    with pytest.raises(AlreadyMember):
        await members.add(conn, org_id, "ada@example.com", {"role": Role.VIEWER})


async def test_a_token_is_good_while_its_user_its_version_and_its_key_are(
    conn: AsyncConnection, org_id: UUID, user_id: UUID
) -> None:
    key = await api_keys.create_key(conn, org_id, user_id, "ci", Role.OPERATOR)
    plain = Session(org_id, user_id, Role.ADMIN, ENDS, id=uuid7())
    by_key = Session(org_id, user_id, Role.ADMIN, ENDS, key_id=key.id)

    found = await sessions.holder(conn, plain)
    assert found is not None
    assert (found.role, found.expires_at) == (Role.ADMIN, ENDS)
    found = await sessions.holder(conn, by_key)
    assert found is not None
    assert found.role is Role.OPERATOR

    await api_keys.revoke_key(conn, org_id, key.id)
    assert await sessions.holder(conn, by_key) is None
    assert plain.id is not None
    await sessions.end(conn, plain.id, ENDS)
    await sessions.end(conn, plain.id, ENDS)
    assert await sessions.holder(conn, plain) is None

    fresh = Session(org_id, user_id, Role.VIEWER, ENDS, id=uuid7())
    assert await sessions.holder(conn, fresh)
    await members.change(conn, org_id, user_id, {"password_hash": "x"})
    assert await sessions.holder(conn, fresh) is None
    assert await sessions.holder(conn, Session(org_id, user_id, Role.VIEWER, ENDS, version=1))
    assert await sessions.holder(conn, Session(uuid7(), user_id, Role.VIEWER, ENDS, version=1)) is None


async def test_the_member_of_an_email_is_the_only_one_or_the_one_of_the_named_organisation(
    conn: AsyncConnection, org_id: UUID, user_id: UUID
) -> None:
    async def found(organisation: str | None) -> UUID | None:
        actor = await sessions.member_of_email(conn, "ada@example.com", organisation)
        return actor.org_id if actor else None

    assert await found(None) == org_id
    other = await people.create_organisation(conn, "other", "Other", {})
    await people.add_member(conn, other, user_id, Role.VIEWER)
    assert await found(None) is None
    assert await found("acme") == org_id
    assert await found(str(other)) == other
    assert await found("nowhere") is None
    await members.remove(conn, other, user_id)
    assert await found(None) == org_id
    assert await found("other") is None
