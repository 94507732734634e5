"""The example of an automation does on a stack what its README says: `examples/orders_every_morning`."""

import asyncio
import os
import sys
from pathlib import Path

import httpx2
import pytest

from tests.architecture.workspace import ROOT
from tests.integration.automations import AUTOMATIONS, runs_of, states
from vai_devstack.stack import Stack

pytestmark = pytest.mark.any_broker

MODULE = "examples.orders_every_morning"
SLUG = "orders-every-morning"


async def example(home: Path, api: httpx2.AsyncClient) -> tuple[int | None, list[str]]:
    """Run it against the stack; its exit code, and the lines that it said."""
    key = api.headers["X-API-Key"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE),
        cwd=ROOT,
        env={**os.environ, "VAI_API_URL": str(api.base_url), "VAI_API_KEY": key, "VAI_HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode().splitlines()


async def test_it_goes_through_twice_waits_for_its_approval_and_keeps_its_schedule(
    stack: Stack, api: httpx2.AsyncClient, tmp_path: Path
) -> None:
    before = (await api.get("/api/v1/organisation")).json()["settings"]
    for _ in range(2):
        code, lines = await example(tmp_path, api)
        assert code == 0, lines
        assert_shown(lines)
    saved = (await api.get(f"{AUTOMATIONS}/slug/{SLUG}")).json()
    assert (saved["status"], saved["nextRunAt"] is not None) == ("active", True)
    first, second = [
        (await api.get(f"/api/v1/automation-runs/{one['runId']}")).json() for one in await runs_of(api, saved)
    ]
    ended = dict.fromkeys(("extract", "enough", "approve", "clean", "tell"), "completed") | {"tell_no": "skipped"}
    assert states(first) == states(second) == ended
    drawn = (tmp_path / f"{SLUG}.svg").read_text()
    assert all(word in drawn for word in ("approved", "completed", "skipped"))
    assert (await api.get("/api/v1/organisation")).json()["settings"] == before
    assert (await api.delete(f"{AUTOMATIONS}/{saved['id']}")).status_code == 204


def assert_shown(lines: list[str]) -> None:
    said = "\n".join(lines)
    asked = said.index("May today's orders go on? 500 orders have been extracted.")
    assert said.index("approve started") < asked < said.index("approve completed")
    assert "The gate is awaiting_approval; so long these wait: clean, tell, tell_no." in said
    assert '"orders": 500' in said
    assert [line.split()[1] for line in lines if line.split()[:1] == ["»"]] == ["tell_no"]


async def test_without_a_stack_it_says_how_to_get_one(tmp_path: Path) -> None:
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:1", headers={"X-API-Key": "vai_no"}) as nobody:
        code, lines = await example(tmp_path, nobody)
    assert (code, lines[-1]) == (2, "A stack is needed: make up DETACH=1")
