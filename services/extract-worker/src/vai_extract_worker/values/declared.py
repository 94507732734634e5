"""Converts values to the types that a resource declares. Errors name the row of a value that does not fit, never the
value.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.values.jsontext import as_text, compact, encodable

_ERRORS = (ValueError, TypeError, OverflowError, InvalidOperation, pa.ArrowInvalid, pa.ArrowNotImplementedError)
_TRUTH = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
_EXACT = Context(prec=100)
_LONGEST = 400
"""The largest number of characters of a number."""
_DIGITS = 40
"""More digits than the whole numbers of any column type have."""

_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.0{3})+")
"""Texts such as 1.000, which mean a thousand in some countries."""

_TEXTS = frozenset((str, type(None)))

_DECIMAL = re.compile(r"decimal\((\d+)(?:, ?(\d+))?\)")


def type_of(kind: str) -> pa.DataType:
    """The Arrow type of a declared one."""
    if found := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(found[1]), int(found[2] or 0))
    return _TYPES[kind]


def declared(kind: str, values: Sequence[Any]) -> tuple[pa.Array, list[int]]:
    """The values in a declared type, null for those that do not fit, and the indexes of these."""
    target = type_of(kind)
    is_decimal = pa.types.is_decimal(target)
    convert = partial(_decimal, target) if is_decimal else _CONVERSIONS[kind]
    try:
        if is_decimal and _TEXTS.issuperset(map(type, values)):
            return _quick(kind, pa.array(values, pa.string())), []
        return pa.array([None if value is None else convert(value) for value in values], target), []
    except _ERRORS:
        return _one_by_one(convert, values, target)


def _one_by_one(
    convert: Callable[[Any], Any], values: Sequence[Any], target: pa.DataType
) -> tuple[pa.Array, list[int]]:
    found: list[Any] = []
    unfit: list[int] = []
    for index, value in enumerate(values):
        try:
            converted = None if value is None else convert(value)
            pa.scalar(converted, target)  # a Python number may not fit there
        except _ERRORS:
            unfit.append(index)
            converted = None
        found.append(converted)
    return pa.array(found, target), unfit


def declared_texts(kind: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[int]]:
    """The same for a column of text, fast if all of it fits."""
    if type_of(kind) == pa.string():
        return column, []
    try:
        return _quick(kind, column), []
    except _ERRORS:
        array, unfit = declared(kind, column.to_pylist())
        return pa.chunked_array([array]), unfit


def _quick(kind: str, column: Any) -> Any:
    """An array, or a chunked array, of texts. Raises where one of them has to be looked at by itself."""
    if kind.startswith("decimal") and pc.any(pc.match_substring(column, "e", ignore_case=True)).as_py():
        raise ValueError  # Arrow takes 1e-39 for 0
    if kind == "bigint" and pc.any(pc.match_substring(column, "x", ignore_case=True)).as_py():
        raise ValueError  # Arrow takes 0x10 for 16
    if kind == "bool" and not pc.all(pc.is_in(column.drop_null(), pa.array(["true", "false"]))).as_py():
        raise ValueError
    if kind == "timestamp":
        return column.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))  # raises where a text has a zone
    found = column.cast(type_of(kind))
    if kind == "double" and pc.any(pc.is_inf(found)).as_py():
        raise ValueError
    return found


def unfit_error(name: str, kind: str, place: str, details: dict[str, Any]) -> Permanent:
    """The error for a value that does not fit its declared type. `place` says where it stands."""
    other = "timestamp where it has a time, else text" if kind == "date" else "text"
    text = (
        f"The column {name} is declared {kind}, and {place} has a value that does not fit. "
        f"Declare it {other}, correct the source, or set on_bad_row to reject where it reads files."
    )
    return Permanent(ErrorCode.DATA_ERROR, text, {"column": name, "type": kind} | details)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    if isinstance(value, str):  # 5.0 is whole: pandas writes integers so where one of them is null
        if _GROUPS.fullmatch(value.strip()):
            raise ValueError  # a thousand, or one
        value = Decimal(_plain(value))
        if not value.is_finite() or value.adjusted() > _DIGITS:
            raise ValueError
    found = int(value)
    if isinstance(value, Decimal) and found != value:
        raise ValueError
    return found


def _plain(value: Any) -> Any:
    """A number, unchanged. Raises ValueError for a boolean, and for texts such as 1_000 that only Python accepts."""
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, str) and ("_" in value or len(value) > _LONGEST or not value.isascii()):
        raise ValueError
    return value


def _double(value: Any) -> float:
    found = float(_plain(value))
    if found in (float("inf"), float("-inf")) and "inf" not in str(value).lower():
        raise ValueError
    return found


def _decimal(target: pa.DataType, value: Any) -> Decimal:
    found = Decimal(str(value) if isinstance(value, float) else _plain(value))
    if not found.is_finite() or (placed := found.quantize(Decimal(1).scaleb(-target.scale), context=_EXACT)) != found:
        raise ValueError
    return placed


def _truth(value: Any) -> bool:
    word = str(value).lower()
    if word not in _TRUTH:
        raise ValueError
    return _TRUTH[word]


def instant(value: Any) -> datetime:
    """ISO 8601 (UTC if it names no zone) or seconds since 1970 as an instant. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _kept_instant(value: Any) -> datetime:
    if isinstance(value, str) and _FINER.search(value):
        raise ValueError  # microseconds cannot hold it
    return instant(value)


_FINER = re.compile(r"[.,]\d{6}\d*[1-9]")


def _day(value: Any) -> date:
    """A day, or an instant at midnight (in UTC if it names a zone). Raises ValueError for any other time of day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    text = str(value)
    if isinstance(value, str) and len(text) == 10:
        return date.fromisoformat(text)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(text)
    if found.time() != time.min or found.utcoffset() or (isinstance(value, str) and _PART_OF_SECOND.search(text)):
        raise ValueError
    return found.date()


_PART_OF_SECOND = re.compile(r"[.,]\d*[1-9]")


def _json(value: Any) -> str:
    return encodable(compact(value))


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "text": as_text,
    "json": _json,
    "bigint": _whole,
    "double": _double,
    "bool": _truth,
    "date": _day,
    "timestamp": _kept_instant,
}
_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
