"""Makes a view for each table of the lake, with the name that queries use: `silver.orders`, `bronze.shop.orders`."""

from collections.abc import Sequence

import duckdb

from vai_common.errors import ErrorCode, Permanent
from vai_transform_worker.query import engine
from vai_worker.lake.places import Lake
from vai_worker.reading.quoting import quoted
from vai_worker.reading.sources import Source

_BRONZE = "bronze"


def expose(connection: duckdb.DuckDBPyConnection, lake: Lake, sources: Sequence[Source]) -> list[engine.AsText]:
    """Make a view for each table, then seal the connection. Return the columns that are read as text."""
    connection.execute(f"ATTACH ':memory:' AS {_BRONZE}; CREATE SCHEMA silver; CREATE SCHEMA gold")
    as_text = engine.expose(connection, lake, sources)
    for source in sources:
        if source.is_blank:
            message = f"{source.dataset} has no rows and no columns yet: run what writes it first"
            raise Permanent(ErrorCode.DATA_ERROR, message, {"dataset": source.dataset})
        parts = source.dataset.split(".")
        if parts[0] == _BRONZE and len(parts) == 3:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_BRONZE}.{quoted(parts[1])}")
        name = ".".join(map(quoted, parts))
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM memory.{source.view}")
    return as_text
