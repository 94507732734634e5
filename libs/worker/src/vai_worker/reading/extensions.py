"""DuckDB's extensions as wheels bring them: signed, loaded by their path, and nothing is fetched."""

import importlib.util
from pathlib import Path

import duckdb

from vai_worker.reading.quoting import text


def load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension, unless it is there."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"the package duckdb-extension-{name} is not installed")
    folder = Path(found.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    connection.execute(f"LOAD {text(str(folder / f'{name}.duckdb_extension'))}")
