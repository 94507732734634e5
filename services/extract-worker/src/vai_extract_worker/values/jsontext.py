"""Reads and writes JSON without changing a number: one that no type holds exactly stays text."""

import json
import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import orjson

from vai_common.errors import ErrorCode, Permanent

_DIGITS = bytes.maketrans(b"123456789.E+", b"0000000000e-")
_LONG = b"0" * 17
"""Numbers with fewer digits are exact, as a double and as a 64-bit integer."""

_FAR = (b"e000", b"e-000")
_NUMBERS = re.compile(rb"(?<![\w\"'.+-])-?\d[\d.]{16,}(?:[eE][+-]?\d+)?|(?:^|[:\[,\s])-?\d[\d.]*[eE][+-]?\d{3,}")


class Digits(str):
    """A number that is kept as it was written."""

    __slots__ = ()


class NoNumber(float):
    """`NaN` or `Infinity`, which JSON should not have: a float in a column, a word within nested values."""

    __slots__ = ()


def parse(body: bytes) -> Any:
    """Parse JSON. A number that no type holds exactly becomes `Digits`. Raises ValueError or RecursionError."""
    if not is_plain(body) and not _are_held(body):
        return json.loads(body, parse_float=_number, parse_constant=NoNumber)
    return parse_plain(body)


def parse_plain(body: bytes) -> Any:
    """The same for a body that `is_plain`, or for a part of one."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body, parse_float=_number, parse_constant=NoNumber)


def is_plain(body: bytes) -> bool:
    """Whether all numbers are short and small enough for any type. This check is cheap even for a large body."""
    zeros = body.translate(_DIGITS)
    return not (_LONG in zeros or any(far in zeros for far in _FAR))


def _are_held(body: bytes) -> bool:
    """Whether a 64-bit integer or a double holds each long or large number exactly.

    Most of what looks like one stands within a text, such as a UUID: what is outside of texts is looked at.
    """
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")
    body = b'"'.join(body.split(b'"')[::2])
    if is_plain(body):
        return True
    for found in _NUMBERS.finditer(body):
        text = found[0].lstrip(b":[, \t\r\n").decode()
        if not re.search(r"[.eE]", text):
            if not -(2**63) <= int(text) < 2**64:
                return False
        elif not isinstance(_number(text), float):
            return False
    return True


def _number(text: str) -> float | Digits:
    """A double if it can be written back as the same number, else the text."""
    found = float(text)
    if len(text) <= 16 and "e" not in text and "E" not in text:
        return found
    try:
        return found if Decimal(repr(found)) == Decimal(text) else Digits(text)
    except ArithmeticError:
        return Digits(text)


DECODER = json.JSONDecoder(parse_float=_number, parse_constant=NoNumber)
"""A decoder for text that is read value by value."""


def compact(value: Any) -> str:
    """A value as JSON text. A plain float that is no number would become null: see `worded`.

    Raises `Permanent` (DATA_ERROR) for a value that is nested too deep.
    """
    try:
        return orjson.dumps(value, _other, orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except TypeError:
        return _long_way(value)


def worded(value: Any) -> Any:
    """The value with words instead of floats that are no numbers, for which orjson would write null."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {key: worded(inner) for key, inner in value.items()}
    return [worded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _long_way(value: Any) -> str:
    try:
        try:
            return _dumped(value)
        except ValueError:  # a float that is no number; the walk takes two frames a level, so it is the exception
            return _dumped(worded(value))
    except RecursionError:
        text = "A value is nested too deep to be kept: about 900 levels are possible. Leave it out at the source."
        raise Permanent(ErrorCode.DATA_ERROR, text) from None


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain, separators=(",", ":"))


def _other(value: Any) -> Any:
    if isinstance(value, Digits):
        return orjson.Fragment(str(value))
    if isinstance(value, NoNumber):
        return repr(value)
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return dict(value) if isinstance(value, dict) else str(value)


def as_text(value: Any) -> str | None:
    """A value as text for a column of mixed types. It is written as DuckDB casts it, since readers may cast, too.

    Nested values as JSON, bytes as hexadecimal.
    """
    if value is None:
        return None
    kind = type(value)
    if kind is dict or kind is list:
        text = compact(value)
        return text if text.isascii() else encodable(text)
    if isinstance(value, str):
        return value if value.isascii() else encodable(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date | time):
        return _moment(value)
    text = compact(value)
    return text if text.isascii() else encodable(text)


def _moment(value: date | time) -> str:
    zone = ""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value, zone = value.astimezone(UTC).replace(tzinfo=None), "+00"
    text = str(value)
    return (text.rstrip("0") if "." in text else text) + zone


def encodable(text: str) -> str:
    """Replace halves of characters, which JSON can escape and no file can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
