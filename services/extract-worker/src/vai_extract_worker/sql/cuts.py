"""Cuts a table into slices by its key or its cursor. The database itself compares the values, in SQL.

A cut is the first value of the next slice. Cuts are chosen so that each slice has about the requested number of rows,
even if the values have gaps; or a cut is the end of a window of days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.increments.cursor_values import as_instant
from vai_worker.sql.relations import Column, Database, Form, Relation, from_clause

MOST: Final = 2_000
"""The largest number of slices of one table. It is bounded because each commit stores the ends of all slices."""


@dataclass(frozen=True)
class Stretch:
    """One slice: rows from `first` up to, not including, `end`. None: from the beginning, or to the end.

    `apart`: rows without a usable cursor value, of a table that is read by a cursor.
    """

    first: str | None = None
    end: str | None = None
    apart: bool = False
    last: bool = False


def stretches(cuts: Sequence[str], with_apart: bool) -> list[Stretch]:
    bounds: list[str | None] = [None, *cuts, None]
    found = [Stretch(first, end) for first, end in pairwise(bounds)]
    found += [Stretch(apart=True)] if with_apart else []
    return [*found[:-1], Stretch(found[-1].first, found[-1].end, found[-1].apart, last=True)]


def by_rows(database: Database, relation: Relation, column: Column, rows: int, where: str = "") -> list[str]:
    """The first values of slices with about so many rows, without the first slice."""
    key, condition = column.read, f" WHERE {where}" if where else ""
    step = max(rows, _least(database, relation, rows, condition))
    numbered = f"SELECT {key} AS k, row_number() OVER (ORDER BY {key}) AS n FROM {from_clause(database, relation)}"
    sql = f"SELECT {database.text('k', column)} FROM ({numbered}{condition}) q "
    sql += f"WHERE n > 1 AND n % {step} = {1 % step} AND k IS NOT NULL ORDER BY n"
    found = list(dict.fromkeys(str(row[0]) for row in database.fetch(sql)))
    return found[:: -(-len(found) // MOST) or 1]


def _least(database: Database, relation: Relation, rows: int, condition: str) -> int:
    """The smallest number of rows per slice with which there are not too many slices. Estimated; if the estimate is
    larger than `rows`, the rows are counted.
    """
    guessed = -(-relation.rows // MOST) if relation.rows else 0
    if guessed <= rows:
        return guessed
    ((count, *_),) = database.fetch(f"SELECT count(*) FROM {from_clause(database, relation)}{condition}")
    return -(-int(count or 0) // MOST)


def by_days(database: Database, relation: Relation, column: Column, days: float, where: str = "") -> list[str]:
    """The beginnings of windows of so many days, without the first one. Windows begin at midnight UTC."""
    condition = f" WHERE {where}" if where else ""
    bounds = ", ".join(database.text(f"{way}({column.read})", column) for way in ("min", "max"))
    ((first, last),) = database.fetch(f"SELECT {bounds} FROM {from_clause(database, relation)}{condition}")
    if first is None or last is None:
        return []
    begin, end = (as_instant(database.plain(value)) for value in (first, last))
    if begin is None or end is None:
        text = f"{relation.shown}.{column.name} cannot be cut into days: it has values that are no usual time. Cut "
        raise Permanent(ErrorCode.DATA_ERROR, text + "it by rows.", {"field": "slices.days"})
    step = timedelta(days=days)
    begin = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    count = -((begin - end) // step)
    if count > MOST:
        text = f"{relation.shown} has {count:,} slices of {days:g} days; {MOST:,} are possible: take longer ones."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "slices.days"})
    return [database.given(written(begin + step * number, column)) for number in range(1, count)]


def written(moment: datetime, column: Column) -> str:
    """A moment in a form that every database reads if its session is in UTC."""
    moment = moment.astimezone(UTC)
    if column.form is Form.DATE or (column.form is Form.STORED and moment.time() == datetime.min.time()):
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(" ")


def within(database: Database, stretch: Stretch, column: Column | None, everything: bool) -> Iterator[str]:
    """The SQL conditions of a slice. `everything`: rows without a value belong to the first slice."""
    if column is None:
        return
    if stretch.first is not None:
        yield f"{column.read} >= {database.literal(stretch.first, column)}"
    if stretch.end is not None:
        end = f"{column.read} < {database.literal(stretch.end, column)}"
        nulls = everything and stretch.first is None and column.nullable
        yield f"({end} OR {column.read} IS NULL)" if nulls else end
