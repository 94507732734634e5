"""A DuckDB connection that can read a run's inputs, and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import duckdb

from vai_transform_worker.query import warm
from vai_transform_worker.query.scratch import scratch_folder
from vai_worker.lake import Lake
from vai_worker.reading.quoting import text
from vai_worker.reading.sources import SCHEMA, Source, load_extensions, make_view, seal

_THREADS = 2


class AsText(NamedTuple):
    """A column of bronze that is read as text; `kinds` are the types that it has in files."""

    dataset: str
    column: str
    kinds: list[str]


@contextmanager
def opened(memory_mb: int, spill_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that may use `memory_mb`, and `spill_mb` of a folder that is removed with it."""
    with scratch_folder() as scratch, warm.database() as connection:
        # as a statement: in the configuration it is shown, and not held
        connection.execute(
            f"SET temp_directory = {text(str(scratch))}; SET max_temp_directory_size = '{spill_mb}MB';"
            f"SET memory_limit = '{memory_mb}MB'; SET threads = {_THREADS}"
        )
        yield connection


def expose(
    connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source], folders: Sequence[str] = ()
) -> list[AsText]:
    """One view for each source in the schema `lake`; afterwards the connection is sealed and reads no other file.

    `folders` are tables that we read besides, for a merge. A source that is blank gets no view here (`blanks`).
    Answers the columns that are read as text, since their files do not agree (`united`).
    """
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    load_extensions(connection, lake, has_tables=bool(folders) or any(source.location for source in sources))
    as_text = []
    for source in sources:
        if not source.is_blank:
            changed = make_view(connection, lake, source)
            as_text += [AsText(source.dataset, name, kinds) for name, kinds in changed.items()]
    seal(connection, lake, sources, folders)
    return as_text
