"""DuckDB as a child finds it: opened, with the Delta extension, by the fork server when it imports this (rule 12).

Loading the extension takes a fifth of a second and more, for its signature is checked. With one thread DuckDB starts
none of its own, so a fork takes all of it along.
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
# the buffer is of a result that is read as a stream; text is not counted by DuckDB, so this is little

_opened: dict[str, duckdb.DuckDBPyConnection] = {}
_lent: list[duckdb.DuckDBPyConnection] = []
_importer = os.getpid()


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that is nobody else's; in a child of the fork server it has the Delta extension."""
    taken = _opened.pop("database", None) if _is_child() else None
    if taken is not None:
        _lent.append(taken)  # not closed: that takes a while, and it ends with the child
        yield taken
    else:
        with _database() as connection:
            yield connection


@contextmanager
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that parses and cannot do more: IMPORT DATABASE reads files as soon as it is parsed."""
    if _is_child() and "parser" in _opened:
        yield _opened["parser"]
    else:
        with _parser() as connection:
            yield connection


def prepare() -> None:
    """Open what the children of this process will take. Called by the fork server's import of `warm_start`."""
    database, parser = _database(), _parser()
    extensions.load(database, "delta")
    _opened.update(database=database, parser=parser)


def _is_child() -> bool:
    return os.getpid() != _importer  # in the process that opened them, they stay for the children


def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    connection.execute(_STATEMENTS)
    return connection


def _parser() -> duckdb.DuckDBPyConnection:
    sealed = {"enable_external_access": False, "lock_configuration": True}
    return duckdb.connect(":memory:", config=_CONFIG | sealed)
