"""Lists of runs, and hiding one (document 003). Text for asyncpg, not SQLAlchemy (decision 66)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.lifecycle.moves import Status
from vai_records.listing import totals
from vai_records.runs.runs import LISTED


@dataclass(frozen=True)
class RunFilters:
    """Which runs a list shows. An empty field does not filter."""

    action_id: UUID | None = None
    parent_run_id: UUID | None = None
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def of_one(self) -> bool:
        """Whether only the runs of one action or one parent are asked for."""
        return self.action_id is not None or self.parent_run_id is not None

    @property
    def empty(self) -> bool:
        return self == RunFilters()

    def where(self, org_id: UUID, statuses: tuple[str, ...] | None = None) -> tuple[str, list[Any]]:
        """The condition and its values. It holds only the filters that are set, so that each list uses its index."""
        given = [
            ("org_id = ${}", org_id),
            ("action_id = ${}", self.action_id),
            ("parent_run_id = ${}", self.parent_run_id),
            ("kind = ANY(${}::text[])", list(self.kinds) or None),
            ("status = ANY(${}::text[])", list(statuses or self.statuses) or None),
        ]
        asked = [(text, value) for text, value in given if value is not None]
        texts = [text.format(place) for place, (text, _) in enumerate(asked, 1)]
        return " AND ".join(["deleted_at IS NULL", *texts]), [value for _, value in asked]


async def list_page(conn: Queries, org_id: UUID, filters: RunFilters, limit: int, offset: int) -> tuple[list[Any], int]:
    """A page of runs, newest first, and how many there are in all.

    The ids come from an index alone. Only the rows of the page are read, without their large values.
    """
    ids, values = _ids(org_id, filters, limit, offset)
    rows = await conn.fetch(f"SELECT {LISTED} FROM runs r JOIN ({ids}) p USING (id) ORDER BY r.id DESC", *values)
    total = len(rows) + offset
    if len(rows) == limit or (not rows and offset):
        total = await _total(conn, org_id, filters)
    return list(rows), total


def _ids(org_id: UUID, filters: RunFilters, limit: int, offset: int) -> tuple[str, list[Any]]:
    """The page's ids. By status, each status is walked in its own order, and the walks are merged."""
    end = f"ORDER BY id DESC LIMIT {limit:d} OFFSET {offset:d}"
    if filters.of_one or not (filters.kinds or filters.statuses):
        where, values = filters.where(org_id)
        return f"SELECT id FROM runs WHERE {where} {end}", values
    walked = filters.statuses or tuple(Status)
    mine = "SELECT id FROM runs WHERE deleted_at IS NULL AND org_id = $1"
    kinds = f" AND kind = ANY(${len(walked) + 2}::text[])" if filters.kinds else ""
    walks = " UNION ALL ".join(
        f"({mine} AND status = ${place}{kinds} ORDER BY id DESC LIMIT {limit + offset:d})"
        for place in range(2, len(walked) + 2)
    )
    values = [org_id, *map(str, walked), *([list(filters.kinds)] if filters.kinds else [])]
    return f"SELECT id FROM ({walks}) walks {end}", values


async def _total(conn: Queries, org_id: UUID, filters: RunFilters) -> int:
    if filters.empty:
        return await totals.total(conn, org_id, "runs")
    statement, values = _count(org_id, filters)
    found: int = await conn.fetchval(statement, *values)
    return found


def _count(org_id: UUID, filters: RunFilters) -> tuple[str, list[Any]]:
    # All statuses are named where only kinds are asked for: the index by status holds the kinds.
    statuses = filters.statuses or (tuple(Status) if filters.kinds and not filters.of_one else ())
    where, values = filters.where(org_id, statuses)
    return f"SELECT count(*) FROM runs WHERE {where}", values


async def hide(conn: Queries, org_id: UUID, run_id: UUID) -> bool:
    """Hide a run that has ended; its record stays (decision 21). False if there is none, or it is live."""
    hidden = await conn.fetchval(
        "UPDATE runs SET deleted_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1 AND org_id = $2"
        " AND deleted_at IS NULL AND phase = 'done' RETURNING id",
        run_id,
        org_id,
    )
    return hidden is not None


async def sealed_secrets(conn: Queries, org_id: UUID, run_id: UUID) -> bytes | None:
    """The write-only values of a run's definition as stored; `vai_records.secrets.keys` opens them."""
    sealed: bytes | None = await conn.fetchval("SELECT secrets FROM runs WHERE id = $1 AND org_id = $2", run_id, org_id)
    return sealed
