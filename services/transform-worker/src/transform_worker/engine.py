"""A DuckDB connection that can read a run's inputs, and nothing else."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from transform_worker.columns import quoted
from transform_worker.safety import SCHEMA, refused
from transform_worker.scratch import scratch_folder
from transform_worker.storage import Lake

_THREADS = 2


@dataclass(frozen=True)
class Source:
    """A table that the SQL reads: bronze is a list of files, silver and gold are a Delta table at `location`."""

    name: str
    dataset: str
    files: Sequence[str] = ()
    location: str | None = None
    columns: Sequence[dict[str, str]] = ()

    @property
    def view(self) -> str:
        return f"{SCHEMA}.{quoted(self.name)}"


@contextmanager
def opened(memory_mb: int, spill_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that may use `memory_mb`, and `spill_mb` of a folder that is removed with it."""
    with scratch_folder() as scratch:
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{memory_mb}MB",
                "threads": _THREADS,
                "temp_directory": str(scratch),
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
            },
        )
        try:
            # as a statement: in the configuration it is shown, and not held
            connection.execute(f"SET max_temp_directory_size = '{spill_mb}MB'")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET parquet_metadata_cache = true")
            yield connection
        finally:
            connection.close()


def expose(connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source]) -> None:
    """One view for each source in the schema `lake`; afterwards the connection is sealed and reads no other file."""
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if any(source.location for source in sources):
        _load(connection, "delta")
    if lake.is_remote:
        _load(connection, "httpfs")
        connection.execute(secret_statement(lake, lake.options()))
    for source in sources:
        connection.execute(f"CREATE VIEW {source.view} AS {_select(lake, source)}")
    _seal(connection, lake, sources)


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    # by path: the wheel holds the signed extension, and nothing is copied or fetched
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"the package duckdb-extension-{name} is not installed")
    folder = Path(found.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    connection.execute(f"LOAD {_text(str(folder / f'{name}.duckdb_extension'))}")


def _select(lake: Lake, source: Source) -> str:
    if source.location is not None:
        return f"SELECT * FROM delta_scan({_text(lake.address(source.location))})"
    if source.files:
        files = _texts(lake.address(path) for path in source.files)
        return f"SELECT * FROM read_parquet({files}, union_by_name = true, hive_partitioning = false)"
    if not source.columns:
        raise refused(f"{source.dataset} has no data yet: run what fills it first", dataset=source.dataset)
    types = {each["name"]: "VARCHAR" if each["type"] == "NULL" else each["type"] for each in source.columns}
    return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {quoted(name)}' for name, kind in types.items())} WHERE false"


def _seal(connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source]) -> None:
    files = _texts(lake.address(path) for source in sources for path in source.files)
    folders = _texts(f"{lake.address(source.location)}/" for source in sources if source.location)
    connection.execute(f"SET allowed_paths = {files}")
    connection.execute(f"SET allowed_directories = {folders}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def secret_statement(lake: Lake, options: dict[str, str]) -> str:
    """The statement that gives DuckDB the keys to this organisation's part of the lake, and to no other."""
    endpoint = options.get("AWS_ENDPOINT_URL", "")
    given = {
        "KEY_ID": options.get("AWS_ACCESS_KEY_ID"),
        "SECRET": options.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": options.get("AWS_SESSION_TOKEN"),
        "REGION": options.get("AWS_REGION") or options.get("AWS_DEFAULT_REGION"),
        "ENDPOINT": endpoint.partition("://")[2].rstrip("/") or None,
        "URL_STYLE": "path" if endpoint else None,
        "SCOPE": lake.address(f"{lake.org_id}/"),
    }
    parts = [f"{name} {_text(value)}" for name, value in given.items() if value]
    if endpoint.startswith("http://"):
        parts.append("USE_SSL false")
    return f"CREATE SECRET lake (TYPE s3, {', '.join(parts)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Iterator[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
