"""Signed tokens as Postgres sees them: good while their user, their key and their version are; ended by a sign-out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_records.audit.entries import ActorType, What, Who, add_within
from vai_records.people.people import Actor, Role

_HOLDER = text("""
SELECT m.role, m.token_version, m.is_service, o.settings, k.role AS key_role, k.scopes
FROM memberships m JOIN organisations o ON o.id = m.org_id
LEFT JOIN api_keys k ON k.id = :key AND k.org_id = m.org_id AND k.user_id = m.user_id AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
WHERE m.org_id = :org AND m.user_id = :user AND m.removed_at IS NULL AND m.disabled_at IS NULL
  AND m.token_version = :version
  AND (CAST(:key AS uuid) IS NULL OR k.id IS NOT NULL)
  AND NOT EXISTS (SELECT FROM ended_sessions e WHERE e.id = :session)
""")
_BY_EMAIL = text("""
SELECT m.org_id, m.user_id, m.role, m.token_version, o.settings, m.accepted_at
FROM memberships m JOIN organisations o ON o.id = m.org_id
WHERE m.email = :email AND m.removed_at IS NULL AND NOT m.is_service
  AND (CAST(:organisation AS text) IS NULL OR o.slug = :organisation OR CAST(o.id AS text) = :organisation)
ORDER BY m.accepted_at NULLS LAST LIMIT 2
""")
_ACCEPT = text("""
UPDATE memberships SET accepted_at = clock_timestamp(), invitation_hash = NULL, invitation_ends_at = NULL
WHERE org_id = :org AND user_id = :user AND accepted_at IS NULL AND removed_at IS NULL
""")
_END = text("INSERT INTO ended_sessions (id, ends_at) VALUES (:session, :ends_at) ON CONFLICT DO NOTHING")
_TIDY = text("DELETE FROM ended_sessions WHERE ends_at < clock_timestamp() - interval '1 hour'")


@dataclass(frozen=True)
class Session:
    """The claims of a signed token. `key_id`: the API key that asked for it. `id`: with it, it can be signed out."""

    org_id: UUID
    user_id: UUID
    role: Role
    ends_at: datetime
    version: int = 0
    id: UUID | None = None
    key_id: UUID | None = None


async def holder(conn: AsyncConnection, session: Session) -> Actor | None:
    """The user of a token, never with more than the token's own role. None if it is no longer valid."""
    wanted = {"org": session.org_id, "user": session.user_id, "version": session.version}
    row = (await conn.execute(_HOLDER, {**wanted, "key": session.key_id, "session": session.id})).one_or_none()
    if row is None:
        return None
    roles = [Role(word) for word in (row.role, row.key_role) if word is not None]
    role = min(*roles, session.role, key=Role.rank)
    scopes = None if row.scopes is None else frozenset(row.scopes)
    ends, version = session.ends_at, row.token_version
    return Actor(session.org_id, session.user_id, role, row.settings, None, ends, version, scopes, row.is_service)


async def member_of_email(conn: AsyncConnection, email: str, organisation: str | None) -> Actor | None:
    """The member whom an issuer says to have this email, in the organisation of this slug or id.

    Without one, in their only organisation: invitations count where there is nothing else, and are taken by it.
    """
    rows = (await conn.execute(_BY_EMAIL, {"email": email, "organisation": organisation})).all()
    if len(rows) == 2 and rows[0].accepted_at is not None and rows[1].accepted_at is None:
        rows = rows[:1]
    if len(rows) != 1:
        return None
    row = rows[0]
    if row.accepted_at is None:
        await conn.execute(_ACCEPT, {"org": row.org_id, "user": row.user_id})
        who = Who(row.org_id, ActorType.USER, row.user_id)
        await add_within(conn, who, What("accept.invitation", "user", str(row.user_id)), 201)
        await conn.commit()
    return Actor(row.org_id, row.user_id, Role(row.role), row.settings, token_version=row.token_version)


async def end(conn: AsyncConnection, session_id: UUID, ends_at: datetime) -> None:
    """Sign a token out before its end; what ended by itself meanwhile is forgotten."""
    await conn.execute(_TIDY)
    await conn.execute(_END, {"session": session_id, "ends_at": ends_at})
