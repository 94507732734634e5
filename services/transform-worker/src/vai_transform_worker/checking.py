"""Runs the checks of a transform on its new rows, before they are committed. So rows that break a check are never
visible.

Checks of single rows are counted together, in one pass. `unique`, `relationships` and `sql` need a pass each.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

import duckdb

from vai_common import clock
from vai_common.errors import ErrorCode, Permanent, RunError
from vai_records.definitions import transform_checks as kinds
from vai_records.definitions.transform_checks import Check
from vai_transform_worker.query.safety import refused
from vai_worker.reading.looking import first_rows
from vai_worker.reading.quoting import quoted, text

Json = dict[str, Any]

_LONGEST_VALUE, _LARGEST_SAMPLES = 200, 32_768
"""How many characters of one value, and of all values together, are shown. Events do not include a result above 64
KB.
"""

_MOST_NAMED = 10

_AHEAD = timedelta(days=1)
"""A value that is later does not make a table fresh."""


@dataclass(frozen=True)
class Found:
    """What a check found: the number of `rows` that break it, and some of them in `samples`. `said` is the finding if
    it is not about single rows.
    """

    name: str
    check: Check
    rows: int = 0
    said: str = ""
    samples: list[Json] = field(default_factory=list)

    @property
    def is_passed(self) -> bool:
        return not self.rows and not self.said

    @property
    def in_words(self) -> str:
        if self.is_passed:
            return "passed"
        return self.said or (f"{self.rows:,} row breaks it" if self.rows == 1 else f"{self.rows:,} rows break it")

    def as_json(self, with_samples: bool = True) -> Json:
        told: Json = {"name": self.name, "type": self.check.type, "severity": self.check.severity}
        told |= {"passed": self.is_passed, "failedRows": self.rows, "message": self.in_words}
        return told | ({"samples": self.samples} if with_samples and self.samples else {})


@dataclass(frozen=True)
class Checker:
    """`rows` is the relation of the new rows. `column_of` gives an input's column as a relation with the column
    `known`.

    `judged` checks the SQL of a check and returns SQL that may run. `failure` turns an error of DuckDB into the run's
    error.
    """

    connection: Any
    rows: str
    column_of: Callable[[str, str], str]
    judged: Callable[[str], str]
    failure: Callable[[Exception], RunError]
    shown: Callable[..., Json] = first_rows
    """Some rows of a relation, as JSON."""

    def run(self, checks: Sequence[Check]) -> list[Found]:
        """Run all checks, in order. Raises DATA_ERROR that names a check that cannot run."""
        named = list(zip(kinds.labels(checks), checks, strict=True))
        largest = _LARGEST_SAMPLES // max(1, len(checks))
        measures = self._measured(named)
        return [
            self._named(name, lambda c=check, n=name, m=measure: self._found(n, c, m, largest))  # type: ignore[misc]
            for (name, check), measure in zip(named, measures, strict=True)
        ]

    def judge(self, checks: Sequence[Check]) -> None:
        """Raises DATA_ERROR that names a check whose SQL cannot run. No row is read."""
        for name, check in zip(kinds.labels(checks), checks, strict=True):
            if isinstance(check, kinds.SqlCheck):
                self._named(name, lambda c=check: self.judged(c.sql))  # type: ignore[misc]

    def _measured(self, named: Sequence[tuple[str, Check]]) -> list[Any]:
        """The results of all checks that need only one pass over the rows. If one of them cannot run, each is run
        alone.
        """
        try:
            return self._measure([check for _, check in named])
        except (duckdb.Error, Permanent):
            return [self._named(name, lambda c=check: self._measure([c]))[0] for name, check in named]  # type: ignore[misc]

    def _measure(self, checks: Sequence[Check]) -> list[Any]:
        listed = ", ".join(_measure_of(check, self._texts) for check in checks)
        return list(self.connection.execute(f"SELECT {listed} FROM {self.rows}").fetchone() or ())

    @cached_property
    def _texts(self) -> frozenset[str]:
        return self._texts_of(self.rows)

    def _texts_of(self, relation: str) -> frozenset[str]:
        """The columns that hold texts, in lower case."""
        found = self.connection.sql(f"FROM {relation}")
        kinds_of = zip(found.columns, found.types, strict=True)
        return frozenset(name.lower() for name, kind in kinds_of if str(kind) == "VARCHAR")

    def _named(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (duckdb.Error, RunError) as error:
            fault = error if isinstance(error, RunError) else self.failure(error)
            if fault.retryable or fault.code is ErrorCode.TIMEOUT:
                raise fault from None
            message = f"The check {name} cannot run: {fault.message}"
            raise Permanent(fault.code, message, fault.details | {"check": name}) from None

    def _found(self, name: str, check: Check, measure: Any, largest: int) -> Found:
        if isinstance(check, kinds.RowCount):
            return Found(name, check, said=_of_count(check, measure))
        if isinstance(check, kinds.Freshness):
            return Found(name, check, said=_of_age(check, measure))
        if (breaks := _breaks(check, self._texts)) is not None:
            bad, rows = f"(SELECT * FROM {self.rows} WHERE {breaks})", measure
        else:
            bad = self._bad(check)
            found = self.connection.execute(f"SELECT count(*) FROM {bad}").fetchone()
            rows = found[0] if found else 0
        if not rows or not check.samples:
            return Found(name, check, rows)
        shown = self.shown(self.connection, bad, check.samples, _LONGEST_VALUE, largest)
        return Found(name, check, rows, samples=shown["rows"])

    def _bad(self, check: Check) -> str:
        """The rows that break a check, as a relation."""
        if isinstance(check, kinds.Unique):
            columns = ", ".join(map(quoted, check.columns))
            there = " AND ".join(f"{quoted(each)} IS NOT NULL" for each in check.columns)
            twice = f"SELECT {columns} FROM {self.rows} WHERE {there} GROUP BY {columns} HAVING count(*) > 1"
            return f"(SELECT r.* FROM {self.rows} r SEMI JOIN ({twice}) t USING ({columns}))"
        if isinstance(check, kinds.Relationships):
            column, others = quoted(check.column), self.column_of(check.to.lower(), check.field or check.column)
            ours, theirs = f"r.{column}", "o.known"
            if self._texts_of(others) != self._texts_of(f"(SELECT {column} AS known FROM {self.rows})"):
                ours, theirs = f"{ours}::VARCHAR", f"{theirs}::VARCHAR"  # 007 is not 7
            joined = f"{self.rows} r ANTI JOIN {others} o ON {ours} = {theirs}"
            return f"(SELECT r.* FROM {joined} WHERE r.{column} IS NOT NULL)"
        assert isinstance(check, kinds.SqlCheck)
        return f"({self.judged(check.sql)}\n)"


def broken(found: Sequence[Found]) -> Permanent | None:
    """The error of a run if checks with the severity `error` are broken. It names them."""
    failed = [each for each in found if not each.is_passed and each.check.severity == "error"]
    if not failed:
        return None
    listed = "; ".join(f"{each.name}: {each.in_words}" for each in failed[:_MOST_NAMED])
    more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    what = "A check is" if len(failed) == 1 else f"{len(failed)} checks are"
    message = f"{what} broken, so nothing was written. {listed}{more}. Correct the data or the SQL, or let it warn"
    return refused(message, check=failed[0].name, checks=[each.as_json() for each in found])


def _measure_of(check: Check, texts: Container[str]) -> str:
    if isinstance(check, kinds.RowCount):
        return "count(*)"
    if isinstance(check, kinds.Freshness):
        moment = f"{quoted(check.column)}::TIMESTAMPTZ"
        soon = (clock.now() + _AHEAD).isoformat()
        return f"epoch(max({moment}) FILTER ({moment} <= TIMESTAMPTZ '{soon}'))"
    breaks = _breaks(check, texts)
    return "NULL" if breaks is None else f"count_if({breaks})"


def _breaks(check: Check, texts: Container[str]) -> str | None:
    """The SQL condition for a single row that breaks the check. None if the check is not about single rows.

    `texts` are the columns that hold texts.
    """
    if isinstance(check, kinds.NotNull):
        return " OR ".join(f"{quoted(each)} IS NULL" for each in check.columns)
    if isinstance(check, kinds.AcceptedValues):
        is_text = check.column.lower() in texts
        return f"{quoted(check.column)} NOT IN ({', '.join(_literal(each, is_text) for each in check.values)})"
    return None


def _literal(value: str | bool | int | float, is_text: bool) -> str:
    """A text is compared with texts: `01` is not 1."""
    if isinstance(value, str):
        return text(value)
    return text(str(value).lower()) if is_text else str(value).lower()


def _of_count(check: kinds.RowCount, count: int) -> str:
    if check.min is not None and count < check.min:
        return f"there are {count:,} new rows, and at least {check.min:,} are wanted"
    if check.max is not None and count > check.max:
        return f"there are {count:,} new rows, and at most {check.max:,} are wanted"
    return ""


def _of_age(check: kinds.Freshness, newest: float | None) -> str:
    if newest is None:
        return f"no row has a value in {check.column} that is no later than tomorrow"
    age = clock.now().timestamp() - newest
    if age <= check.max_age_seconds:
        return ""
    return f"the newest {check.column} is {age:,.0f} s old, and at most {check.max_age_seconds:,.0f} s are wanted"
