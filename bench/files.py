"""One csv file of any size (`VAI_BENCH_CSV_MB`): how quickly it is extracted, and that its memory stays the same."""

import asyncio
import os
import tempfile
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

from bench import rows
from bench.measure import Figure, pids_of
from vai_testkit.stack import client_of, create_run, running_stack

CSV_MB = int(os.environ.get("VAI_BENCH_CSV_MB", "200"))
_AIM_MB = 600
_SERVICE = "extract-worker"


async def measure() -> list[Figure]:
    """On a stack of its own, whose extract-worker may read the file."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        folder.mkdir()
        count = write_long_csv(folder / "orders.csv", CSV_MB)
        async with running_stack(Path(name) / "v", environment={"VAI_FILES_ROOT": str(folder)}) as stack:
            start = perf_counter()
            most = 0.0
            definition = {"source": "filesystem", "resources": [{"name": "orders", "path": "orders.csv"}]}
            async with client_of(stack) as api:
                run = await create_run(api, "dlt_extract", definition)
                while run["status"] in ("pending", "running"):
                    most = max(most, *map(_peak_mb, pids_of(stack)[_SERVICE]))
                    await asyncio.sleep(0.1)
                    run = (await api.get(f"/api/v1/action-runs/{run['id']}")).json()
            taken = perf_counter() - start
            assert (run["status"], run["result"]["recordsProcessed"]) == ("completed", count), run
    return [
        Figure(f"csv, {CSV_MB:,} MB, {count:,} rows", f"{taken:.1f} s"),
        Figure("   rows a second", f"{count / taken:,.0f}"),
        Figure("   peak memory of one process", f"{most:,.0f} MB", f"≤ {_AIM_MB} MB"),
    ]


def write_long_csv(path: Path, megabytes: int) -> int:
    """Write orders until the file has this size. Return how many."""
    lines = [line for _, line in zip(range(50_000), rows.csv_lines(50_000), strict=False)]
    per_line = sum(map(len, lines)) / len(lines)
    count = int(megabytes * 2**20 / per_line)
    with path.open("w") as file:
        file.write(rows.CSV_HEADER)
        file.writelines(islice(cycle(lines), count))
    return count


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
