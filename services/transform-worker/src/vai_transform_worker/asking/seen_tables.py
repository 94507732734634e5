"""What `explain_schema` looks at of a table, wherever the table is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vai_transform_worker.interruption import Watch
from vai_worker.children.job import Job

Json = dict[str, Any]

_IN_TIME = 0.6  # share of the run's time after which no further table is begun


@dataclass(frozen=True)
class Seen:
    """A table as it can be described: `view` has the rows that are looked at, `whole` all that can be joined.

    `rows`: of the table; None: its database does not say. `more` is what else is told of it. `called` and `types` are
    the names of columns and of their types, by DuckDB's names, where they are not those of DuckDB.
    """

    name: str
    view: str
    whole: str
    rows: int | None
    seen: int
    is_sampled: bool
    more: Json = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


def has_time(watch: Watch, job: Job, left: list[str]) -> bool:
    """Whether another table can be begun; the first one that cannot is told."""
    if watch.seconds <= job.prepared["seconds"] * _IN_TIME:
        return True
    if not left:
        watch.warn("tables_left_out", "There was no time to look at all tables: name fewer, or give it more time", {})
    return False
