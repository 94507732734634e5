"""Transforms beside plain DuckDB and deltalake (`bench.beside`): large, merged, tiny and wide.

`VAI_BENCH_TRANSFORM_ROWS` says how many rows the large ones have, `VAI_BENCH_COLUMNS` how wide the wide one is.
"""

import os
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from bench import plain
from bench.beside import TURNS, Beside, beside
from bench.measure import Figure

ROWS = int(os.environ.get("VAI_BENCH_TRANSFORM_ROWS", "5_000_000"))
COLUMNS = int(os.environ.get("VAI_BENCH_COLUMNS", "2_000"))
_FEW, _WIDE_ROWS = 10, 1_000
_FILES = 4
_AIM = "≤ 1.1"
_PEER = "DuckDB and deltalake"

_TOTALS = """
SELECT id, customer_id, country, state, amount * quantity AS total, CAST(created_at AS TIMESTAMP) AS created_at,
       coalesce(note, '') AS note, id % 97 AS shard
FROM {orders}
"""
_ORDERS = """
SELECT id, id * 7919 % 50021 AS customer_id, CAST(id * 31 % 99991 AS DECIMAL(12,2)) / 100 AS amount,
       id % 9 + 1 AS quantity, ['new', 'paid', 'sent', 'returned'][id % 4 + 1] AS state, 'C' || id % 61 AS country,
       CASE WHEN id % 3 > 0 THEN 'order ' || id || ' of customer ' || id * 7919 % 50021 END AS note,
       TIMESTAMP '2026-01-01' + to_seconds(id * 13) AS created_at
FROM range({start}, {end}) r(id)
"""
_CHECKS = [
    {"type": "not_null", "columns": ["id", "customer_id"]},
    {"type": "accepted_values", "column": "state", "values": ["new", "paid", "sent", "returned"]},
    {"type": "row_count", "min": 1},
]
_CHANGED = {
    "a fifth of the rows, all over the table": "WHERE customer_id % 5 = 0",
    "a thousand rows that are there": "WHERE id < 1000",
}


async def measure() -> list[Figure]:
    """On a stack of its own, into which the rows are extracted first."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        for part in ("orders", "few", "wide"):
            (folder / part).mkdir(parents=True)
        _write(folder)
        async with beside(Path(name) / "v", folder) as bench:
            for part in ("orders", "few", "wide"):
                resource = {"name": part, "path": f"{part}/*"}
                await bench.run("dlt_extract", {"source": "filesystem", "source_name": "lake", "resources": [resource]})
            return [*await _large(bench), *await _tiny(bench), *await _wide(bench)]


def _write(folder: Path) -> None:
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        for part in range(_FILES):
            rows = _ORDERS.format(start=ROWS * part // _FILES, end=ROWS * (part + 1) // _FILES)
            connection.execute(f"COPY ({rows}) TO '{folder}/orders/{part}.parquet' (FORMAT parquet)")
        connection.execute(f"COPY ({_ORDERS.format(start=0, end=_FEW)}) TO '{folder}/few/0.parquet' (FORMAT parquet)")
        columns = ", ".join(f"id * {number} AS c{number}" for number in range(1, COLUMNS))
        rows = f"SELECT id, {columns} FROM range({_WIDE_ROWS}) r(id)"
        connection.execute(f"COPY ({rows}) TO '{folder}/wide/0.parquet' (FORMAT parquet)")


async def _large(bench: Beside) -> list[Figure]:
    files, table = await bench.files_of("lake.orders"), str(bench.folder / "plain")
    figures = await bench.compare(
        f"full_refresh, {ROWS:,} rows",
        _transform("totals", "orders", _TOTALS, mode="full_refresh"),
        (_PEER, partial(plain.full_refresh, _TOTALS.format(orders="orders"), files, table)),
        _AIM,
    )
    for what, where in _CHANGED.items():
        sql = _TOTALS + where
        figures += await bench.compare(
            f"incremental_merge into {ROWS:,} rows of {what}",
            _transform("totals", "orders", sql, mode="incremental_merge", merge_keys=["id"]),
            (_PEER, partial(plain.incremental_merge, sql.format(orders="orders"), files, table, "id")),
            _AIM,
        )
    return [*figures, *await _checked(bench, files)]


async def _checked(bench: Beside, files: list[str]) -> list[Figure]:
    """What checks add to a full refresh, beside one pass of DuckDB that keeps the rows of the SQL in a table."""
    whole = _transform("totals", "orders", _TOTALS, mode="full_refresh")
    checked = _transform("checked", "orders", _TOTALS, mode="full_refresh", checks=_CHECKS)
    turns = [
        (
            await bench.run(*checked),
            *await bench.pair(whole, partial(plain.one_pass, _TOTALS.format(orders="orders"), files)),
        )
        for _ in range(TURNS + 1)
    ][1:]
    with_checks, without, one_pass = (median(column) for column in zip(*turns, strict=True))
    return [
        Figure(f"full_refresh, {ROWS:,} rows, {len(_CHECKS)} checks", f"{with_checks:.2f} s"),
        Figure("   without checks", f"{without:.2f} s"),
        Figure("   one pass of DuckDB over the rows", f"{one_pass:.2f} s"),
        Figure("   checks in passes", f"{(with_checks - without) / one_pass:.2f}", "≤ 1"),
    ]


async def _tiny(bench: Beside) -> list[Figure]:
    files, table = await bench.files_of("lake.few"), str(bench.folder / "tiny")
    ours = _transform("tiny", "few", _TOTALS, mode="full_refresh")
    alone = partial(plain.full_refresh, _TOTALS.format(orders="orders"), files, table)
    platform, plainly = await bench.medians(ours, alone)
    return [
        Figure(f"full_refresh, {_FEW} rows", f"{platform * 1e3:.0f} ms"),
        Figure(f"   {_PEER} alone", f"{plainly * 1e3:.0f} ms"),
        Figure("   more than that", f"{(platform - plainly) * 1e3:.0f} ms", "≤ 100 ms"),
    ]


async def _wide(bench: Beside) -> list[Figure]:
    files, table = await bench.files_of("lake.wide"), str(bench.folder / "wide-plain")
    whole, half = "SELECT * FROM {orders}", f"SELECT * FROM {{orders}} WHERE id < {_WIDE_ROWS // 2}"
    merged: dict[str, Any] = {"mode": "incremental_merge", "merge_keys": ["id"]}
    await bench.run(*_transform("wide", "wide", whole, **merged))
    plain.full_refresh(whole.format(orders="orders"), files, table)
    alone = partial(plain.incremental_merge, half.format(orders="orders"), files, table, "id")
    platform, plainly = await bench.medians(_transform("wide", "wide", half, **merged), alone)
    return [
        Figure(f"incremental_merge, {COLUMNS:,} columns", f"{platform:.2f} s", "≤ 2 s"),
        Figure(f"   {_PEER} alone", f"{plainly:.2f} s"),
        Figure("   ratio", f"{platform / plainly:.2f}"),
    ]


def _transform(name: str, table: str, sql: str, **more: Any) -> tuple[str, dict[str, Any]]:
    inputs = [{"bronze_dataset": f"bronze.lake.{table}", "as": "orders"}]
    sql = sql.format(orders="{{ orders }}")
    return "duckdb_transform", {"transform_name": name, "sql": sql, "inputs": inputs, **more}
