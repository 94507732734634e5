"""What a tool tells is bounded: a model reads all of it, and pays for it (rule 24)."""

from typing import Any

import orjson

MOST_TOLD = 65_536
"""Bytes of the result of a tool, as JSON."""

_NOTE = 120
"""Bytes for the words that say what was left out."""


def text_of(value: Any, most: int = MOST_TOLD) -> str:
    """The value as JSON of at most so many bytes. What is left out is said where it stood."""
    room = most
    while len(text := orjson.dumps(fitted(value, room))) > most:
        room //= 2
        if room < _NOTE:
            return orjson.dumps({"…": f"{_size(value):,} bytes"}).decode()
    return text.decode()


def fitted(value: Any, most: int) -> Any:
    """The value, with texts, lists and objects shortened where it is larger than `most` bytes."""
    size = _size(value)
    if size <= most:
        return value
    if isinstance(value, str):
        return f"{_head(value, max(0, most - _NOTE))}… ({size:,} bytes in all)"
    if isinstance(value, list):
        return _list(value, most)
    return _object(value, most) if isinstance(value, dict) else str(value)[:most]


def _list(values: list[Any], most: int) -> list[Any]:
    kept: list[Any] = []
    room = most - _NOTE
    for one in values:
        size = _size(one) + 1
        if size > room:
            break
        kept.append(one)
        room -= size
    if not kept and values and room > _NOTE:
        kept.append(fitted(values[0], room))
    left = len(values) - len(kept)
    return [*kept, f"… and {left:,} more"] if left else kept


def _object(values: dict[str, Any], most: int) -> dict[str, Any]:
    """Small values stay whole; what is left of the room is shared by the large ones."""
    room = most - _NOTE
    sizes = {key: _size(value) + len(key.encode()) + 4 for key, value in values.items()}
    kept: dict[str, Any] = {}
    for number, key in enumerate(sorted(values, key=sizes.__getitem__)):
        share = room // (len(values) - number)
        around = len(key.encode()) + 4
        if sizes[key] > share and share < around + _NOTE:
            break
        kept[key] = values[key] if sizes[key] <= share else fitted(values[key], share - around)
        room -= min(sizes[key], max(share, around))
    told = {key: kept[key] for key in values if key in kept}
    left = len(values) - len(told)
    return told | {"…": f"{left:,} more fields"} if left else told


def _head(text: str, most: int) -> str:
    """The longest beginning, to a half of its length, that has so many bytes as JSON."""
    head = text[:most]
    while _size(head) > most + 2:
        head = head[: len(head) // 2]
    return head


def _size(value: Any) -> int:
    return len(orjson.dumps(value))
