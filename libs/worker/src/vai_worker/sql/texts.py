"""Turns a database's texts into columns of bronze. Nothing is rounded, cut or guessed.

If a value does not fit its column's type (NaN in a decimal, infinity in a date), this page's column is text.
"""

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from vai_records.lake.bronze_types import WIDEST_DECIMAL
from vai_worker.sql.relations import IN_TIME, Column, Form

Part: TypeAlias = "pa.Array | pa.ChunkedArray"

_PLAIN_NUMBER = r"^-?\d+(\.\d+)?$"
_USUAL_DATE = r"^(\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?: |$)"
_STEPS = (9, 18, 27, WIDEST_DECIMAL)
_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError)

_TYPES = {
    Form.BOOL: pa.bool_(),
    Form.WHOLE: pa.int64(),
    Form.UNSIGNED: pa.uint64(),
    Form.SINGLE: pa.float64(),
    Form.DOUBLE: pa.float64(),
    Form.DATE: pa.date32(),
    Form.LOCAL: pa.timestamp("us"),
    Form.INSTANT: pa.timestamp("us", tz="UTC"),
}


class Typing:
    """The types of one table. `nulled` counts the unusual dates that became null because the definition asks for
    that.
    """

    def __init__(self, unusual_dates: str = "text") -> None:
        self._nulls_dates = unusual_dates == "null"
        self.nulled: Counter[str] = Counter()

    def typed(self, texts: Part, column: Column) -> Part:
        """Texts (string, or binary if they may be no text) as the column's type. As text if one of them does not
        fit.
        """
        if column.form is Form.BINARY:
            return texts.cast(pa.binary())
        texts = decoded(texts)
        if pa.types.is_binary(texts.type):
            return texts
        if column.form in IN_TIME:
            return self._moments(texts, column)
        try:
            return _CONVERSIONS[column.form](texts, column)
        except _ERRORS:
            return texts

    def _moments(self, texts: Part, column: Column) -> Part:
        try:
            return _moments(texts, column)
        except _ERRORS:
            if not self._nulls_dates:
                return texts
        usual = pc.match_substring_regex(texts, _USUAL_DATE)
        kept = pc.if_else(usual, texts, pa.scalar(None, pa.string()))
        try:
            found = _moments(kept, column)
        except _ERRORS:  # 2024-02-30, which MySQL can be configured to accept
            found = _one_by_one(kept, column)
        self.nulled[column.name] += found.null_count - texts.null_count
        return found


def decoded(texts: Part) -> Part:
    """Bytes as text. They stay bytes if they are no text, which is possible in a database without an encoding."""
    if not pa.types.is_binary(texts.type):
        return texts
    try:
        return texts.cast(pa.string())
    except pa.ArrowInvalid:
        return texts


def arrow_type(column: Column) -> pa.DataType | None:
    """The type in which a whole column of texts is read at once. None: `Typing.typed` reads it."""
    if column.form is Form.DECIMAL and column.precision <= WIDEST_DECIMAL:
        return pa.decimal128(column.precision, column.scale)
    return pa.string() if column.form is Form.TEXT else _TYPES.get(column.form)


def _moments(texts: Part, column: Column) -> Part:
    if column.form is Form.DATE:
        return texts.cast(pa.date32())
    if column.form is Form.INSTANT:
        texts = pc.replace_substring_regex(texts, r"\+00$", "")
        return texts.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    return texts.cast(pa.timestamp("us"))


def _one_by_one(texts: Part, column: Column) -> Part:
    found: list[Part] = []
    for text in texts.to_pylist():
        one = pa.array([text], pa.string())
        try:
            found.append(_moments(one, column))
        except _ERRORS:
            found.append(pa.nulls(1, _TYPES[column.form]))
    return pa.chunked_array(found, _TYPES[column.form])


def _bool(texts: Part, column: Column) -> Part:
    return pc.equal(texts, "t")


def _simple(texts: Part, column: Column) -> Part:
    return texts.cast(_TYPES[column.form])


def _single(texts: Part, column: Column) -> Part:
    """The shortest text of a four-byte number, as Postgres writes it: 0.1, not 0.10000000149."""
    return texts.cast(pa.float64()).cast(pa.float32()).cast(pa.string()).cast(pa.float64())


def _decimal(texts: Part, column: Column) -> Part:
    if column.precision > WIDEST_DECIMAL:
        return _number(texts, column)
    return texts.cast(pa.decimal128(column.precision, column.scale))


def _number(texts: Part, column: Column) -> Part:
    """A decimal type with as many digits as the page needs, in steps, so that few pages differ. Raises ValueError if no
    type is wide enough.
    """
    there = texts.drop_null()
    if not len(there):
        return pa.nulls(len(texts), pa.null())
    if not pc.all(pc.match_substring_regex(there, _PLAIN_NUMBER)).as_py():
        raise ValueError
    point = pc.find_substring(there, ".")
    length = pc.utf8_length(there)
    scale = pc.max(pc.if_else(pc.equal(point, -1), 0, pc.subtract(pc.subtract(length, point), 1))).as_py()
    before = pc.max(pc.if_else(pc.equal(point, -1), length, point)).as_py()
    room = next((step for step in _STEPS if step >= before), 0)
    if before + scale > WIDEST_DECIMAL or not room:
        raise ValueError
    return texts.cast(pa.decimal128(min(room + scale, WIDEST_DECIMAL), scale))


def _hex(texts: Part, column: Column) -> Part:
    found = [None if text is None else bytes.fromhex(text.removeprefix("\\x")) for text in texts.to_pylist()]
    return pa.array(found, pa.binary())


def _text(texts: Part, column: Column) -> Part:
    return texts


def _untyped(texts: Part, column: Column) -> Part:
    """The types of a table without rows. With rows, the values decide."""
    return pa.nulls(len(texts))


_CONVERSIONS: dict[Form, Callable[[Part, Column], Part]] = {
    Form.BOOL: _bool,
    Form.WHOLE: _simple,
    Form.UNSIGNED: _simple,
    Form.SINGLE: _single,
    Form.DOUBLE: _simple,
    Form.DECIMAL: _decimal,
    Form.NUMBER: _number,
    Form.HEX: _hex,
    Form.TEXT: _text,
    Form.STORED: _untyped,
}
