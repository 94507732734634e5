"""The heavy kinds beside what they stand on, in turn A B A B on one machine in one run.

A is the platform's: from the POST to `completed` (`Prefer: wait`) on a warm stack, so with gateway, bell, claim, child
process, checkpoints, manifest, log and events. B is a warm process that calls the library alone. Both read the same
source and write parquet or Delta to the same disk.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from bench import plain, rows
from bench.load import Connection
from bench.measure import Figure
from devstack.stack import Stack
from testkit.stack import running_stack

TURNS = int(os.environ.get("VAI_BENCH_TURNS", "5"))
API_ROWS = int(os.environ.get("VAI_BENCH_API_ROWS", "100_000"))
LAKE_ROWS = int(os.environ.get("VAI_BENCH_LAKE_ROWS", "2_000_000"))
FEW_ROWS = 1_000
_AIM = "≤ 1.1"

_TOTALS = """
SELECT id, customer_id, country, state, amount * quantity AS total, CAST(created_at AS TIMESTAMP) AS created_at,
       coalesce(note, '') AS note, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS order_number
FROM {orders}
"""
_CHANGED = _TOTALS + "WHERE customer_id % 5 = 0"

Alone = Callable[[], float]
"""Work in the other process; answers its seconds."""


@dataclass
class _Bench:
    """The platform's stack, and the process that runs the libraries alone."""

    stack: Stack
    libraries: ProcessPoolExecutor
    folder: Path

    async def run(self, kind: str, definition: dict[str, Any]) -> float:
        """Seconds from the POST to `completed`."""
        body = json.dumps({"kind": kind, "definition": definition}).encode()
        async with Connection(self.stack.api_url, self.stack.api_key) as client:
            start = perf_counter()
            answer = await client.request("POST", "/api/v1/action-runs", body, {"Prefer": "wait=60"})
            taken = perf_counter() - start
        assert answer.json().get("status") == "completed", answer.body
        return taken

    async def compare(self, what: str, ours: tuple[str, dict[str, Any]], alone: tuple[str, Alone]) -> list[Figure]:
        """Once unmeasured each, then in turn; the median of each, and their ratio."""
        pairs = [await self._pair(ours, alone[1]) for _ in range(TURNS + 1)][1:]
        platform, plainly = (median(column) for column in zip(*pairs, strict=True))
        return [
            Figure(what, f"{platform:.2f} s"),
            Figure(f"   {alone[0]} alone", f"{plainly:.2f} s"),
            Figure("   ratio", f"{platform / plainly:.2f}", _AIM),
        ]

    async def _pair(self, ours: tuple[str, dict[str, Any]], alone: Alone) -> tuple[float, float]:
        platform = await self.run(*ours)
        return platform, await asyncio.get_running_loop().run_in_executor(self.libraries, alone)

    async def files_of(self, source: str) -> list[str]:
        """The parquet files that a bronze table has."""
        database: Any = await asyncpg.connect(self.stack.database)
        found = await database.fetch(
            "SELECT path FROM lake_files f JOIN datasets d ON d.id = f.dataset_id WHERE d.name = $1 AND visible"
            " AND removed_at IS NULL",
            f"{source}.orders",
        )
        await database.close()
        return [f"{self.stack.home.lake}/{row['path']}" for row in found]


async def measure() -> list[Figure]:
    """On a stack of its own, which may read this machine's files and call its addresses."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        for part in ("jsonl", "csv", "parquet"):
            (folder / part).mkdir(parents=True)
        rows.write_jsonl(folder / "jsonl", API_ROWS)
        rows.write_csv(folder / "csv", LAKE_ROWS)
        rows.write_parquet(folder / "parquet", LAKE_ROWS, 4)
        async with running_stack(Path(name) / "v", environment={"VAI_FILES_ROOT": str(folder)}) as stack:
            with (
                ProcessPoolExecutor(1, get_context("spawn")) as libraries,
                rows.served(FEW_ROWS, API_ROWS) as url,
            ):
                bench = _Bench(stack, libraries, folder)
                return [*await _extractions(bench, url), *await _transforms(bench)]


async def _extractions(bench: _Bench, url: str) -> list[Figure]:
    folder = bench.folder
    return [
        *await _from_api(bench, url, FEW_ROWS),
        *await _from_api(bench, url, API_ROWS),
        *await _from_files(bench, "jsonl", API_ROWS, partial(plain.jsonl_files, str(folder / "jsonl"))),
        *await _from_files(bench, "csv", LAKE_ROWS, partial(plain.csv_files, str(folder / "csv"))),
        *await _from_files(bench, "parquet", LAKE_ROWS, partial(plain.parquet_files, str(folder / "parquet"))),
    ]


async def _from_api(bench: _Bench, url: str, count: int) -> list[Figure]:
    path = f"orders-{count}"
    paginator = {"type": "page_number", "total_path": "total_pages"}
    resource = {"name": "orders", "path": path, "data_selector": "data", "paginator": paginator}
    definition = {"source": "rest_api", "base_url": url, "resources": [resource]}
    return await bench.compare(
        f"dlt_extract, rest_api, {count:,} rows in pages of {rows.PAGE:,}",
        ("dlt_extract", definition),
        ("dlt", partial(plain.rest_api, url, path)),
    )


async def _from_files(bench: _Bench, form: str, count: int, alone: Alone) -> list[Figure]:
    resource = {"name": "orders", "path": f"{form}/*"}
    definition = {"source": "filesystem", "source_name": form, "resources": [resource]}
    return await bench.compare(
        f"dlt_extract, filesystem, {form}, {count:,} rows", ("dlt_extract", definition), ("dlt", alone)
    )


async def _transforms(bench: _Bench) -> list[Figure]:
    files, table = await bench.files_of("parquet"), str(bench.folder / "plain")
    refreshing = partial(plain.full_refresh, _TOTALS.format(orders="orders"), files, table)
    merging = partial(plain.incremental_merge, _CHANGED.format(orders="orders"), files, table, "id")
    return [
        *await bench.compare(
            f"duckdb_transform, full_refresh, {LAKE_ROWS:,} rows",
            ("duckdb_transform", _transform(_TOTALS, mode="full_refresh")),
            ("DuckDB and deltalake", refreshing),
        ),
        *await bench.compare(
            f"duckdb_transform, incremental_merge, {LAKE_ROWS // 5:,} rows into {LAKE_ROWS:,}",
            ("duckdb_transform", _transform(_CHANGED, mode="incremental_merge", merge_keys=["id"])),
            ("DuckDB and deltalake", merging),
        ),
    ]


def _transform(sql: str, **more: Any) -> dict[str, Any]:
    inputs = [{"bronze_dataset": "bronze.parquet.orders", "as": "orders"}]
    return {"transform_name": "orders_totals", "sql": sql.format(orders="{{ orders }}"), "inputs": inputs, **more}
