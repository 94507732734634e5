"""Turns nested objects into columns: `attributes: {email}` becomes `attributes__email`, as dlt names it."""

from typing import Any

from vai_common.errors import ErrorCode, Permanent

_EVERY_LEVEL = 100


def flattened(rows: list[Any], flatten: bool | int) -> list[Any]:
    """The rows with so many levels of objects as columns. Lists and deeper values stay JSON text.

    Raises `Permanent` if a row already has a column of that name.
    """
    if flatten is False:
        return rows
    depth = _EVERY_LEVEL if flatten is True else flatten
    return [_flat(row, depth) if isinstance(row, dict) else row for row in rows]


def _flat(row: dict[str, Any], depth: int) -> dict[str, Any]:
    if not any(isinstance(value, dict) for value in row.values()):
        return row
    flat: dict[str, Any] = {}
    for name, value in row.items():
        parts = _flat(value, depth - 1).items() if isinstance(value, dict) and value and depth else None
        for column, inner in ((name, value),) if parts is None else ((f"{name}__{key}", part) for key, part in parts):
            if column in flat:
                text = f"flatten makes two columns of the name {column}: leave flatten out, or take fewer levels."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "flatten"})
            flat[column] = inner
    return flat
