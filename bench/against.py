"""The way of a run beside that of another checkout: bursts in turn on two stacks, compared pair by pair.

One after the other they cannot be compared: on a shared machine the same code takes 40 % more a minute later.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from bench.measure import Figure, table

TURNS = int(os.environ.get("VAI_BENCH_TURNS", "16"))
RUNS = 1_500
_MARK = b"bench:"
_SHOWN = ("api-gateway", "extract-worker", "postgres")


async def command(folders: list[str]) -> None:
    """`against FOLDER`: prints the table. The folder is a checkout in which `make setup` has run."""
    if len(folders) != 1 or (other := _checkout(folders[0])) is None:
        sys.exit("name one folder: a checkout in which `make setup` has run")
    print(table(f"The path beside {folders[0]}", await _measure(other)), flush=True)


def _checkout(folder: str) -> Path | None:
    there = Path(folder).resolve()
    return there if (there / ".venv/bin/python").exists() else None


async def _measure(other: Path) -> list[Figure]:
    pairs: list[tuple[dict[str, float], dict[str, float]]] = []
    async with _side(Path.cwd()) as ours, _side(other) as theirs:
        for turn in range(TURNS):
            order = (ours, theirs) if turn % 2 else (theirs, ours)
            told = {id(side): await _burst(side) for side in order}
            pairs.append((told[id(ours)], told[id(theirs)]))
    cpu = [(_total(mine), _total(yours)) for mine, yours in pairs]
    rate = [(mine["rate"], yours["rate"]) for mine, yours in pairs]
    parts = ", ".join(f"{name} {_ratio([(a[name], b[name]) for a, b in pairs]):.2f}" for name in _SHOWN)
    return [
        Figure(f"CPU of a run, {TURNS} pairs of {RUNS} runs: ours, theirs", f"{_both(cpu)} µs"),
        Figure("   ratio, the median of the pairs", f"{_ratio(cpu):.2f}", "≤ 1"),
        Figure(f"   {parts}", ""),
        Figure("runs to completed: ours, theirs", f"{_both(rate)}/s"),
        Figure("   ratio, the median of the pairs", f"{_ratio(rate):.2f}", "≥ 1"),
    ]


def _total(told: dict[str, float]) -> float:
    return sum(spent for name, spent in told.items() if name != "rate")


def _both(pairs: list[tuple[float, float]]) -> str:
    return f"{median(mine for mine, _ in pairs):,.0f}, {median(yours for _, yours in pairs):,.0f}"


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return median(mine / yours for mine, yours in pairs if yours)


@asynccontextmanager
async def _side(folder: Path) -> AsyncIterator[Process]:
    """A stack of that checkout, with its own packages."""
    script = Path(__file__).with_name("bursts.py")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    python = folder / ".venv/bin/python"
    side = await asyncio.create_subprocess_exec(
        python, str(script), cwd=folder, env=environment, stdin=PIPE, stdout=PIPE
    )
    try:
        await _answer(side)
        yield side
    finally:
        assert side.stdin is not None
        side.stdin.close()
        await side.wait()


async def _burst(side: Process) -> dict[str, float]:
    assert side.stdin is not None
    side.stdin.write(b"%d\n" % RUNS)
    return await _answer(side)


async def _answer(side: Process) -> dict[str, float]:
    assert side.stdout is not None
    async for line in side.stdout:
        if line.startswith(_MARK):
            told: dict[str, float] = json.loads(line.removeprefix(_MARK))
            return told
    sys.exit("the stack has ended; its own messages say why")
