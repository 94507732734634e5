"""Extractions beside plain dlt (`bench.beside`); transforms have a module of their own."""

import os
import tempfile
from functools import partial
from pathlib import Path

from bench import plain, rows
from bench.beside import Alone, Beside, beside
from bench.measure import Figure

API_ROWS = int(os.environ.get("VAI_BENCH_API_ROWS", "100_000"))
LAKE_ROWS = int(os.environ.get("VAI_BENCH_LAKE_ROWS", "2_000_000"))
FEW_ROWS = 1_000
_AIMS = {"rest_api": "≤ 0.25", "jsonl": "≤ 1.1", "csv": "≤ 1", "parquet_rows": "≤ 0.4", "parquet": "≤ 1"}
"""Of dlt's time. REST is 4 times as fast; parquet 2.5 times where dlt makes rows, as its documentation begins; csv
and parquet are not slower than the quickest way of dlt, in Arrow tables."""


async def measure() -> list[Figure]:
    """On a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        for part in ("jsonl", "csv", "parquet_rows", "parquet"):
            (folder / part).mkdir(parents=True)
        rows.write_jsonl(folder / "jsonl", API_ROWS)
        rows.write_csv(folder / "csv", LAKE_ROWS)
        rows.write_parquet(folder / "parquet_rows", API_ROWS, 1)
        rows.write_parquet(folder / "parquet", LAKE_ROWS, 4)
        async with beside(Path(name) / "v", folder) as bench:
            with rows.served(FEW_ROWS, API_ROWS) as url:
                return await _extractions(bench, url)


async def _extractions(bench: Beside, url: str) -> list[Figure]:
    folder = bench.folder
    return [
        *await _from_api(bench, url, FEW_ROWS),
        *await _from_api(bench, url, API_ROWS),
        *await _from_files(bench, "jsonl", API_ROWS, partial(plain.jsonl_files, str(folder / "jsonl"))),
        *await _from_files(bench, "csv", LAKE_ROWS, partial(plain.csv_files, str(folder / "csv"))),
        *await _from_files(bench, "parquet_rows", API_ROWS, partial(plain.parquet_rows, str(folder / "parquet_rows"))),
        *await _from_files(bench, "parquet", LAKE_ROWS, partial(plain.parquet_files, str(folder / "parquet"))),
    ]


async def _from_api(bench: Beside, url: str, count: int) -> list[Figure]:
    path = f"orders-{count}"
    paginator = {"type": "page_number", "total_path": "total_pages"}
    resource = {"name": "orders", "path": path, "data_selector": "data", "paginator": paginator}
    definition = {"source": "rest_api", "base_url": url, "resources": [resource]}
    return await bench.compare(
        f"dlt_extract, rest_api, {count:,} rows in pages of {rows.PAGE:,}",
        ("dlt_extract", definition),
        ("dlt", partial(plain.rest_api, url, path)),
        _AIMS["rest_api"],
    )


async def _from_files(bench: Beside, form: str, count: int, alone: Alone) -> list[Figure]:
    resource = {"name": "orders", "path": f"{form}/*"}
    definition = {"source": "filesystem", "source_name": form, "resources": [resource]}
    return await bench.compare(
        f"dlt_extract, filesystem, {form}, {count:,} rows", ("dlt_extract", definition), ("dlt", alone), _AIMS[form]
    )
