"""The memory and CPU of an idle stack, and how long it takes to start."""

import asyncio
import tempfile
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from bench.measure import Figure, cpu_seconds, memory_mb
from vai_devstack.stack import Stack
from vai_testkit.stack import running_stack

IDLE_SECONDS = 20.0


async def measure(stack: Stack) -> list[Figure]:
    await asyncio.sleep(5)
    before, start = cpu_seconds(stack), perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    spent = perf_counter() - start
    burnt = {name: (seconds - before[name]) / spent for name, seconds in cpu_seconds(stack).items()}
    memory = memory_mb(stack)
    services = {name: megabytes for name, megabytes in memory.items() if name not in ("postgres", "kafka")}
    largest = max(services, key=lambda name: services[name])
    each = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in memory.items())
    return [
        Figure("idle CPU of the whole stack", f"{sum(burnt.values()) * 100:.1f} % of a core", "≤ 10 %"),
        Figure(f"largest idle service ({largest}), PSS", f"{services[largest]:.0f} MB", "≤ 120 MB"),
        Figure("slowest scrape of /metrics of any process, of 20", f"{_slowest_scrape(stack) * 1e3:.1f} ms", "≤ 50 ms"),
        Figure("whole idle stack, PSS", f"{sum(memory.values()):.0f} MB", "≤ 900 MB"),
        Figure(f"   {each} MB", ""),
    ]


def _slowest_scrape(stack: Stack) -> float:
    """Seconds, from the request to the last byte."""
    slowest = 0.0
    for instance in stack.instances:
        for _ in range(20):
            start = perf_counter()
            with urlopen(instance.metrics, timeout=10) as answer:
                answer.read()
            slowest = max(slowest, perf_counter() - start)
    return slowest


async def measure_starts() -> list[Figure]:
    """The first start in an empty folder, and the next one in the same."""
    with tempfile.TemporaryDirectory(prefix="vai-") as folder:
        first = await _start(Path(folder) / "v")
        second = await _start(Path(folder) / "v")
    return [
        Figure("first start in an empty folder, to ready", f"{first:.1f} s", "≤ 60 s with downloads"),
        Figure("warm start, to ready", f"{second:.1f} s", "≤ 8 s"),
    ]


async def _start(folder: Path) -> float:
    start = perf_counter()
    async with running_stack(folder):
        return perf_counter() - start
