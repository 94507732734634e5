"""An organisation's rules of alerts: what is told, and where. The address and what opens it are encrypted apart."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Connection, Queries, Row

Json = dict[str, Any]

MOST_RULES = 100
"""Of an organisation: each piece of news is held against all of them."""

SHOWN = """id, org_id, name, is_active, tells, filters, channel, gather_seconds, pause_seconds, late_seconds,
    created_by, created_at, updated_at"""

_LOCK = "SELECT id FROM organisations WHERE id = $1 FOR NO KEY UPDATE"
_CREATE = f"""
INSERT INTO alert_rules (id, org_id, name, is_active, tells, filters, channel, secrets, gather_seconds, pause_seconds,
    late_seconds, created_by)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
WHERE {MOST_RULES} > (SELECT count(*) FROM alert_rules WHERE org_id = $2 AND deleted_at IS NULL)
RETURNING {SHOWN}
"""
_GET = f"SELECT {SHOWN} FROM alert_rules WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL"
_LIST = f"SELECT {SHOWN} FROM alert_rules WHERE org_id = $1 AND deleted_at IS NULL ORDER BY id DESC"
_CHANGEABLE = frozenset(
    ("name", "is_active", "tells", "filters", "channel", "secrets", "gather_seconds", "pause_seconds", "late_seconds")
)
_HIDE = """
UPDATE alert_rules SET deleted_at = clock_timestamp(), updated_at = clock_timestamp(), secrets = NULL
WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id
"""
_GIVE_UP = """
UPDATE alerts SET status = 'given_up', due_at = NULL, error = $2 WHERE rule_id = $1 AND due_at IS NOT NULL
"""
_FORGET_LATES = "DELETE FROM alert_lates WHERE rule_id = $1"
_FOUND = """
SELECT id, slug, 'actions' AS place FROM actions
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = ANY($2::text[]) OR id::text = ANY($2::text[]))
UNION ALL
SELECT id, slug, 'automations' FROM automations
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = ANY($3::text[]) OR id::text = ANY($3::text[]))
"""

_OVER = "The rule was {} before this was sent."


@dataclass(frozen=True)
class NewRule:
    """`secrets` is an envelope for the organisation and the rule's id."""

    id: UUID
    org_id: UUID
    name: str
    is_active: bool
    tells: list[str]
    filters: Json
    channel: Json
    secrets: bytes | None
    gather_seconds: int
    pause_seconds: int
    late_seconds: int | None
    created_by: UUID | None


async def create(conn: Connection, rule: NewRule) -> Row | None:
    """In a transaction of the caller. None: the organisation has `MOST_RULES` already."""
    await conn.execute(_LOCK, rule.org_id)
    said = (rule.id, rule.org_id, rule.name, rule.is_active, rule.tells, rule.filters, rule.channel, rule.secrets)
    return await conn.fetchrow(
        _CREATE, *said, rule.gather_seconds, rule.pause_seconds, rule.late_seconds, rule.created_by
    )


async def get(conn: Queries, org_id: UUID, rule_id: UUID) -> Row | None:
    return await conn.fetchrow(_GET, org_id, rule_id)


async def list_all(conn: Queries, org_id: UUID) -> list[Row]:
    """Newest first; at most `MOST_RULES`."""
    return list(await conn.fetch(_LIST, org_id))


async def change(conn: Connection, org_id: UUID, rule_id: UUID, columns: Json) -> Row | None:
    """In a transaction of the caller. None: there is no such rule. What a paused one has not sent is given up."""
    assert columns.keys() <= _CHANGEABLE
    sets = ", ".join(["updated_at = clock_timestamp()", *(f"{name} = ${n}" for n, name in enumerate(columns, 3))])
    statement = f"UPDATE alert_rules SET {sets} WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {SHOWN}"
    changed = await conn.fetchrow(statement, org_id, rule_id, *columns.values())
    if changed is not None and not changed["is_active"]:
        await _stop(conn, rule_id, "paused")
    return changed


async def hide(conn: Connection, org_id: UUID, rule_id: UUID) -> bool:
    """In a transaction of the caller: its secrets are erased, and what it has not sent is given up."""
    if await conn.fetchval(_HIDE, org_id, rule_id) is None:
        return False
    await _stop(conn, rule_id, "deleted")
    await conn.execute(_FORGET_LATES, rule_id)
    return True


async def ids_of(conn: Queries, org_id: UUID, actions: list[str], automations: list[str]) -> dict[tuple[str, str], str]:
    """Ids of actions and automations that filters name by id or slug; ("actions", name) → id."""
    found = {}
    for row in await conn.fetch(_FOUND, org_id, actions, automations):
        for name in (row["slug"], str(row["id"])):
            found[row["place"], name] = str(row["id"])
    return found


async def _stop(conn: Connection, rule_id: UUID, how: str) -> None:
    error = {"code": "DATA_ERROR", "message": _OVER.format(how), "details": {}, "retryable": False}
    await conn.execute(_GIVE_UP, rule_id, error)
