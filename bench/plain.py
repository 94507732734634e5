"""The comparison for the kinds: dlt, DuckDB and deltalake as their own documentation uses them, without a platform.

Each function runs in a process that has imported everything before (as our fork server has) and answers the seconds of
the work alone.
"""

import tempfile
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import dlt
import duckdb
from deltalake import DeltaTable, write_deltalake
from dlt.destinations import filesystem as folder_destination
from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_jsonl, read_parquet
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.rest_api import rest_api_source
from dlt.sources.sql_database import sql_table as table_of_database

_BATCH = 100_000


def rest_api(url: str, resource: str) -> float:
    """dlt's rest_api source to parquet files in a folder."""
    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "paginator": {"type": "page_number", "base_page": 1, "total_path": "total_pages"},
            },
            "resource_defaults": {"write_disposition": "replace"},
            "resources": [{"name": "orders", "endpoint": {"path": resource, "data_selector": "data"}}],
        }
    )
    return _loaded(lambda: source)


def rest_table(client: dict[str, Any], name: str, asked: dict[str, Any], rows: int) -> float:
    """One table of an API by dlt's REST client, which its rest_api source uses. Raises if rows are missing."""

    def pages() -> Any:
        yield from RESTClient(**client).paginate(**asked)

    return _loaded(lambda: dlt.resource(pages, name=name), {name: rows})


def jsonl_files(folder: str) -> float:
    """dlt's filesystem source over jsonl."""
    return _loaded(lambda: (filesystem(bucket_url=folder, file_glob="*.jsonl") | read_jsonl()).with_name("orders"))


def csv_files(folder: str) -> float:
    """dlt's filesystem source over csv, the quick way: DuckDB reads, Arrow tables come, never rows."""
    found = filesystem(bucket_url=folder, file_glob="*.csv")
    return _loaded(lambda: (found | read_csv_duckdb(chunk_size=65_536, use_pyarrow=True)).with_name("orders"))


def parquet_rows(folder: str) -> float:
    """dlt's filesystem source over parquet as its documentation begins: rows, which Python types."""
    found = filesystem(bucket_url=folder, file_glob="*.parquet")
    return _loaded(lambda: (found | read_parquet()).with_name("orders"))


def parquet_files(folder: str) -> float:
    """dlt's filesystem source over parquet, the quick way: Arrow tables, never rows."""
    found = filesystem(bucket_url=folder, file_glob="*.parquet")
    return _loaded(lambda: (found | read_parquet(chunksize=65_536, use_pyarrow=True)).with_name("orders"))


def sql_table(url: str, table: str, schema: str | None) -> float:
    """dlt's source of SQL databases with its Arrow back end."""
    return _loaded(
        lambda: table_of_database(url, table, schema=schema, backend="pyarrow", chunk_size=50_000).with_name("orders")
    )


def _loaded(source: Callable[[], Any], rows: dict[str, int] | None = None) -> float:
    with tempfile.TemporaryDirectory(prefix="vai-plain-") as folder:
        start = perf_counter()
        pipeline = dlt.pipeline(
            "plain",
            pipelines_dir=f"{folder}/state",
            destination=folder_destination(bucket_url=f"{folder}/lake"),
            dataset_name="bronze",
        )
        pipeline.run(source(), loader_file_format="parquet")
        taken = perf_counter() - start
        trace: Any = pipeline.last_trace
        loaded = trace.last_normalize_info.row_counts
        assert all(loaded.get(name) == count for name, count in (rows or {}).items()), loaded
        return taken


def full_refresh(sql: str, files: Sequence[str], table: str) -> float:
    """The SQL over the files, streamed into a Delta table that it replaces."""
    start = perf_counter()
    with _connected(files) as connection:
        rows = connection.sql(sql).to_arrow_reader(_BATCH)
        write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")
    return perf_counter() - start


def one_pass(sql: str, files: Sequence[str]) -> float:
    """The SQL over the files, its rows kept in a table of DuckDB that nobody reads."""
    start = perf_counter()
    with _connected(files) as connection:
        connection.execute(f"CREATE TEMP TABLE kept AS {sql}")
    return perf_counter() - start


def incremental_merge(sql: str, files: Sequence[str], table: str, key: str) -> float:
    """The SQL over the files, merged into a Delta table by one column."""
    start = perf_counter()
    with _connected(files) as connection:
        rows = connection.sql(sql).to_arrow_reader(_BATCH)
        merger = DeltaTable(table).merge(rows, f't."{key}" = s."{key}"', source_alias="s", target_alias="t")
        merger.when_matched_update_all().when_not_matched_insert_all().execute()
    return perf_counter() - start


def _connected(files: Sequence[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "1GB"})
    connection.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
    listed = ", ".join(f"'{file}'" for file in files)
    connection.execute(f"CREATE VIEW orders AS SELECT * FROM read_parquet([{listed}], union_by_name = true)")
    return connection
