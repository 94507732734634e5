"""Runs of one organisation that want the same thing at the same time."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.integration.lake import delta_table, manifest
from tests.integration.runs import sample
from vai_devstack.stack import Stack
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker

_RUNS = 12


async def test_extractions_of_one_table_at_once_all_end_at_the_first_attempt(
    api: httpx2.AsyncClient, database: Any
) -> None:
    resources = [{"name": "items", "write_disposition": "append"}]
    definition = sample(100, slices=5, source_name="side_by_side", resources=resources)
    runs = await asyncio.gather(*(create_run(api, "dlt_extract", definition) for _ in range(_RUNS)))
    ended = await asyncio.gather(*(run_when(api, run["id"], timeout=60) for run in runs))
    assert [(run["status"], run["retryCount"]) for run in ended] == [("completed", 0)] * _RUNS
    for run in runs:
        assert sum(row["row_count"] for row in await manifest(database, run["id"])) == 100
    counted = "SELECT row_count FROM datasets WHERE layer = 'bronze' AND name = 'side_by_side.items'"
    assert await database.fetchval(counted) == 100 * _RUNS


async def test_transforms_into_one_table_at_once_write_one_after_the_other(
    stack: Stack, api: httpx2.AsyncClient
) -> None:
    definitions = [
        {
            "transform_name": "meeting_place",
            "sql": f"SELECT range AS id, {number} AS writer FROM range(10)",
            "mode": "incremental_merge",
            "merge_keys": ["id", "writer"],
        }
        for number in range(6)
    ]
    runs = await asyncio.gather(*(create_run(api, "duckdb_transform", definition) for definition in definitions))
    ended = await asyncio.gather(*(run_when(api, run["id"], timeout=60) for run in runs))
    assert [(run["status"], run["retryCount"]) for run in ended] == [("completed", 0)] * len(runs), ended
    assert delta_table(stack, "meeting_place").to_pyarrow_table().num_rows == 60
