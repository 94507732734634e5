"""One table of the lake as a relation of DuckDB: bronze is a list of files, silver and gold are a Delta table."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from vai_worker.lake.places import Lake
from vai_worker.reading import extensions, united_files
from vai_worker.reading.quoting import quoted, text, texts

SCHEMA = "lake"


@dataclass(frozen=True)
class Source:
    """A table that SQL reads: bronze is a list of files, silver and gold are a Delta table at `location`."""

    name: str
    dataset: str
    files: Sequence[str] = ()
    location: str | None = None
    columns: Sequence[dict[str, str]] = ()
    is_own: bool = False
    """Whether it is the table that the transform writes."""
    ids: Sequence[str] = ()
    """The datasets that it is: of a path in the SQL there may be several."""
    version: int | None = None
    """Of the Delta table; None: the newest."""

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


def make_view(connection: duckdb.DuckDBPyConnection, lake: Lake, source: Source) -> dict[str, list[str]]:
    """The view of a source that is not blank; answers the columns that are read as text, with the types in files."""
    files = united_files.united(connection, [lake.address(path) for path in source.files])
    connection.execute(f"CREATE VIEW {source.view} AS {_select(lake, source, files.relation)}")
    return files.as_text


def load_extensions(connection: duckdb.DuckDBPyConnection, lake: Lake, *, has_tables: bool) -> None:
    """What reading needs: `has_tables` where a Delta table is read; the keys to a lake that is not a folder."""
    if has_tables:
        extensions.load(connection, "delta")
    if lake.is_remote:
        extensions.load(connection, "httpfs")
        connection.execute(secret_statement(lake, lake.options()))


def seal(
    connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source], folders: Sequence[str] = ()
) -> None:
    """Seal the connection: from now on it reads the files of these sources and nothing else."""
    files = texts(lake.address(path) for source in sources for path in source.files)
    tables = [*(source.location for source in sources if source.location), *folders]
    connection.execute(
        f"SET allowed_paths = {files}; "
        f"SET allowed_directories = {texts(f'{lake.address(table)}/' for table in tables)}; "
        "SET enable_external_access = false; SET lock_configuration = true"
    )


def _select(lake: Lake, source: Source, files: str) -> str:
    # NaN is beyond the greatest value that files tell of: can_have_nan
    without_type = [each["name"] for each in source.columns if each["type"] == "NULL"]
    nulls = "".join(f", {_null('NULL', name)}" for name in without_type)
    if source.location is not None:
        version = "" if source.version is None else f", version = {source.version:d}"
        return f"SELECT *{nulls} FROM delta_scan({text(lake.address(source.location))}, can_have_nan = true{version})"
    if source.files:
        others = f"COLUMNS(c -> c NOT IN ({', '.join(map(text, without_type))}))" if without_type else "*"
        return f"SELECT {others}{nulls} FROM {files}"
    return f"SELECT {', '.join(_null(each['type'], each['name']) for each in source.columns)} WHERE false"


def _null(kind: str, name: str) -> str:
    """A column of NULLs; those without a type take any that the SQL gives them."""
    return f"""CAST(NULL AS {'"NULL"' if kind == "NULL" else kind}) AS {quoted(name)}"""


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
