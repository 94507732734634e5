"""The incremental cursor: how far the rows of a resource have come, and which of the newest were already there.

Sources answer "from this value on", the value itself included; the rows that stood there the last time are left out.
"""

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from dlt.common import jsonpath

from common.errors import ErrorCode, Permanent
from extract_worker.columns import instant
from extract_worker.state import Json
from records.definitions.resources import Incremental

_PLAIN_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_SEEN = 10_000


class Watermark:
    """`value` is the largest seen, as the source wrote it."""

    def __init__(self, incremental: Incremental, saved: Json | None, initial: Any) -> None:
        self._path = incremental.cursor_path
        self._plain = self._path.split(".") if _PLAIN_PATH.fullmatch(self._path) else None
        self.value: Any = saved["value"] if saved else initial
        self._key = None if self.value is None else self._comparable(self.value)
        self._seen: set[str] = set(saved["seen"]) if saved else set()
        self._newest: list[Any] = []

    def fresh(self, rows: list[Any]) -> list[Any]:
        """The rows that are new; moves the mark on. Raises `Permanent` where rows have no usable cursor."""
        values = [self._value_of(row) for row in rows]
        if rows and all(value is None for value in values):
            raise self._unusable("no row has it")
        start, seen = self._key, frozenset(self._seen)
        return [row for row, value in zip(rows, values, strict=True) if self._is_new(row, value, start, seen)]

    def state(self) -> Json | None:
        """For the checkpoint and for the next run; None before the first row."""
        if self.value is None:
            return None
        seen = self._seen | {_digest(row) for row in self._newest}
        return {"value": self.value, "seen": sorted(seen)[:_MOST_SEEN]}

    def _is_new(self, row: Any, value: Any, start: Any, seen: frozenset[str]) -> bool:
        if value is None:
            return True
        key = self._comparable(value)
        if start is not None and self._before(key, start):
            return False
        if seen and key == start and _digest(row) in seen:
            return False
        if self._key is None or self._before(self._key, key):
            self._key, self.value, self._newest, self._seen = key, value, [row], set()
        elif key == self._key:
            self._newest.append(row)
        return True

    def _before(self, one: Any, other: Any) -> bool:
        try:
            return bool(one < other)
        except TypeError as error:
            raise self._unusable(f"its values are of different kinds ({self.value!r:.60})") from error

    def _value_of(self, row: Any) -> Any:
        if self._plain is None:
            return next(iter(jsonpath.find_values(self._path, row)), None)
        for name in self._plain:
            row = row.get(name) if isinstance(row, dict) else None
        return row

    def _comparable(self, value: Any) -> Any:
        if isinstance(value, str) and _ISO.match(value):
            return as_instant(value) or value
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return value
        raise self._unusable(f"{value!r:.60} cannot be ordered")

    def _unusable(self, why: str) -> Permanent:
        text = f"The cursor_path {self._path} does not work: {why}. Name a field that rows have and that only grows."
        return Permanent(ErrorCode.DATA_ERROR, text, {"field": "incremental.cursor_path"})


def as_instant(value: Any) -> datetime | None:
    """A cursor's value as a moment, None where it is none."""
    try:
        return instant(value)
    except (ValueError, OverflowError, OSError):
        return None


def _digest(row: Any) -> str:
    try:
        text = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(row).encode()
    return blake2b(text, digest_size=8).hexdigest()
