"""A DuckDB connection that can read a run's inputs, and nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from vai_transform_worker.query import united_files, warm
from vai_transform_worker.query.quoting import quoted, text, texts
from vai_transform_worker.query.safety import SCHEMA
from vai_transform_worker.query.scratch import scratch_folder
from vai_worker.lake import Lake

_THREADS = 2


@dataclass(frozen=True)
class Source:
    """A table that the SQL reads: bronze is a list of files, silver and gold are a Delta table at `location`."""

    name: str
    dataset: str
    files: Sequence[str] = ()
    location: str | None = None
    columns: Sequence[dict[str, str]] = ()
    is_own: bool = False
    """Whether it is the table that the transform writes."""

    @property
    def is_blank(self) -> bool:
        """Whether it has no rows, and columns that nobody knows."""
        return self.location is None and not self.files and not self.columns

    @property
    def is_unknown(self) -> bool:
        """Whether it has no rows, and no column whose type anybody knows."""
        return self.location is None and not self.files and all(each["type"] == "NULL" for each in self.columns)

    @property
    def view(self) -> str:
        return f"{SCHEMA}.{quoted(self.name)}"


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
    if folders or any(source.location for source in sources):
        warm.load(connection, "delta")
    if lake.is_remote:
        warm.load(connection, "httpfs")
        connection.execute(secret_statement(lake, lake.options()))
    as_text = []
    for source in sources:
        if not source.is_blank:
            files = united_files.united(connection, [lake.address(path) for path in source.files])
            as_text += [AsText(source.dataset, name, kinds) for name, kinds in files.as_text.items()]
            connection.execute(f"CREATE VIEW {source.view} AS {_select(lake, source, files.relation)}")
    _seal(connection, lake, sources, folders)
    return as_text


def _select(lake: Lake, source: Source, files: str) -> str:
    # NaN is beyond the greatest value that files tell of: can_have_nan
    without_type = [each["name"] for each in source.columns if each["type"] == "NULL"]
    nulls = "".join(f", {_null('NULL', name)}" for name in without_type)
    if source.location is not None:
        return f"SELECT *{nulls} FROM delta_scan({text(lake.address(source.location))}, can_have_nan = true)"
    if source.files:
        others = f"COLUMNS(c -> c NOT IN ({', '.join(map(text, without_type))}))" if without_type else "*"
        return f"SELECT {others}{nulls} FROM {files}"
    return f"SELECT {', '.join(_null(each['type'], each['name']) for each in source.columns)} WHERE false"


def _null(kind: str, name: str) -> str:
    """A column of NULLs; those without a type take any that the SQL gives them."""
    return f"""CAST(NULL AS {'"NULL"' if kind == "NULL" else kind}) AS {quoted(name)}"""


def _seal(connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source], folders: Sequence[str]) -> None:
    files = texts(lake.address(path) for source in sources for path in source.files)
    tables = [*(source.location for source in sources if source.location), *folders]
    connection.execute(
        f"SET allowed_paths = {files}; "
        f"SET allowed_directories = {texts(f'{lake.address(table)}/' for table in tables)}; "
        "SET enable_external_access = false; SET lock_configuration = true"
    )


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
    parts = [f"{name} {text(value)}" for name, value in given.items() if value]
    if endpoint.startswith("http://"):
        parts.append("USE_SSL false")
    return f"CREATE SECRET lake (TYPE s3, {', '.join(parts)})"
