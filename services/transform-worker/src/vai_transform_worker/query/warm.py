"""DuckDB as a child finds it: opened, with the Delta extension, by the fork server when it imports this (rule 12).

Loading the extension takes a fifth of a second and more, for its signature is checked. With one thread DuckDB starts
none of its own, so a fork takes all of it along.
"""

import importlib.util
import os
from pathlib import Path

import duckdb

from vai_transform_worker.query.quoting import text

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
_opened: dict[str, duckdb.DuckDBPyConnection] = {}
_importer = os.getpid()


def database() -> duckdb.DuckDBPyConnection:
    """An empty database in memory that is nobody else's; in a child of the fork server it has the Delta extension."""
    return _taken("database") or duckdb.connect(":memory:", config=_CONFIG)


def parser() -> duckdb.DuckDBPyConnection:
    """A database that parses and cannot do more: IMPORT DATABASE reads files as soon as it is parsed."""
    return _taken("parser") or _parser()


def load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension by its path, unless it is there: the wheel holds the signed one, and nothing is fetched."""
    loaded = f"SELECT 1 FROM duckdb_extensions() WHERE extension_name = {text(name)} AND loaded"
    if connection.execute(loaded).fetchone():
        return
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"the package duckdb-extension-{name} is not installed")
    folder = Path(found.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    connection.execute(f"LOAD {text(str(folder / f'{name}.duckdb_extension'))}")


def prepare() -> None:
    """Open what the children of this process will take. Called by the fork server's import of `warm_start`."""
    _opened.update(database=_with_delta(), parser=_parser())


def _taken(name: str) -> duckdb.DuckDBPyConnection | None:
    # in the process that opened it, it stays for the children
    return _opened.pop(name, None) if os.getpid() != _importer else None


def _with_delta() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    load(connection, "delta")
    return connection


def _parser() -> duckdb.DuckDBPyConnection:
    sealed = {"enable_external_access": False, "lock_configuration": True}
    return duckdb.connect(":memory:", config=_CONFIG | sealed)
