"""Transforms in Spark as a user runs them: a stack, whose worker forks the process that speaks with the cluster."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.integration.runs import log_of, sample
from vai_devstack.stack import Stack
from vai_testkit.fixtures import api  # noqa: F401
from vai_testkit.stack import client_of, create_run, run_when, running_stack

pytestmark = pytest.mark.timeout(300)  # a cold Java compiles for tens of seconds on a busy machine

SOURCE = {"bronze_dataset": "bronze.spark.orders"}
SQL = "SELECT id % 3 AS third, count(*) AS n, sum(id) AS total FROM {{ bronze_orders }} GROUP BY id % 3"
CHECKS = [
    {"type": "not_null", "columns": ["third"]},
    {"type": "sql", "name": "few", "sql": "SELECT * FROM {{ rows }} WHERE n > 34"},
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(spark: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """It has a hundred orders in bronze."""
    folder = tmp_path_factory.mktemp("stack")
    async with running_stack(folder, environment={"VAI_SPARK_URL": spark["url"]}) as running:
        async with client_of(running) as client:
            source = sample(100, source_name="spark", resources=["orders"])
            run = await create_run(client, "dlt_extract", source)
            assert (await run_when(client, run["id"], timeout=60))["status"] == "completed"
        yield running


async def _ended(api: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:  # noqa: F811
    definition = {"engine": "spark", "transform_name": "thirds", "sql": SQL, "inputs": [SOURCE], **fields}
    run = await create_run(api, "duckdb_transform", definition)
    return await run_when(api, run["id"], timeout=90)


async def _rows(api: httpx2.AsyncClient, dataset: str) -> list[dict[str, Any]]:  # noqa: F811
    answer = await api.get(f"/api/v1/datasets/{dataset}/preview")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


async def test_silver_and_gold_with_lineage_checks_and_a_dry_run(api: httpx2.AsyncClient) -> None:  # noqa: F811
    planned = await _ended(api, dry_run=True)
    assert planned["status"] == "completed", planned
    assert "Physical Plan" in planned["result"]["plan"]
    silver = await _ended(api, checks=CHECKS)
    assert silver["status"] == "completed", silver
    assert silver["result"]["recordsProcessed"] == 3
    assert [each["passed"] for each in silver["result"]["checks"]] == [True, True]
    gold = await _ended(
        api,
        transform_name="sums",
        output_layer="gold",
        inputs=[{"silver_dataset": "thirds"}],
        sql="SELECT sum(total) AS total, max(n) AS most FROM {{ thirds }}",
    )
    assert gold["status"] == "completed", gold
    assert await _rows(api, "gold.sums") == [{"total": 5050, "most": 34}]
    lineage = (await api.get("/api/v1/datasets/gold.sums/lineage?direction=upstream&columns=true")).json()
    assert {"gold.sums", "silver.thirds", "bronze.spark.orders"} <= {node["name"] for node in lineage["nodes"]}
    started = next(each for each in await log_of(api, gold["id"]) if each["event"] == "transform_started")
    assert started["data"]["engine"] == "spark"


async def test_a_broken_check_leaves_the_table_as_it_is(api: httpx2.AsyncClient) -> None:  # noqa: F811
    first = await _ended(api, transform_name="kept")
    assert first["status"] == "completed", first
    broken = await _ended(
        api, transform_name="kept", sql=f"{SQL} HAVING id % 3 < 2", checks=[{"type": "row_count", "min": 3}]
    )
    assert broken["status"] == "failed", broken
    assert broken["error"]["code"] == "DATA_ERROR"
    assert len(await _rows(api, "silver.kept")) == 3
