"""Transforms in a real child process, with a real Postgres and a real lake."""

import asyncio
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from vai_common.errors import Permanent
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_worker.children.forks import Forks
from vai_worker.children.link import Stop
from vai_worker.owned import LostRun, Owned

ENDLESS = "SELECT count(*) AS n FROM range(10000000000) a, range(1000) b"


class Held(DuckdbTransform):
    """Holds the question for the commit back until the test lets it through, as a frozen worker would."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.thawed = asyncio.Event()

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        if question == "permit_commit":
            self.asked.set()
            await self.thawed.wait()
        return await super().answer(run, question, payload)


def rows(bench: Any, tmp_path: Path, layer: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DeltaTable(tmp_path / str(bench.org_id) / layer / name).to_pyarrow_table().to_pylist()
    return found


async def test_bronze_becomes_silver_becomes_gold(bench: Any, forks: Forks, tmp_path: Path) -> None:
    await bench.bronze("shop.orders", "a.parquet", "b.parquet")
    folder = tmp_path / str(bench.org_id) / "bronze" / "shop" / "orders"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1, 2], "amount": [5, 6]}), folder / "a.parquet")
    pq.write_table(pa.table({"id": [3], "amount": [7], "note": ["x"]}), folder / "b.parquet")
    orders = {"bronze_dataset": "bronze.shop.orders"}
    silver = await bench.run("SELECT id, amount FROM {{ bronze_orders }}", orders, transform_name="stg_orders")
    result = await forks.perform(DuckdbTransform(), silver)
    assert (result["recordsProcessed"], result["tables"]) == (3, ["stg_orders"])
    gold = await bench.run(
        "SELECT sum(amount) AS total FROM {{ stg_orders }}",
        {"silver_dataset": "stg_orders"},
        transform_name="facts",
        output_layer="gold",
    )
    await forks.perform(DuckdbTransform(), gold)
    assert rows(bench, tmp_path, "gold", "facts") == [{"total": 18}]
    assert bench.reports.events == ["transform_started", "transform_completed"] * 2


async def test_what_one_run_extracted_the_next_reads_by_its_destination_path(
    bench: Any, forks: Forks, tmp_path: Path
) -> None:
    first = await forks.perform(DuckdbTransform(), await bench.run("SELECT 1 AS n", transform_name="first"))
    sql = f"SELECT n + 1 AS n FROM read_parquet('{first['destination_path']}')"
    await forks.perform(DuckdbTransform(), await bench.run(sql))
    assert rows(bench, tmp_path, "silver", "out") == [{"n": 2}]


async def test_a_run_that_was_taken_over_writes_nothing_when_it_wakes_up(
    bench: Any, forks: Forks, tmp_path: Path
) -> None:
    frozen, held = await bench.run("SELECT 'frozen' AS t"), Held()
    late = asyncio.create_task(forks.perform(held, frozen))
    await held.asked.wait()
    again = await bench.taken_over(frozen)
    held.thawed.set()
    with pytest.raises(LostRun):
        await late
    await forks.perform(DuckdbTransform(), again)
    assert rows(bench, tmp_path, "silver", "out") == [{"t": "frozen"}]
    assert DeltaTable(tmp_path / str(bench.org_id) / "silver" / "out").version() == 0


async def test_a_run_that_is_cancelled_ends_within_its_query(bench: Any, forks: Forks) -> None:
    run = await bench.run(ENDLESS)
    work = asyncio.create_task(forks.perform(DuckdbTransform(), run))
    await bench.reports.logged.wait()
    run.ask_to_stop("cancel")
    with pytest.raises(Stop):
        await work


async def test_sql_that_reads_what_it_may_not_fails_with_its_reason(bench: Any, forks: Forks) -> None:
    run = await bench.run("SELECT * FROM read_text('/etc/passwd')")
    with pytest.raises(Permanent, match=r"read_text\(…\) may not be read from"):
        await forks.perform(DuckdbTransform(), run)
