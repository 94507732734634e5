"""The types of a csv file's columns: decided once for the whole file, so that each value can be written back as its
text was.

`BIGINT` are whole numbers of at most 18 digits, `DECIMAL` fractions that all have the same number of decimal places,
`BOOLEAN` the words `true` and `false`. A plus, an exponent, a leading zero or a minus before nothing but zeros keep a
column text, and so do mixed places and mixed kinds; dates and times are text until they are declared. Only an empty
field (and a null word that the resource names) is null.

Because nothing is lost, no second look at the file is needed: what was stored as a number before the file turned out to
be text reads as the text that it was, whatever the size of a block.
"""

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from vai_records.lake.bronze_types import BIGINT, NULL, TEXT

BOOLEAN = "BOOLEAN"
_NARROW, _WIDE = 18, 38
_WHOLE = re.compile(r"(?:0|-?[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.([0-9]+)")
_LOOKED_AT = 50
"""How many values are looked at first. They are enough to recognise most columns of text."""


class CsvTypes:
    """The types of one file's columns, as far as the file was read. `state` goes into the checkpoint."""

    def __init__(self, state: Mapping[str, str] | None = None, all_text: bool = False) -> None:
        self._kinds = dict(state or {})
        self._all_text = all_text

    @property
    def state(self) -> dict[str, str]:
        """{column: type}, by DuckDB's names."""
        return self._kinds

    def typed(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The next block of a column, with the type that the column has from here on."""
        before = TEXT if self._all_text else self._kinds.get(name, NULL)
        kind = before if before == TEXT else _both(before, _kind_of(column))
        self._kinds[name] = kind
        return _cast(column, kind)


def _both(before: str, found: str) -> str:
    if NULL in (before, found) or before == found:
        return found if before == NULL else before
    if before.startswith("DECIMAL") and found.startswith("DECIMAL") and _scale(before) == _scale(found):
        return max(before, found)
    return TEXT


def _scale(kind: str) -> int:
    return int(kind.partition(",")[2].rstrip(")"))


def _kind_of(column: pa.ChunkedArray) -> str:
    if column.null_count == len(column):
        return NULL
    values = column.drop_null() if column.null_count else column
    first = values.slice(0, _LOOKED_AT).to_pylist()
    if all(map(_WHOLE.fullmatch, first)):
        return BIGINT if _are_whole(values) else TEXT
    if found := _FRACTION.fullmatch(first[0]):
        return _decimal(values, len(found[1]))
    if all(value in ("true", "false") for value in first):
        return BOOLEAN if pc.all(pc.is_in(values, pa.array(["true", "false"]))).as_py() else TEXT
    return TEXT


def _are_whole(values: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, f"^{_WHOLE.pattern}$")).as_py())


def _decimal(values: pa.ChunkedArray, scale: int) -> str:
    """Numbers with `scale` decimal places. A zero with a minus is not one of them: the minus would be lost."""
    longest = pc.max(pc.binary_length(values)).as_py() - 1
    if longest > _WIDE:
        return TEXT
    if not pc.all(pc.match_substring_regex(values, rf"^-?(?:0|[1-9][0-9]*)\.[0-9]{{{scale}}}$")).as_py():
        return TEXT
    if pc.any(pc.starts_with(values, "-0")).as_py() and pc.any(pc.equal(values, f"-0.{'0' * scale}")).as_py():
        return TEXT
    return f"DECIMAL({_NARROW if longest <= _NARROW else _WIDE},{scale})"


def _cast(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    if kind == TEXT:
        return column
    if kind == NULL:
        return pa.chunked_array([pa.nulls(len(column))])
    if kind == BIGINT:
        return column.cast(pa.int64())
    if kind == BOOLEAN:
        return column.cast(pa.bool_())
    precision = _NARROW if kind.startswith(f"DECIMAL({_NARROW},") else _WIDE
    return column.cast(pa.decimal128(precision, _scale(kind)))
