"""Compares a kind with the library that it uses, in turn (A B A B) on one machine in one run.

A is the platform: from the POST to `completed` (`Prefer: wait`) on a warm stack, including gateway, bell, claim, child
process, checkpoints, manifest, log and events. B is a warm process that only calls the library. Both read the same
source and write parquet or Delta to the same disk.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg

from bench.load import Connection
from bench.measure import Figure
from vai_devstack.stack import Stack
from vai_testkit.stack import running_stack

TURNS = int(os.environ.get("VAI_BENCH_TURNS", "5"))
_LONGEST = 600  # seconds that a run may take

Alone = Callable[[], float]
"""Do the work in the other process. Return its seconds."""


@dataclass
class Beside:
    """The platform's stack, and the process that runs the libraries alone."""

    stack: Stack
    libraries: ProcessPoolExecutor
    folder: Path

    async def run(self, kind: str, definition: dict[str, Any]) -> float:
        """Seconds from the POST to `completed`. Over a minute it is looked at ten times a second."""
        body = json.dumps({"kind": kind, "definition": definition}).encode()
        async with Connection(self.stack.api_url, self.stack.api_key) as client:
            start = perf_counter()
            answer = await client.request("POST", "/api/v1/action-runs", body, {"Prefer": "wait=60"})
            while answer.json().get("status") in ("pending", "running") and perf_counter() - start < _LONGEST:
                await asyncio.sleep(0.1)
                answer = await client.request("GET", f"/api/v1/action-runs/{answer.json()['id']}", b"", {})
            taken = perf_counter() - start
        assert answer.json().get("status") == "completed", answer.body
        return taken

    async def compare(
        self, what: str, ours: tuple[str, dict[str, Any]], alone: tuple[str, Alone], aim: str
    ) -> list[Figure]:
        """Run each once without measuring, then in turn. Return the median of each, and their ratio."""
        platform, plainly = await self.medians(ours, alone[1])
        return [
            Figure(what, f"{platform:.2f} s"),
            Figure(f"   {alone[0]} alone", f"{plainly:.2f} s"),
            Figure("   ratio", f"{platform / plainly:.2f}", aim),
        ]

    async def medians(self, ours: tuple[str, dict[str, Any]], alone: Alone) -> tuple[float, float]:
        """Seconds of the platform and of the library alone."""
        pairs = [await self.pair(ours, alone) for _ in range(TURNS + 1)][1:]
        platform, plainly = (median(column) for column in zip(*pairs, strict=True))
        return platform, plainly

    async def pair(self, ours: tuple[str, dict[str, Any]], alone: Alone) -> tuple[float, float]:
        """Seconds of the platform and of the library alone, once each."""
        platform = await self.run(*ours)
        return platform, await asyncio.get_running_loop().run_in_executor(self.libraries, alone)

    async def files_of(self, table: str) -> list[str]:
        """The parquet files that a bronze table (`<source>.<table>`) has."""
        database: Any = await asyncpg.connect(self.stack.database)
        found = await database.fetch(
            "SELECT path FROM lake_files f JOIN datasets d ON d.id = f.dataset_id WHERE d.name = $1 AND visible"
            " AND removed_at IS NULL",
            table,
        )
        await database.close()
        return [f"{self.stack.home.lake}/{row['path']}" for row in found]


@asynccontextmanager
async def beside(home: Path, folder: Path) -> AsyncIterator[Beside]:
    """On a stack of its own, which may read the files of the folder and call this machine's addresses."""
    async with running_stack(home, environment={"VAI_FILES_ROOT": str(folder)}) as stack:
        with ProcessPoolExecutor(1, get_context("spawn")) as libraries:
            yield Beside(stack, libraries, folder)
