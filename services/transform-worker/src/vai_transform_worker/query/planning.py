"""Describes a query without running it: its plan, and how many rows its inputs have."""

from collections.abc import Sequence
from typing import Any

import duckdb

from vai_worker.reading.sources import Source

LONGEST = 20_000
"""How many characters of a plan are shown."""


def plan(connection: duckdb.DuckDBPyConnection, sql: str | None, sources: Sequence[Source]) -> dict[str, Any]:
    """`plan` as DuckDB draws it, and `inputs` with their numbers of rows. The query does not run."""
    text = "\n".join(row[1] for row in connection.execute(f"EXPLAIN {sql}").fetchall()) if sql else ""
    return {"plan": text[:LONGEST], "inputs": [_counted(connection, each) for each in sources]}


def _counted(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, Any]:
    rows = 0
    if not source.is_blank:
        found = connection.execute(f"SELECT count(*) FROM {source.view}").fetchone()
        rows = found[0] if found else 0
    return {"dataset": source.dataset, "rows": rows} | ({} if source.version is None else {"version": source.version})
