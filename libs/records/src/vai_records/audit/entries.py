"""Entries of the audit log. They are added, get an outcome once, and are deleted when they are old; nothing else.

Emails and names are written as they are at that time, since they may change later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import uuid7
from vai_common.queries import Queries

LONGEST: Final = 255
"""Characters of an id or a name."""

SHORTEST_KEPT: Final = 30
"""Days. The database refuses to delete an entry before."""

_AT_ONCE: Final = 10_000
"""How many old entries one statement deletes."""


class ActorType(StrEnum):
    """Who acted: a person, a service account, or whoever runs the installation."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    OPERATOR = "operator"


class Outcome(StrEnum):
    """How a request ended: it was done, it was refused and changed nothing, or it failed on our side."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Who:
    """Who acts, in which organisation, with which API key, and from where."""

    org_id: UUID
    actor_type: ActorType
    actor_id: UUID | None = None
    key_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class What:
    """What is done to what. `fields` are names of what a body says, never values."""

    action: str
    target_type: str
    target_id: str | None = None
    target_name: str | None = None
    fields: Sequence[str] = ()


# The name of a thing before it is changed or gone. Where its id is its name, as of a variable, none is looked up.
_MEMBER = "(SELECT CASE WHEN is_service THEN first_name ELSE email END FROM memberships WHERE org_id = $2 AND user_id"
_NAME = f"""
CASE t.target_type
    WHEN 'action' THEN (SELECT name FROM actions WHERE org_id = $2 AND id = t.target)
    WHEN 'automation' THEN (SELECT name FROM automations WHERE org_id = $2 AND id = t.target)
    WHEN 'connection' THEN (SELECT name FROM connections WHERE org_id = $2 AND id = t.target)
    WHEN 'agent' THEN (SELECT name FROM agents WHERE org_id = $2 AND id = t.target)
    WHEN 'alert_rule' THEN (SELECT name FROM alert_rules WHERE org_id = $2 AND id = t.target)
    WHEN 'api_key' THEN (SELECT name FROM api_keys WHERE org_id = $2 AND id = t.target)
    WHEN 'user' THEN {_MEMBER} = t.target)
    WHEN 'service_account' THEN {_MEMBER} = t.target)
END
"""
_ADD = f"""
INSERT INTO audit_entries (
    id, org_id, actor_type, actor_id, actor_name, key_id, key_name, address, request_id,
    action, target_type, target_id, target_name, fields, outcome, status
)
SELECT t.id, $2, $3, $4, {_MEMBER} = $4),
    $5, (SELECT name FROM api_keys WHERE org_id = $2 AND id = $5), $6, $7,
    $8, t.target_type, t.target_id, coalesce($11, {_NAME}), $12, $13, $14
FROM (
    SELECT id, $9::text AS target_type, target_id,
        CASE WHEN target_id ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' THEN target_id::uuid END AS target
    FROM unnest($1::uuid[], $10::text[]) AS given (id, target_id)
) t
"""
_END = """
UPDATE audit_entries SET outcome = $2, status = $3, target_id = coalesce(target_id, $4),
    target_name = coalesce(target_name, $5)
WHERE id = $1 AND outcome IS NULL
"""
_END_MANY = """
UPDATE audit_entries e SET outcome = given.outcome, status = given.status
FROM unnest($1::uuid[], $2::text[], $3::int[]) AS given (id, outcome, status)
WHERE e.id = given.id AND e.outcome IS NULL
"""
_FORGET_OLD = """
DELETE FROM audit_entries WHERE id IN (
    SELECT id FROM audit_entries WHERE occurred_at < clock_timestamp() - make_interval(days => $1)
    ORDER BY occurred_at LIMIT $2
)
"""


def outcome_of(status: int) -> Outcome:
    """What a status of HTTP says."""
    if status >= 500:
        return Outcome.FAILED
    return Outcome.REFUSED if status >= 400 else Outcome.DONE


async def add(conn: Queries, who: Who, what: What, status: int | None = None) -> UUID:
    """Write an entry; its id. Without a status its outcome is not known yet."""
    [entry_id] = await add_many(conn, who, what, [what.target_id], status)
    return entry_id


async def add_many(
    conn: Queries, who: Who, what: What, targets: Sequence[str | None], status: int | None = None
) -> list[UUID]:
    """Write the same entry for each of these targets; the ids in the same order."""
    ids = [uuid7() for _ in targets]
    outcome = None if status is None else outcome_of(status).value
    await conn.execute(
        _ADD,
        ids, who.org_id, who.actor_type.value, who.actor_id, who.key_id, who.address, who.request_id,
        what.action, what.target_type, [_cut(target) for target in targets], _cut(what.target_name),
        list(what.fields), outcome, status,
    )  # fmt: skip
    return ids


async def add_within(conn: AsyncConnection, who: Who, what: What, status: int) -> None:
    """Write an entry in the transaction of the change itself, which has begun."""
    raw = (await conn.get_raw_connection()).driver_connection
    assert raw is not None
    await add(raw, who, what, status)


async def end(conn: Queries, entry_id: UUID, status: int, target: tuple[str | None, str | None] = (None, None)) -> None:
    """Write how the request ended. `target` is id and name of what it made."""
    await conn.execute(_END, entry_id, outcome_of(status).value, status, *map(_cut, target))


async def end_many(conn: Queries, statuses: Mapping[UUID, int]) -> None:
    """Write how the requests of these entries ended."""
    outcomes = [outcome_of(status).value for status in statuses.values()]
    await conn.execute(_END_MANY, list(statuses), outcomes, list(statuses.values()))


async def forget_old(conn: Queries, days: int) -> None:
    """Delete entries of more than `days` days ago."""
    while True:
        done: Any = await conn.execute(_FORGET_OLD, max(days, SHORTEST_KEPT), _AT_ONCE)
        if done != f"DELETE {_AT_ONCE}":
            return


def _cut(text: str | None) -> str | None:
    """Short enough, and without U+0000, which a path may hold and Postgres does not."""
    plain = text if text is None else text.replace("\x00", "")
    return plain if plain is None or len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
