"""What a slice costs: the same rows in 200 slices and in one, in turn, from the POST to `completed`.

Each slice is a file, and a commit of the manifest, the cursor and the checkpoint.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.beside import TURNS, Beside, beside
from bench.measure import Figure

SLICES, ROWS = 200, 1_000


async def measure() -> list[Figure]:
    """On a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        async with beside(Path(name) / "v", folder) as bench:
            turns = [(await _taken(bench, SLICES), await _taken(bench, 1)) for _ in range(TURNS + 1)][1:]
    many, one = (median(column) for column in zip(*turns, strict=True))
    return [
        Figure(f"dlt_extract, {SLICES} slices of {ROWS:,} rows", f"{many:.2f} s"),
        Figure("   the same rows in one slice", f"{one:.2f} s"),
        Figure("   overhead of a slice", f"{(many - one) / (SLICES - 1) * 1e3:.1f} ms", "≤ 20 ms"),
    ]


async def _taken(bench: Beside, slices: int) -> float:
    definition: dict[str, Any] = {"source": "sample", "source_name": f"in_{slices}", "rows": SLICES * ROWS}
    return await bench.run("dlt_extract", definition | {"slices": slices})
