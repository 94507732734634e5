"""Remembers rows that were delivered and may come again (eight bytes of each), so that none is delivered twice."""

import base64
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import orjson

MOST_KNOWN = 500_000
"""How many rows of a resource are remembered from run to run. If there are more, the log has a warning."""

_SIZE = 8


def row_digest(row: Any) -> bytes:
    """A digest of a whole row."""
    try:
        text = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(row).encode()
    return blake2b(text, digest_size=_SIZE).digest()


def identity(row: Any, value: Any, by: Sequence[str] | None) -> bytes:
    """A digest of a row: of the columns of its key, else of the whole row."""
    if not by or not isinstance(row, dict):
        return row_digest(row)
    key = [row.get(name) for name in by]
    if any(part is None for part in key):
        return row_digest(row)
    return row_digest([*key, value])


def key_digest(row: Any, by: Sequence[str] | None) -> bytes | None:
    """A digest of a row's key alone. None if there is no key, or a part of it is missing."""
    if not by or not isinstance(row, dict) or any(row.get(name) is None for name in by):
        return None
    return row_digest([row[name] for name in by])


def packed(digests: Iterable[bytes]) -> str:
    return packed_in_order(sorted(digests))


def unpacked(text: str) -> set[bytes]:
    return set(unpacked_in_order(text))


def packed_in_order(digests: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(digests)).decode()


def unpacked_in_order(text: str) -> list[bytes]:
    whole = base64.b64decode(text)
    return [whole[first : first + _SIZE] for first in range(0, len(whole), _SIZE)]
