"""Automations: what is saved under a name (document 002)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

_BREAK = """
UPDATE automations SET status = 'error', error = $2, updated_at = clock_timestamp()
WHERE id = $1 AND status = 'active' AND deleted_at IS NULL
"""


async def break_(conn: Any, automation_id: UUID, error: dict[str, Any]) -> None:
    """active → error: what was saved does not work any more, and its triggers fire no longer (decision 37)."""
    await conn.execute(_BREAK, automation_id, error)


@dataclass(frozen=True)
class ToStart:
    """What an automation run takes from its automation."""

    id: UUID
    version_id: UUID
    status: str


_TO_START = """
SELECT id, version_id, status FROM automations
WHERE org_id = $1 AND deleted_at IS NULL AND (slug = $2 OR id::text = $2) ORDER BY (id::text = $2) DESC LIMIT 1
"""


async def to_start(conn: Any, org_id: UUID, name: str) -> ToStart | None:
    """An automation by its id or its slug."""
    row = await conn.fetchrow(_TO_START, org_id, name)
    return None if row is None else ToStart(**row)
