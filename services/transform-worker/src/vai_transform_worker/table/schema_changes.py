"""How a table's columns change by a write: added, dropped, or with another type."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from vai_transform_worker.query.safety import refused
from vai_transform_worker.table.fitting import meet

Change = dict[str, str]


def changes(before: Mapping[str, str], after: Mapping[str, str], kept: Container[str] = ()) -> list[Change]:
    """The changes from the columns of a table to those afterwards: names and types. Empty if the table is new.

    `kept` are columns, in lower case, that have only NULLs afterwards. They do not count as dropped.
    """
    if not before:
        return []
    there = {name.lower(): name for name in before}
    left = {name.lower() for name in after}
    found: list[Change] = []
    for name, kind in after.items():
        known = there.get(name.lower())
        if known is None:
            found.append({"change": "added", "column": name, "to": kind})
        elif before[known] != kind:
            found.append({"change": "retyped", "column": known, "from": before[known], "to": kind})
    gone = [name for name in before if name.lower() not in left and name.lower() not in kept]
    return found + [{"change": "dropped", "column": name, "from": before[name]} for name in gone]


def merged(before: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a table after rows were merged into it, with DuckDB's types."""
    there = {name.lower(): name for name in before}
    after = {name: str(kind) for name, kind in before.items()}
    for name, kind in rows.items():
        known = there.get(name.lower())
        after[known or name] = str(kind) if known is None else meet(kind, before[known]) or after[known]
    return after


def refuse(table: str, found: Sequence[Change]) -> None:
    """Raises DATA_ERROR that names the columns."""
    if found:
        message = (
            f"The columns of {table} would change ({in_words(found)}), and on_schema_change is fail: nothing was "
            "written. Correct the SQL, or allow it"
        )
        raise refused(message, table=table, schema_changes=list(found))


def in_words(found: Sequence[Change]) -> str:
    """`a added, b dropped, c BIGINT to VARCHAR`."""
    words = [
        f"{each['column']} {each['from']} to {each['to']}"
        if each["change"] == "retyped"
        else f"{each['column']} {each['change']}"
        for each in found[:20]
    ]
    return ", ".join(words) + (f" and {len(found) - 20} more" if len(found) > 20 else "")
