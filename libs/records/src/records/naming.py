"""What refers to an action, a connection or an automation may say its id or its slug (decision 3)."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID


def id_in(name: str) -> UUID | None:
    """The id that a name is; None for a slug."""
    try:
        return UUID(name)
    except ValueError:
        return None


def ids_in(names: Iterable[str]) -> list[UUID]:
    return [found for name in names if (found := id_in(name)) is not None]


def by_name(names: Iterable[str], rows: Iterable[Any]) -> Mapping[str, Any]:
    """Of rows with `id` and `slug` those that the names mean, an id before a slug; a name of nothing is left out."""
    known: dict[Any, Any] = {}
    for row in rows:
        known |= {row["slug"]: row, row["id"]: row}
    found = ((name, known.get(id_in(name)) or known.get(name)) for name in names)
    return {name: row for name, row in found if row is not None}
