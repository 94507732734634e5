"""Pages side by side (`parallel_pages`): the same extraction from an API that takes 50 ms for each answer, in turn."""

import tempfile
from pathlib import Path
from statistics import median

from bench import rows
from bench.beside import TURNS, Beside, beside
from bench.measure import Figure

ROWS, PAGE, LATENCY = 10_000, 100, 0.05
_WIDTHS = {1: "", 2: "≤ 0.6", 4: "≤ 0.4", 8: "≤ 0.3"}
"""So many pages side by side, and what we aim for of the time of one after the other."""


async def measure() -> list[Figure]:
    """On a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        async with beside(Path(name) / "v", folder) as bench:
            with rows.served(ROWS, latency=LATENCY, page=PAGE) as url:
                return await _in_turn(bench, url)


async def _in_turn(bench: Beside, url: str) -> list[Figure]:
    turns = [[await _extracted(bench, url, width) for width in _WIDTHS] for _ in range(TURNS + 1)][1:]
    alone, *others = (median(column) for column in zip(*turns, strict=True))
    found = [Figure(f"rest_api, {ROWS:,} rows in pages of {PAGE:,}, {LATENCY * 1e3:.0f} ms each", f"{alone:.2f} s")]
    for (width, aim), taken in zip(list(_WIDTHS.items())[1:], others, strict=True):
        found.append(Figure(f"   {width} side by side", f"{taken:.2f} s, {taken / alone:.2f} of it", aim))
    return found


async def _extracted(bench: Beside, url: str, width: int) -> float:
    paginator = {"type": "page_number", "total_path": "total_pages"}
    resource = {"name": "orders", "path": f"orders-{ROWS}", "data_selector": "data", "paginator": paginator}
    definition = {"source": "rest_api", "base_url": url, "resources": [resource], "parallel_pages": width}
    return await bench.run("dlt_extract", definition)
