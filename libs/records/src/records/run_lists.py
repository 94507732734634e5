"""Lists of runs, and hiding one (document 003)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from records.runs import COLUMNS


@dataclass(frozen=True)
class RunFilters:
    """Which runs a list shows; what is empty filters nothing."""

    action_id: UUID | None = None
    parent_run_id: UUID | None = None
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    def where(self, org_id: UUID) -> tuple[str, list[Any]]:
        """The condition and its values. Only what is asked for stands in it, so that each list finds its index."""
        given = [
            ("org_id = ${}", org_id),
            ("action_id = ${}", self.action_id),
            ("parent_run_id = ${}", self.parent_run_id),
            ("kind = ANY(${}::text[])", list(self.kinds) or None),
            ("status = ANY(${}::text[])", list(self.statuses) or None),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [text.format(place) for place, (text, _) in enumerate(asked, 1)]
        return " AND ".join(["deleted_at IS NULL", *texts]), [value for _, value in asked]


async def list_page(conn: Any, org_id: UUID, filters: RunFilters, limit: int, offset: int) -> tuple[list[Any], int]:
    """A page of runs, newest first, and how many there are in all."""
    where, values = filters.where(org_id)
    rows = await conn.fetch(
        f"SELECT {COLUMNS} FROM runs WHERE {where} ORDER BY id DESC LIMIT {limit:d} OFFSET {offset:d}", *values
    )
    total = len(rows) + offset
    if len(rows) == limit or (not rows and offset):
        total = await conn.fetchval(f"SELECT count(*) FROM runs WHERE {where}", *values)
    return list(rows), total


async def hide(conn: Any, org_id: UUID, run_id: UUID) -> bool:
    """Hide a run that has ended; its record stays (decision 21). False where there is none, or it is live."""
    hidden = await conn.fetchval(
        "UPDATE runs SET deleted_at = clock_timestamp() WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
        " AND phase = 'done' RETURNING id",
        run_id,
        org_id,
    )
    return hidden is not None


async def sealed_secrets(conn: Any, org_id: UUID, run_id: UUID) -> bytes | None:
    """The write-only values of a run's definition as stored; `records.secrets` opens them."""
    sealed: bytes | None = await conn.fetchval("SELECT secrets FROM runs WHERE id = $1 AND org_id = $2", run_id, org_id)
    return sealed
