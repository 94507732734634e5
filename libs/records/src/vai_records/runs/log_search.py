"""Finds entries in the logs of all runs of an organisation: the newest run first, and in it the newest entry first.

No index holds the words of messages, since each entry that is written would pay for it (decision 74). Runs are walked
by their own indexes, and the logs of a few are read in one statement by `run_logs`' key. How many entries each run has
is known (`log_seq`), so what a statement reads is bounded before it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, datetime, timedelta
from itertools import islice
from typing import Any, TypedDict, cast
from uuid import UUID

from vai_common.clock import steady_seconds
from vai_common.ids import least_of
from vai_common.queries import Queries
from vai_records.lifecycle.transitions import TERMINAL, Status
from vai_records.runs import lists
from vai_records.runs.filters import Condition, RunFilters, where
from vai_records.runs.lists import Cursor, Sorting
from vai_records.runs.logs import LogRow, at_least

MOST_READ = 200_000
"""Entries that one page reads, found or not; then it ends, and its cursor goes on from there."""

MOST_SECONDS = 2.0
"""For longer no page goes on reading."""

_READ_AT_ONCE = 20_000
_RUNS_AT_ONCE = 1_000
_SLACK = timedelta(hours=1)
"""More than the largest difference between the time in a run's id, its row's times and those of its entries."""

_LIVE = tuple(str(status) for status in Status if status not in TERMINAL)
_RUN = "r.id, r.kind, r.status, r.action_id, r.created_at, r.completed_at, r.log_seq, a.name AS action"
_WALKED = f"SELECT {_RUN} FROM runs r JOIN ({{}}) p USING (id) LEFT JOIN actions a ON a.id = r.action_id"

# The bounds of time leave the days of each run that have none of its entries unread.
_READ = """
SELECT l.place, e.* FROM unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[])
    WITH ORDINALITY AS l(id, above, upto, since, until, place)
CROSS JOIN LATERAL (
    SELECT seq, occurred_at, level, event, message, data, worker_id, attempt FROM run_logs
    WHERE run_id = l.id AND seq > l.above AND seq <= l.upto AND occurred_at >= l.since AND occurred_at < l.until
    AND level = ANY($6::text[]) AND ($7::text IS NULL OR position(lower($7) IN lower(message)) > 0)
    ORDER BY seq DESC LIMIT $8
) e ORDER BY l.place, e.seq DESC LIMIT $8
"""


class SearchedRun(TypedDict):
    """What is shown of the run of an entry, and what reading its log needs."""

    id: UUID
    kind: str
    status: str
    action_id: UUID | None
    action: str | None
    created_at: datetime
    completed_at: datetime | None
    log_seq: int


class _FoundRow(LogRow):
    place: int


@dataclass(frozen=True)
class LogFilters:
    """Which entries are meant: of which runs, from when to when (exclusive), with which text, at which least level."""

    runs: RunFilters
    since: datetime
    until: datetime
    text: str | None = None
    level: str | None = None


@dataclass(frozen=True)
class LogPlace:
    """What has not been read: the entries of this run below this number, and the runs before it."""

    run_id: UUID
    seq: int


@dataclass
class LogPage:
    """What was found, how much was read for it, and where the next page begins; None: nothing is left."""

    found: list[tuple[SearchedRun, LogRow]] = field(default_factory=list)
    next: LogPlace | None = None
    runs: int = 0
    entries: int = 0
    back_to: datetime | None = None
    """When the last run that was read was made."""


@dataclass(frozen=True)
class _Slice:
    """A part of a run's log: the numbers above `above`, up to `upto`."""

    run: SearchedRun
    above: int
    upto: int


async def search(conn: Queries, org_id: UUID, wanted: LogFilters, after: LogPlace | None, limit: int) -> LogPage:
    """A page of at most `limit` entries. It may have fewer, even none, where it has read as much as a page may."""
    wanted = replace(wanted, runs=await lists.with_few_labelled(conn, org_id, wanted.runs))
    page, ends_at = LogPage(), steady_seconds() + MOST_SECONDS
    while True:
        runs = await _walk(conn, org_id, wanted, after)
        left = _slices(runs, after)
        while slices := _room(left):
            after = page.next = await _read(conn, wanted, slices, page, limit)
            if len(page.found) >= limit or page.entries >= MOST_READ or steady_seconds() >= ends_at:
                return page
        if len(runs) < _RUNS_AT_ONCE:
            page.next = None
            return page
        after = page.next = LogPlace(runs[-1]["id"], 0)


