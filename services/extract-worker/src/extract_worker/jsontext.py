"""JSON as a source writes it, and as bronze keeps it."""

import json
from typing import Any

import orjson

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_BEYOND_64_BITS = b"0" * 20


def parse(body: bytes) -> Any:
    """JSON; whole numbers of any length stay exact. Raises ValueError or RecursionError."""
    if _BEYOND_64_BITS in body.translate(_DIGITS):
        return json.loads(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def compact(value: Any) -> str:
    """A value as JSON text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
