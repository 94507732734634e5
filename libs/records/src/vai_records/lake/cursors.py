"""Where the next incremental extraction of a resource begins.

`scope` is the connection, without one the action, without both the nil UUID.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.runs.chain import CHAIN


@dataclass(frozen=True)
class Cursor:
    """`value` is the source's own JSON; `run_id` is the run that saved it."""

    value: dict[str, Any]
    run_id: UUID


async def cursor(conn: Queries, org_id: UUID, scope: UUID, source: str, resource: str) -> Cursor | None:
    """One resource's cursor."""
    return (await cursors(conn, org_id, scope, source)).get(resource)


async def cursors(conn: Queries, org_id: UUID, scope: UUID, source: str) -> dict[str, Cursor]:
    """The cursors of a source's resources, by resource."""
    rows = await conn.fetch(
        "SELECT resource, value, run_id FROM cursors WHERE org_id = $1 AND scope = $2 AND source = $3",
        *(org_id, scope, source),
    )
    return {row["resource"]: Cursor(row["value"], row["run_id"]) for row in rows}


async def save_cursor(
    conn: Queries, org_id: UUID, scope: UUID, source: str, resource: str, new: Cursor, after: UUID | None
) -> bool:
    """Save what a run has reached; False, and nothing saved, where a third run has moved the cursor meanwhile.

    `after` is the run that saved the cursor which this one began with.
    """
    saved = await conn.fetchval(
        f"""{CHAIN}
        INSERT INTO cursors AS c (org_id, scope, source, resource, value, run_id) VALUES ($2, $3, $4, $5, $6, $1)
        ON CONFLICT (org_id, scope, source, resource) DO UPDATE
            SET value = excluded.value, run_id = excluded.run_id, updated_at = clock_timestamp()
            WHERE c.run_id = $7 OR c.run_id IN (SELECT id FROM chain)
        RETURNING true""",
        *(new.run_id, org_id, scope, source, resource, new.value, after),
    )
    return bool(saved)
