"""A table of a database into bronze, beside dlt's Arrow back end; and what ten million rows cost in memory."""

import asyncio
import importlib.util
import json
import os
import resource
import sqlite3
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from bench import plain
from bench.beside import Beside, beside
from bench.load import Connection
from bench.measure import Figure
from vai_devstack.stack import Stack
from vai_extract_worker.extract import extract
from vai_testkit.link import RecordingLink
from vai_worker.children.job import ConnectionSecret, Job

ROWS = int(os.environ.get("VAI_BENCH_SQL_ROWS", "1_000_000"))
MANY_ROWS = int(os.environ.get("VAI_BENCH_SQL_MANY_ROWS", "10_000_000"))

_COLUMNS = """id, 'customer ' || id % 1000 AS customer, (id % 100000) / 100.0 AS plain,
    (id % 100000)::numeric(12,2) / 100 AS amount, timestamptz '2026-01-01' + id * interval '1 second' AS changed,
    id % 7 = 0 AS is_paid, CASE WHEN id % 3 = 0 THEN 'a note on ' || id END AS note,
    (date '2026-01-01' + (id % 365)::int) AS day"""
_ORDERS = f"CREATE TABLE bench.{{name}} AS SELECT {_COLUMNS} FROM generate_series(1::bigint, {{rows}}) id"
_TYPED = "ALTER TABLE bench.{name} ALTER amount TYPE numeric(12,2), ALTER plain TYPE float8, ADD PRIMARY KEY (id)"


async def measure() -> list[Figure]:
    """On a stack of its own, whose Postgres is the source, too."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        _fill_sqlite(folder / "orders.db")
        async with beside(Path(name) / "v", folder) as bench:
            await _fill(bench.stack, {"orders": ROWS, "many": MANY_ROWS})
            await _connect(bench.stack)
            return [
                *await _postgres(bench),
                *await _sqlite(bench, folder / "orders.db"),
                *await _memory(bench.stack, Path(name) / "lake"),
            ]


async def _postgres(bench: Beside) -> list[Figure]:
    what = f"dlt_extract, sql_database, Postgres, {ROWS:,} rows of 8 columns"
    definition = {"source": "sql_database", "connection": "bench", "schema": "bench", "resources": ["orders"]}
    if importlib.util.find_spec("psycopg2") is None:
        seconds = await bench.run("dlt_extract", definition)
        return [Figure(what, f"{seconds:.2f} s"), Figure("   dlt alone", "not run: pip install psycopg2-binary")]
    url = f"postgresql+psycopg2://{bench.stack.database.partition('://')[2]}"
    alone = partial(plain.sql_table, url, "orders", "bench")
    return await bench.compare(what, ("dlt_extract", definition), ("dlt, pyarrow, psycopg2", alone), "≤ 1")


async def _sqlite(bench: Beside, file: Path) -> list[Figure]:
    definition = {"source": "sql_database", "source_name": "lite", "path": file.name, "resources": ["orders"]}
    return await bench.compare(
        f"dlt_extract, sql_database, SQLite, {ROWS:,} rows of 6 columns",
        ("dlt_extract", definition),
        ("dlt, pyarrow", partial(plain.sql_table, f"sqlite:///{file}", "orders", None)),
        "≤ 1",
    )


async def _memory(stack: Stack, lake: Path) -> list[Figure]:
    """In a process of its own, which does what a child does."""
    there = urlsplit(stack.database)
    config = {"host": there.hostname, "port": there.port, "database": there.path.lstrip("/")}
    known = {"username": there.username, "password": there.password or ""}
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        work = partial(_alone, lake.as_uri(), config, known)
        seconds, before, peak = await asyncio.get_running_loop().run_in_executor(other, work)
    return [
        Figure(f"{MANY_ROWS:,} rows in one process", f"{seconds:.1f} s, {MANY_ROWS / seconds:,.0f} rows/s"),
        Figure("   its largest memory", f"{peak:,.0f} MB ({before:,.0f} MB before)", "≤ 600 MB"),
    ]


def _alone(lake: str, config: dict[str, Any], known: dict[str, Any]) -> tuple[float, float, float]:
    definition = {"source": "sql_database", "schema": "bench", "resources": ["many"]}
    prepared: dict[str, Any] = {"source": "sql_database", "addresses": "loopback", "files_root": None, "cursors": {}}
    connection = ConnectionSecret(str(uuid4()), "bench", "postgres", config, known)
    job = Job(str(uuid4()), str(uuid4()), 1, 1, "dlt_extract", definition, connection, None, lake, prepared)
    before, start = _megabytes(), perf_counter()
    result = extract(job, RecordingLink())
    assert result["recordsProcessed"] == MANY_ROWS, result
    return perf_counter() - start, before, _megabytes()


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _fill(stack: Stack, tables: dict[str, int]) -> None:
    conn: Any = await asyncpg.connect(stack.database)
    await conn.execute("CREATE SCHEMA bench")
    for name, rows in tables.items():
        await conn.execute(_ORDERS.format(name=name, rows=rows))
        await conn.execute(_TYPED.format(name=name))
        await conn.execute(f"ANALYZE bench.{name}")
    await conn.close()


async def _connect(stack: Stack) -> None:
    there = urlsplit(stack.database)
    connection = {
        "name": "Bench",
        "slug": "bench",
        "provider": "postgres",
        "config": {"host": there.hostname, "port": there.port, "database": there.path.lstrip("/")},
        "credentials": {"username": there.username, "password": there.password or "none"},
    }
    async with Connection(stack.api_url, stack.api_key) as client:
        answer = await client.request("POST", "/api/v1/connections", json.dumps(connection).encode(), {})
    assert answer.json().get("slug") == "bench", answer.body


def _fill_sqlite(file: Path) -> None:
    with sqlite3.connect(file) as conn:
        conn.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, plain REAL, n INT, changed TEXT, note)"
        )
        conn.execute(
            f"""WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {ROWS})
                INSERT INTO orders SELECT i, 'customer ' || i % 1000, i / 100.0, i % 7,
                datetime('2026-01-01', i || ' seconds'), CASE WHEN i % 3 = 0 THEN 'a note on ' || i END FROM s"""
        )
    conn.close()