async def _read(conn: Queries, wanted: LogFilters, slices: list[_Slice], page: LogPage, limit: int) -> LogPlace:
    """Read slices into the page; returns what is read up to."""
    most = limit - len(page.found)
    columns = (list(column) for column in zip(*(_bounds(each, wanted) for each in slices), strict=True))
    rows = cast("list[_FoundRow]", await conn.fetch(_READ, *columns, at_least(wanted.level), wanted.text, most))
    page.found += [(slices[row["place"] - 1].run, row) for row in rows]
    last, seq = (slices[-1], slices[-1].above + 1) if len(rows) < most else _last(slices, rows)
    whole = slices[: slices.index(last)]
    page.runs += len(whole) + 1
    page.entries += sum(each.upto - each.above for each in whole) + last.upto - seq + 1
    page.back_to = last.run["created_at"]
    return LogPlace(last.run["id"], seq)


def _last(slices: list[_Slice], rows: Sequence[_FoundRow]) -> tuple[_Slice, int]:
    return slices[rows[-1]["place"] - 1], rows[-1]["seq"]


def _bounds(part: _Slice, wanted: LogFilters) -> tuple[UUID, int, int, datetime, datetime]:
    run = part.run
    until = wanted.until if run["completed_at"] is None else min(wanted.until, run["completed_at"] + _SLACK)
    return run["id"], part.above, part.upto, max(wanted.since, run["created_at"] - _SLACK), until


def _slices(runs: Sequence[SearchedRun], after: LogPlace | None) -> list[_Slice]:
    """The logs of the runs as parts that a statement reads; what comes first stands last."""
    parts, entries = list[_Slice](), 0
    for run in runs:
        upto = run["log_seq"]
        if after is not None and run["id"] == after.run_id:
            upto = min(upto, after.seq - 1)
        # More than this no page reads.
        while upto > 0 and entries < MOST_READ:
            above = max(0, upto - _READ_AT_ONCE)
            parts.append(_Slice(run, above, upto))
            entries += upto - above
            upto = above
    parts.reverse()
    return parts


def _room(left: list[_Slice]) -> list[_Slice]:
    """Takes from the end of `left` what one statement reads."""
    taken, entries = list[_Slice](), 0
    while left and (not taken or entries + left[-1].upto - left[-1].above <= _READ_AT_ONCE):
        taken.append(left.pop())
        entries += taken[-1].upto - taken[-1].above
    return taken


async def _walk(conn: Queries, org_id: UUID, wanted: LogFilters, after: LogPlace | None) -> list[SearchedRun]:
    """The next runs that may have written within the time, by falling ids: those made within it, then older ones."""
    begun = least_of(wanted.since - _SLACK)
    ends = [] if wanted.until.year == MAXYEAR else [("id < ${}", least_of(wanted.until + _SLACK))]
    # The run of the cursor comes again: it may not be read to its beginning.
    cursor = None if after is None else Cursor(_behind(after), wanted.since)
    found = list[SearchedRun]()
    if cursor is None or cursor.id > begun:
        sorting = Sorting(after=cursor, limit=_RUNS_AT_ONCE)
        within: list[Condition] = [("id >= ${}", begun), *ends]
        found = await _runs(conn, *lists.ids(org_id, wanted.runs, sorting, within))
    if len(found) < _RUNS_AT_ONCE:
        before = begun if cursor is None else min(begun, cursor.id)
        found += islice(await _older(conn, org_id, wanted, before), _RUNS_AT_ONCE - len(found))
    return found


def _behind(after: LogPlace) -> UUID:
    number = after.run_id.int + (after.seq > 1)
    return UUID(int=min(number, 2**128 - 1))


async def _older(conn: Queries, org_id: UUID, wanted: LogFilters, before: UUID) -> list[SearchedRun]:
    """Runs that were made before the time and were live in it: they live now, or have changed since."""
    text, values = where([*wanted.runs.conditions(org_id), ("id < ${}", before)])
    changed, live = f"${len(values) + 1}", f"${len(values) + 2}"
    ids = (
        f"WITH changed AS MATERIALIZED (SELECT id FROM runs WHERE {text} AND updated_at >= {changed}),"
        f" live AS MATERIALIZED (SELECT id FROM runs WHERE {text} AND status = ANY({live}::text[]))"
        f" SELECT id FROM changed UNION SELECT id FROM live ORDER BY id DESC LIMIT {_RUNS_AT_ONCE}"
    )
    return await _runs(conn, ids, [*values, wanted.since - _SLACK, list(_LIVE)])


async def _runs(conn: Queries, ids: str, values: list[Any]) -> list[SearchedRun]:
    statement = f"{_WALKED.format(ids)} ORDER BY r.id DESC"
    return cast("list[SearchedRun]", list(await conn.fetch(statement, *values)))
