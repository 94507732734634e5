"""JSON as a source writes it."""

import json
import re
from typing import Any

import orjson

_BEYOND_64_BITS = re.compile(rb"\d{20}")


def parse(body: bytes) -> Any:
    """JSON; whole numbers of any length stay exact. Raises ValueError or RecursionError."""
    if _BEYOND_64_BITS.search(body):
        return json.loads(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)
