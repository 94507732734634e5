"""Finds the new rows of a table: those from a column's saved value on. The database itself compares the values.

Rows with exactly the saved value are recognised by a digest of the whole row. So a row that comes late with the same
value is delivered, and none is delivered twice. Rows without a value, or with a time after tomorrow, are treated
separately: they do not move the cursor, and each is delivered once.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.increments.cursor_values import before, key_of, written
from vai_extract_worker.progress import Json
from vai_extract_worker.sql import cuts
from vai_extract_worker.sql.cuts import Stretch
from vai_extract_worker.values.known_rows import MOST_KNOWN, packed, unpacked
from vai_records.definitions.sources.sql_resources import SqlIncremental
from vai_worker.sql.relations import IN_TIME, Column, Database, Form, Relation, from_clause

_DIGEST_BYTES = 8


class SqlCursor:
    """The cursor of one table in one attempt. `plan` was made by the run's first attempt and stays the same."""

    def __init__(
        self, database: Database, relation: Relation, column: Column, asked: SqlIncremental, saved: Json | None
    ) -> None:
        self.column = column
        self._database, self._relation, self._asked = database, relation, asked
        self._refuse_another_column(saved)
        self._prior = saved or {}
        self._known = unpacked(self._prior.get("known", ""))
        self._known_apart = unpacked(self._prior.get("apart", ""))
        self._met: set[bytes] = set()
        self._apart: set[bytes] = set()
        self._alike: Counter[bytes] = Counter()
        self._plan: Json = {}
        self._reached: str | None = None
        self.forgotten = 0
        self.left_out = 0

    # The plan --------------------------------------------------------------------------------------------------------

    def plan(self, start: datetime | None) -> Json:
        """Decide where this run begins and ends."""
        after = self._prior.get("value") or self._initial(start)
        horizon = self._one(self._database.soon(self.column))
        if after and horizon and self._prior.get("value") and self._is_ahead(after):
            after = self._one(self._database.soon(self.column))
        self._plan = {"after": after, "horizon": horizon, "by": self.column.name}
        conditions = [self._from(after), *self._below(horizon), *self._before_end()]
        self._plan["upto"] = self._largest(conditions) or after
        self._count_missing()
        return self._plan

    def go_on(self, plan: Json, reached: Json | None) -> None:
        """Go on with the plan of an earlier attempt, from where it has come to."""
        self._plan = plan
        if reached:
            self._reached = reached.get("value")
            self._met, self._apart = unpacked(reached["known"]), unpacked(reached["apart"])

    def new_rows(self) -> str:
        """The SQL condition for the rows that are cut into slices."""
        return " AND ".join(self._main()) or "1 = 1"

    @property
    def has_apart(self) -> bool:
        return self._asked.on_cursor_value_missing == "include" and bool(self._apart_condition())

    # One slice -------------------------------------------------------------------------------------------------------

    def where(self, stretch: Stretch) -> str:
        if stretch.apart:
            return self._apart_condition()
        return " AND ".join([*self._main(), *cuts.within(self._database, stretch, self.column, everything=False)])

    def marked(self, stretch: Stretch) -> str:
        """The SQL conditions for rows that may be known already, and for rows that the next run must recognise."""
        if stretch.apart:
            return "1 = 1"
        if self._is_exclusive:
            return ""
        read, marks = self.column.read, []
        if (after := self._plan["after"]) is not None and self._prior.get("value"):
            marks.append(f"{read} <= {self._literal(after)}")
        if (ahead := self._prior.get("ahead")) is not None and self._known_apart:
            marks.append(f"{read} > {self._literal(ahead)}")
        end = stretch.end or self._plan["upto"]
        if end is not None and (stretch.end is None or self._asked.lag):
            marks.append(f"{read} >= {self._literal(self._lower(end))}")
        return " OR ".join(marks)

    def fresh(self, table: pa.Table, marks: "pa.Array | pa.ChunkedArray | None", stretch: Stretch) -> pa.Table:
        """Return the new rows, and remember those that the next run must recognise."""
        if marks is None or marks.null_count == len(marks):
            return table
        kept = []
        seen = self._known | self._known_apart
        for mark in marks.to_pylist():
            digest = None if mark is None else self._digest(mark)
            kept.append(digest is None or digest not in seen)
            if digest is not None:
                self._remember(digest, self._apart if stretch.apart else self._met)
        return table if all(kept) else table.filter(pa.array(kept))

    def _digest(self, mark: Any) -> bytes:
        """A digest of a whole row. Equal rows, which are always in one slice, get different digests."""
        text = mark if isinstance(mark, bytes) else str(mark).encode()
        digest = blake2b(text, digest_size=_DIGEST_BYTES).digest()
        if len(self._alike) < MOST_KNOWN or digest in self._alike:
            self._alike[digest] += 1
        if (count := self._alike[digest]) <= 1:
            return digest
        return blake2b(text + b"#%d" % count, digest_size=_DIGEST_BYTES).digest()

    def ended(self, stretch: Stretch) -> None:
        """Called when a slice has been read."""
        self._alike.clear()
        self._reached = self._reached if stretch.apart else (stretch.end or self._plan["upto"])

    def state(self, complete: bool) -> Json | None:
        """The cursor for the next run. None if no row was ever seen."""
        value = self._plan["upto"] if complete else self._passed()
        known = self._met if complete else self._met | self._known
        apart = self._apart if complete and self.has_apart else self._apart | self._known_apart
        if value is None and not apart:
            return None
        ahead = self._plan["horizon"] if complete else self._prior.get("ahead")
        return {
            "value": value,
            "by": self.column.name,
            "of": self._relation.shown,
            "known": packed(known),
            "apart": packed(apart),
            "ahead": ahead,
        }

    def _passed(self) -> str | None:
        """Where it stands. Slices within the lag lie before the value that the run began with: it does not go back."""
        after, reached = self._plan["after"], self._reached
        if after is None or reached is None or self._asked.lag is None:
            return reached
        begun, now = (key_of(self._database.plain(value)) for value in (after, reached))
        return after if begun > now else reached  # type: ignore[operator]

    # Conditions ------------------------------------------------------------------------------------------------------

    def _main(self) -> list[str]:
        read, upto = self.column.read, self._plan["upto"]
        if upto is None:
            return ["1 = 0"]
        return [*filter(None, [self._from(self._plan["after"])]), f"{read} <= {self._literal(upto)}"] + [
            condition for condition in self._before_end() if condition
        ]

    def _from(self, after: str | None) -> str:
        if after is None:
            return ""
        if not self._prior.get("value"):
            return f"{self.column.read} >= {self._literal(after)}"
        if self._is_exclusive:
            return f"{self.column.read} > {self._literal(after)}"
        return f"{self.column.read} >= {self._literal(self._lower(after))}"

    def _below(self, horizon: str | None) -> list[str]:
        return [f"{self.column.read} <= {self._literal(horizon)}"] if horizon is not None else []

    def _before_end(self) -> list[str]:
        end = self._asked.end_value
        return [] if end is None else [f"{self.column.read} < {self._literal(self._database.given(end))}"]

    def _apart_condition(self) -> str:
        read, horizon = self.column.read, self._plan["horizon"]
        found = [f"{read} IS NULL"] if self.column.nullable else []
        if horizon is not None and self._asked.end_value is None:
            found.append(f"{read} > {self._literal(horizon)}")
        return f"({' OR '.join(found)})" if found else ""

    @property
    def _is_exclusive(self) -> bool:
        """Whether values are unique. Then no row can come late with the saved value."""
        return self._asked.lag is None and self._relation.key == (self.column,)

    def _lower(self, value: str) -> str:
        if self._asked.lag is None:
            return value
        plain = self._database.plain(value)
        try:
            low = written(before(key_of(plain), self._asked.lag), plain)
        except ValueError:
            text = f"{self.column.name} has no lag: it is neither a number nor a time. Leave incremental.lag out."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.lag"}) from None
        return self._database.given(low)

    # Values ----------------------------------------------------------------------------------------------------------

    def _initial(self, start: datetime | None) -> str | None:
        if self._asked.initial_value is not None:
            return self._database.given(self._asked.initial_value)
        if start is None or self.column.form not in (*IN_TIME, Form.STORED):
            return None
        return self._database.given(cuts.written(start, self.column))

    def _largest(self, conditions: Iterable[str]) -> str | None:
        read = self.column.read
        where = " AND ".join(filter(None, [*conditions, f"{read} IS NOT NULL"]))
        largest, source = self._database.text(read, self.column), from_clause(self._database, self._relation)
        found = self._database.fetch(
            f"SELECT {largest} AS vai_value FROM {source} WHERE {where} ORDER BY {read} DESC LIMIT 1"
        )
        value = str(found[0][0]) if found else None
        if value in ("NaN", "Infinity"):
            text = f"{self._relation.shown}.{self.column.name} has the value {value}, after which nothing comes. "
            raise Permanent(ErrorCode.DATA_ERROR, text + "Take another column.", {"column": self.column.name})
        return value

    def _is_ahead(self, value: str) -> bool:
        soon = self._database.soon(self.column)
        ((found, *_),) = self._database.fetch(f"SELECT CASE WHEN {self._literal(value)} > {soon} THEN 1 ELSE 0 END")
        return str(found) == "1"

    def _one(self, expression: str | None) -> str | None:
        if expression is None:
            return None
        ((value, *_),) = self._database.fetch(f"SELECT {self._database.text(expression, self.column)}")
        return None if value is None else str(value)

    def _count_missing(self) -> None:
        if self._asked.on_cursor_value_missing == "include" or not (condition := self._apart_condition()):
            return
        source = from_clause(self._database, self._relation)
        ((count, *_),) = self._database.fetch(f"SELECT count(*) FROM {source} WHERE {condition}")
        self.left_out = int(count or 0)
        if self.left_out and self._asked.on_cursor_value_missing == "raise":
            text = f"{self.left_out:,} rows of {self._relation.shown} have no {self.column.name}, or a future one, "
            text += "and on_cursor_value_missing is raise: correct them, or take include or exclude."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"column": self.column.name})

    def _literal(self, value: str) -> str:
        return self._database.literal(value, self.column)

    def _remember(self, digest: bytes, among: set[bytes]) -> None:
        if len(among) < MOST_KNOWN or digest in among:
            among.add(digest)
        else:
            self.forgotten += 1

    def _refuse_another_column(self, saved: Json | None) -> None:
        earlier = (saved or {}).get("by")
        of = (saved or {}).get("of")
        if of not in (None, self._relation.shown):
            text = f"The cursor was saved of {of}, and this is {self._relation.shown}: give the two resources names of "
            text += "their own, or extract once with incremental: false, which begins a new cursor."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "resources"})
        if earlier not in (None, self.column.name):
            text = f"The cursor was saved of {earlier}, and cursor_path is {self.column.name} now. Extract once with "
            text += f"incremental: false, which begins a new cursor, or name {earlier} again."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.cursor_path"})
