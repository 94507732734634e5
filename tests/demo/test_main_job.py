"""`make demo` without a terminal: goes through, twice, and leaves behind what it found."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT
from vai_devstack.home import Home
from vai_devstack.lock import is_held
from vai_devstack.up import running

pytestmark = pytest.mark.timeout(400)


async def demo(home: Home, module: str = "examples.demo", *words: str) -> tuple[int | None, str]:
    """Run it without a terminal; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words),
        cwd=ROOT,
        env={**os.environ, "VAI_HOME": str(home.root), "DETACH": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.apart
async def test_the_main_job_goes_through_twice_and_stops_only_the_stack_that_it_started(tmp_path: Path) -> None:
    home = Home.of(tmp_path / "vai")
    code, said = await demo(home)
    assert code == 0, said
    assert_shown(said)
    assert (home.root / "demo-graph.svg").read_text().startswith("<svg")
    assert not is_held(home)

    await demo(home, "vai_devstack", "up")
    try:
        code, said = await demo(home)
        assert code == 0, said
        assert_shown(said)
        assert running(home) is not None
    finally:
        await demo(home, "vai_devstack", "down")


def assert_shown(said: str) -> None:
    """Progress by resource, the gold table's head with its freshness and lineage, the log, the steps, the events; and
    short enough to be read.
    """
    lines = said.splitlines()
    assert len(lines) <= 110
    for table in ("airlines", "airports", "planes", "weather", "flights"):
        assert any(f"✓ bronze.nyc.{table}" in line for line in lines), said
    assert any(line.split()[:3] == ["EWR", "1", "snow"] for line in lines), said
    assert "[info] extraction_started - Starting extraction from nyc" in said
    assert "[info] run_completed - Run completed successfully in" in said
    assert any(line.startswith("15 rows, written ") and " ago by " in line for line in lines), said
    edges = {tuple(line.split()[:2]) for line in lines if line.split()[1:2] == ["gold.delays_by_weather"]}
    assert edges >= {(f"silver.{table}", "gold.delays_by_weather") for table in ("stg_flights", "stg_weather")}, said
    assert "connection.data_available  nyc-flights" in said
    assert sum(line.startswith("action.completed") for line in lines) == 6
    assert_automated(lines)
    address = lines[next(place for place, line in enumerate(lines) if line.startswith("A flashboard of it")) + 1]
    assert re.fullmatch(r"  http://[^ ]+/flashboards/[^ ]+", address), said


def assert_automated(lines: list[str]) -> None:
    """One automation run: its webhook, its steps as they ended, its own events."""
    assert [line.split()[:4] for line in lines if "✉" in line] == [["✉", "webhook", "received", "/done"]]
    assert [line.split()[1] for line in lines if line.split()[:1] == ["»"]] == ["alarm"]
    steps = ("extract", "stg_flights", "stg_weather", "enough", "gold", "tell")
    assert all(any(line.split()[:2] == ["✓", step] for line in lines) for step in steps)
    events = [line.split()[0] for line in lines if line.startswith("automation.")]
    assert events == ["automation.started", "automation.completed"]


async def test_a_stack_that_does_not_start_ends_the_demo_with_words_and_exit_code_1(tmp_path: Path) -> None:
    home = Home.of(tmp_path / "vai")
    os.makedirs(home.root)
    home.secrets.write_text("{")
    code, said = await demo(home)
    assert code == 1
    assert "The demo did not get through: the stack did not start" in said
