"""Checks that the SQL of a merge gives its keys, each with a type."""

from collections.abc import Sequence
from typing import Any

from vai_transform_worker.query.safety import refused
from vai_worker.reading.quoting import quoted


def check_given(keys: Sequence[str], names: Sequence[str]) -> None:
    """Raises DATA_ERROR for a key that is not in the columns `names`."""
    there = {name.lower() for name in names}
    for key in keys:
        if key.lower() not in there:
            message = f"merge_keys names {key!r}, which the SQL does not give; it gives {', '.join(names[:50])}"
            raise refused(message, merge_key=key)


def check(keys: Sequence[str], names: Sequence[str], untyped: Sequence[str]) -> None:
    """The same, also for a key that is NULL without a type."""
    check_given(keys, names)
    without_type = {name.lower() for name in untyped}
    for key in keys:
        if key.lower() in without_type:
            message = f"merge_keys names {key!r}, which is NULL without a type: CAST it to the type of the key"
            raise refused(message, merge_key=key)


def check_once(connection: Any, relation: str, keys: Sequence[str]) -> None:
    """Raises DATA_ERROR if two rows of the relation have the same keys."""
    listed = ", ".join(quoted(key) for key in keys)
    twice = connection.execute(
        f"SELECT count(*) FROM {relation} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice:
        message = (
            f"The SQL gives {twice[0]} rows with the same merge_keys ({listed}): keep one, "
            f"for example with QUALIFY row_number() OVER (PARTITION BY {listed} ORDER BY …) = 1"
        )
        raise refused(message, merge_keys=list(keys), rows=twice[0])
