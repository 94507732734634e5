"""Makes a DuckDB connection that can read a run's inputs and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import duckdb

from vai_transform_worker.query import warm
from vai_transform_worker.query.scratch import scratch_folder
from vai_worker.lake.places import Lake
from vai_worker.reading.quoting import text
from vai_worker.reading.sources import SCHEMA, Source, load_extensions, make_view, seal

_THREADS = 2


class AsText(NamedTuple):
    """A column of bronze that is read as text. `kinds` are the types that it has in the files."""

    dataset: str
    column: str
    kinds: list[str]


@contextmanager
def opened(memory_mb: int, spill_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that may use `memory_mb` of memory, and `spill_mb` of a folder that is removed at the
    end.
    """
    with scratch_folder() as scratch, warm.database() as connection:
        # as a statement: as a configuration value it is shown but not applied
        connection.execute(
            f"SET temp_directory = {text(str(scratch))}; SET max_temp_directory_size = '{spill_mb}MB';"
            f"SET memory_limit = '{memory_mb}MB'; SET threads = {_THREADS}"
        )
        yield connection


def expose(
    connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source], folders: Sequence[str] = ()
) -> list[AsText]:
    """Make a view for each source in the schema `lake`. Afterwards the connection is sealed and reads no other file.

    `folders` are further tables that we read, for a merge. A blank source gets no view here (see `blanks`). Return the
    columns that are read as text because their types differ between files (`united`).
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
