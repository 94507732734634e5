"""Opens DuckDB with the Delta extension in the fork server, so that each child finds it ready (rule 12).

Loading the extension takes at least a fifth of a second, since its signature is checked. With the setting of one thread
DuckDB starts no threads of its own, so the forked child has everything.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from vai_worker.reading import extensions

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
_STATEMENTS = "SET streaming_buffer_size = '64KB'; SET TimeZone = 'UTC'; SET parquet_metadata_cache = true"
# the buffer of a streamed result; DuckDB does not count texts, so it is small

_opened: dict[str, duckdb.DuckDBPyConnection] = {}
_lent: list[duckdb.DuckDBPyConnection] = []
_importer = os.getpid()


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory for this caller only. In a child of the fork server it has the Delta extension."""
    taken = _opened.pop("database", None) if _is_child() else None
    if taken is not None:
        _lent.append(taken)  # not closed: closing takes long, and it ends with the child
        yield taken
    else:
        with _database() as connection:
            yield connection


@contextmanager
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that can only parse. It must not read files: IMPORT DATABASE reads them as soon as it is parsed."""
    if _is_child() and "parser" in _opened:
        yield _opened["parser"]
    else:
        with _parser() as connection:
            yield connection


def prepare() -> None:
    """Open the databases for the children of this process. Called when the fork server imports `warm_start`."""
    database, parser = _database(), _parser()
    extensions.load(database, "delta")
    _opened.update(database=database, parser=parser)


def _is_child() -> bool:
    return os.getpid() != _importer  # in the process that opened them they are kept for the children


def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    connection.execute(_STATEMENTS)
    return connection


def _parser() -> duckdb.DuckDBPyConnection:
    sealed = {"enable_external_access": False, "lock_configuration": True}
    return duckdb.connect(":memory:", config=_CONFIG | sealed)
