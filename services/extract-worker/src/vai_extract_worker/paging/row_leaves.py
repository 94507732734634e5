"""The single values of a row by their places, and the values at one place in all rows of a page."""

from collections.abc import Iterator
from typing import Any, Final

_DEEPEST: Final = 4

Path = tuple[str, ...]


def leaves(row: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each place of the row that has a single value, with this value."""
    if isinstance(row, dict) and len(path) < _DEEPEST:
        for name, value in row.items():
            yield from leaves(value, (*path, name))
    elif path:
        yield path, row


def at(row: Any, path: Path) -> Any:
    """The value of a row at a place. None if there is none."""
    for name in path:
        if not isinstance(row, dict):
            return None
        row = row.get(name)
    return row


def column(rows: list[Any], path: Path) -> list[Any]:
    """The values of all rows at a place."""
    if len(path) > 1:
        return [at(row, path) for row in rows]
    name = path[0]
    return [row.get(name) if isinstance(row, dict) else None for row in rows]
