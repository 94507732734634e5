"""The example of checks does on a stack what its README says: `examples/checked_orders`."""

import asyncio
import os
import sys

import httpx2
import pytest

from tests.architecture.workspace import ROOT
from vai_devstack.stack import Stack

pytestmark = pytest.mark.any_broker


async def test_bad_rows_are_stopped_and_named(stack: Stack, api: httpx2.AsyncClient) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.checked_orders"),
        cwd=ROOT,
        env={**os.environ, "VAI_API_URL": str(api.base_url), "VAI_API_KEY": api.headers["X-API-Key"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "✗ no_free_order: 4 rows break it" in said
    assert '{"id": 7}' in said
    assert "the table has no new version: True" in said
    lineage = (await api.get("/api/v1/datasets/silver.checked_orders/lineage?direction=upstream")).json()
    assert {node["name"] for node in lineage["nodes"]} == {
        *("silver.checked_orders", "bronze.checked.orders", "checked: orders"),
    }
