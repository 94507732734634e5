"""What a list shows of a value that may be large: what is larger than the bound stays in the database (rule 24)."""

from typing import Any

LARGEST_LISTED = 32_768
"""Bytes of a definition, result, config, error and the like that a list shows; `get` shows all of it."""


def is_large(place: str, largest: int = LARGEST_LISTED) -> str:
    """Whether the JSON column at `place` is larger, in SQL. What is stored small is not even measured."""
    return f"coalesce(pg_column_size({place}) > 400 AND octet_length({place}::text) > {largest:d}, false)"


def shown(place: str, otherwise: str, largest: int = LARGEST_LISTED) -> str:
    """The column as a list reads it: `otherwise`, which is SQL, where it is large."""
    return f"CASE WHEN {is_large(place, largest)} THEN {otherwise} ELSE {place} END"


def bounded(place: str, otherwise: str) -> str:
    """Two columns: `name`, and `name_cut`, which says whether it was too large; `place` is `alias.name`."""
    name = place.rpartition(".")[2]
    return f"{shown(place, otherwise)} AS {name}, {is_large(place)} AS {name}_cut"


def marks(cut: dict[str, Any]) -> dict[str, bool]:
    """`definitionTruncated` and its like, to stand beside what was left out: of names, those that were cut."""
    return {f"{name}Truncated": True for name, is_cut in cut.items() if is_cut}
