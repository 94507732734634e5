"""Lists of runs, and hiding one (document 003). Text for asyncpg, not SQLAlchemy (decision 66)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from vai_common.queries import Queries
from vai_records.lifecycle.transitions import Status
from vai_records.listing import totals
from vai_records.runs.filters import Condition, RunFilters, where
from vai_records.runs.row import ListedRun
from vai_records.runs.runs import LISTED

SortBy = Literal["created_at", "updated_at"]
Order = Literal["asc", "desc"]

MOST_COUNTED = 10_000
"""The largest number up to which runs are counted if an index alone is not enough."""

_MARKS = "SELECT array_agg(hashtextextended(mark, hashtextextended($1::uuid::text, 0))) FROM unnest($2::text[]) mark"
# The condition of the index alone, so that nothing but the index is read; the marks hold the organisation.
_OF_MARKS = f"""
WITH marked AS MATERIALIZED (
    SELECT id, org_id, deleted_at FROM runs
    WHERE labels IS NOT NULL AND label_marks(org_id, labels) @> $2::bigint[] LIMIT {MOST_COUNTED + 1}
)
SELECT id, org_id = $1 AND deleted_at IS NULL AS is_meant FROM marked
"""


@dataclass(frozen=True)
class Cursor:
    """The last run of a page. The next page begins after it."""

    id: UUID
    updated_at: datetime


@dataclass(frozen=True)
class Sorting:
    """The order of a list, and where its page begins: after a cursor, or after `offset` runs."""

    by: SortBy = "created_at"
    order: Order = "desc"
    after: Cursor | None = None
    limit: int = 100
    offset: int = 0

    def columns(self, table: str = "") -> str:
        """The text of ORDER BY. Ids are UUIDv7, so they sort by time of creation."""
        names = ("id",) if self.by == "created_at" else ("updated_at", "id")
        return ", ".join(f"{table}{name} {self.order.upper()}" for name in names)

    def behind(self) -> list[Condition]:
        """The SQL condition for the runs after the cursor."""
        if self.after is None:
            return []
        sign = "<" if self.order == "desc" else ">"
        if self.by == "created_at":
            return [(f"id {sign} ${{}}", self.after.id)]
        return [(f"(updated_at, id) {sign} (${{}}::timestamptz, ${{}}::uuid)", self.after.updated_at, self.after.id)]


@dataclass(frozen=True)
class RunPage:
    """Runs of a list. `total`: how many there are in all; at least so many, if `is_exact` is false."""

    runs: list[ListedRun]
    has_next: bool
    total: int
    is_exact: bool = True


async def list_page(conn: Queries, org_id: UUID, filters: RunFilters, sorting: Sorting) -> RunPage:
    """A page of runs and how many there are in all.

    The ids come from an index alone if there is one. Only the rows of the page are read, without their large values.
    """
    filters = await with_few_labelled(conn, org_id, filters)
    one_more = replace(sorting, limit=sorting.limit + 1)
    page, values = ids(org_id, filters, one_more)
    statement = f"SELECT {LISTED} FROM runs r JOIN ({page}) p USING (id) ORDER BY {sorting.columns('r.')}"
    found = cast("list[ListedRun]", list(await conn.fetch(statement, *values)))
    has_next = len(found) > sorting.limit
    if sorting.after is None and not has_next and (found or not sorting.offset):
        return RunPage(found, False, sorting.offset + len(found))
    total, is_exact = await _total(conn, org_id, filters)
    return RunPage(found[: sorting.limit], has_next, total, is_exact)


async def with_few_labelled(conn: Queries, org_id: UUID, filters: RunFilters) -> RunFilters:
    """The filters with the ids of the runs that have the labels, if these are few.

    The planner knows nothing of labels and walks all runs for a label that none has, which takes minutes. This asks
    their index alone. Labels that many runs have are found soon by walking the list.
    """
    if not filters.labels:
        return filters
    marks = await conn.fetchval(_MARKS, org_id, list(filters.labels))
    rows = await conn.fetch(_OF_MARKS, org_id, marks)
    if len(rows) > MOST_COUNTED:
        return filters
    return replace(filters, ids=tuple(row["id"] for row in rows if row["is_meant"]))


def ids(org_id: UUID, filters: RunFilters, sorting: Sorting, more: Sequence[Condition] = ()) -> tuple[str, list[Any]]:
    """The ids of a page as SQL with its values; `more` are conditions beside the filters.

    By status, each status is walked in its own order, and the walks are merged.
    """
    end = f"ORDER BY {sorting.columns()} LIMIT {sorting.limit:d} OFFSET {sorting.offset:d}"
    by_status = (filters.kinds or filters.statuses) and not filters.has_own_index and sorting.by == "created_at"
    if not by_status:
        text, values = where([*filters.conditions(org_id), *more, *sorting.behind()])
        return f"SELECT id FROM runs WHERE {text} {end}", values
    walked = filters.statuses or tuple(Status)
    text, values = where([*filters.with_statuses(()).conditions(org_id), *more, *sorting.behind()])
    walks = " UNION ALL ".join(
        f"(SELECT id FROM runs WHERE {text} AND status = ${place}"
        f" ORDER BY {sorting.columns()} LIMIT {sorting.limit + sorting.offset:d})"
        for place in range(len(values) + 1, len(values) + len(walked) + 1)
    )
    return f"SELECT id FROM ({walks}) walks {end}", [*values, *map(str, walked)]


async def _total(conn: Queries, org_id: UUID, filters: RunFilters) -> tuple[int, bool]:
    if filters.empty:
        return await totals.total(conn, org_id, "runs"), True
    statement, values = _count(org_id, filters)
    found: int = await conn.fetchval(statement, *values)
    return (found, True) if filters.counts_fast else (min(found, MOST_COUNTED), found <= MOST_COUNTED)


def _count(org_id: UUID, filters: RunFilters) -> tuple[str, list[Any]]:
    # All statuses are named where only kinds are asked for: the index by status holds the kinds.
    if filters.kinds and not filters.statuses and not filters.has_own_index:
        filters = filters.with_statuses(tuple(map(str, Status)))
    text, values = where(filters.conditions(org_id))
    if filters.counts_fast:
        return f"SELECT count(*) FROM runs WHERE {text}", values
    return f"SELECT count(*) FROM (SELECT FROM runs WHERE {text} LIMIT {MOST_COUNTED + 1}) counted", values


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
