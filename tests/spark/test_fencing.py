"""A writer whose turn is over changes nothing: Spark only leaves files beside the table, and the worker commits them.

The last tests kill a real child of a worker, whose run is in a real Postgres, in the middle of a job of Spark.
"""

import asyncio
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.conftests import conftest_of
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.definitions.duckdb_transform import DuckdbTransform as Definition
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.link import RecordingLink
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_transform_worker.transform import transform
from vai_worker.children.link import Stop

bench = conftest_of("transform-worker").bench
forks = conftest_of("transform-worker").forks

SLOW = """SELECT count(*) AS n, max(sha256(concat(a.n, b.n, c.n))) AS x
    FROM {{ bronze_many }} a, {{ bronze_many }} b, {{ bronze_many }} c"""
"""160,000 hashes for each file: minutes. Between two files, a task of Spark notices that nobody wants it any more."""

MANY, FILES = {"bronze_dataset": "bronze.shop.many"}, 400


def test_who_was_overtaken_before_its_commit_changes_nothing(workshop: Any) -> None:
    """The late writer has its rows staged and asks for its permit; meanwhile the next epoch writes."""
    workshop.run("SELECT 0 AS n")
    late = workshop.job("SELECT 1 AS n")

    def overtaken(payload: dict[str, Any]) -> dict[str, Any]:
        link = RecordingLink({"lock": workshop._lock})
        transform(workshop.job("SELECT 2 AS n"), link)
        raise Retryable(ErrorCode.INTERNAL_ERROR, "silver.out was given to another writer in the meantime")

    with pytest.raises(Retryable, match="another writer"):
        workshop.perform(late, permit_commit=overtaken)
    assert workshop.rows() == [(2,)]
    assert _files(workshop) == 1 + 1  # of the versions 0 and 1; what the late one had staged is gone


def test_a_permit_that_came_too_late_is_refused_by_the_table_itself(workshop: Any) -> None:
    """Postgres said yes, and then the process froze: the commit is for a version that somebody else has written."""
    workshop.run("SELECT 0 AS n")

    overtaken: list[int] = []

    def frozen(payload: dict[str, Any]) -> dict[str, Any]:
        if not overtaken:
            overtaken.append(1)
            link = RecordingLink({"lock": workshop._lock, "permit_commit": lambda told: {}})
            transform(workshop.job("SELECT 2 AS n"), link)
        return {}

    with pytest.raises(Retryable, match="write epoch 3, this run has 2"):
        workshop.perform(workshop.job("SELECT 1 AS n"), permit_commit=frozen)
    assert workshop.rows() == [(2,)]
    assert workshop.table().version() == 1


def test_an_attempt_that_had_committed_is_not_repeated(workshop: Any) -> None:
    source = workshop.bronze("shop.orders", [{"id": 1}])
    first = workshop.job("SELECT id FROM {{ bronze_orders }}", source)
    workshop.perform(first)
    again = workshop.job("SELECT id + 1 AS id FROM {{ bronze_orders }}", source, epoch=2)
    workshop.perform(replace(again, run_id=first.run_id))
    assert workshop.rows() == [(1,)]
    assert "transform_repeated" in workshop.link.events
    assert _files(workshop) == 1


def test_files_of_a_dead_writer_are_in_no_version(workshop: Any) -> None:
    """What a job of Spark goes on writing after its worker's death lies in a folder of its own."""
    workshop.run("SELECT 1 AS n")
    folder = workshop.folder / workshop.org_id / "silver/out/spark-e1-dead"
    folder.mkdir()
    (folder / "part-0.parquet").write_bytes(b"half")
    workshop.run("SELECT 2 AS n")
    assert workshop.rows() == [(2,)]
    left = workshop.table().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True, full=True)
    assert any("spark-e1-dead" in each for each in left)  # the table's upkeep finds it


def test_a_cancel_ends_the_job_in_spark(workshop: Any, spark: dict[str, str]) -> None:
    link = RecordingLink({"lock": workshop._lock})
    threading.Timer(6, setattr, (link, "stopping", True)).start()
    started = time.monotonic()
    with pytest.raises(Stop):
        transform(workshop.job(SLOW, _many(workshop)), link)
    assert time.monotonic() - started < 40
    assert _quiet(spark)
    assert list((workshop.folder / workshop.org_id / "silver").rglob("*.parquet")) == []


def test_a_time_limit_ends_the_job_in_spark(workshop: Any, spark: dict[str, str]) -> None:
    job = workshop.job(SLOW, _many(workshop), timeout_seconds=6)
    with pytest.raises(Permanent, match="longer than its time limit") as caught:
        workshop.perform(job)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert _quiet(spark)


@pytest.mark.timeout(300)
async def test_a_killed_worker_is_replaced_and_its_job_ended(
    bench: Any, forks: Any, spark: dict[str, str], tmp_path: Path
) -> None:
    """kill -9 of the child in the middle of the job; the run is given to another one, whose SQL is quick by then."""
    kind = DuckdbTransform(spark=spark)
    paths = [f"{number}.parquet" for number in range(FILES)]
    await bench.bronze("shop.many", *paths)
    folder = tmp_path / str(bench.org_id) / "bronze/shop/many"
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        pq.write_table(pa.table({"n": [number]}), folder / path)
    first = await bench.run(SLOW, MANY, engine="spark")
    working = asyncio.create_task(forks.perform(kind, first))
    async with asyncio.timeout(110):
        await asyncio.to_thread(_begun, tmp_path)
    os.kill(next(iter(forks._children)).pid, signal.SIGKILL)
    with pytest.raises(Exception):
        await working
    assert not DeltaTable.is_deltatable(str(tmp_path / str(bench.org_id) / "silver/out"))
    second = await bench.taken_over(first)
    second._definition = second.definition_as(Definition).model_copy(
        update={"sql": "SELECT max(n) AS n FROM {{ bronze_many }}"}
    )
    await forks.perform(kind, second)
    table = DeltaTable(tmp_path / str(bench.org_id) / "silver/out")
    assert table.to_pyarrow_table().to_pylist() == [{"n": FILES - 1}]
    assert _quiet(spark)


def _many(workshop: Any) -> dict[str, str]:
    """A table of many files with a row each."""
    found: dict[str, str] = workshop.bronze("shop.many", *([{"n": number}] for number in range(FILES)))
    return found


def _begun(folder: Path) -> None:
    """Waits until Spark writes."""
    deadline = time.monotonic() + 100
    while not list(folder.rglob("spark-e1-*")) and time.monotonic() < deadline:
        threading.Event().wait(0.2)


def _files(workshop: Any) -> int:
    return len(list((workshop.folder / workshop.org_id / "silver/out").rglob("*.parquet")))


def _quiet(spark: dict[str, str]) -> bool:
    """Whether Spark has no task left: a small query gets both cores, so it is quick."""
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(f"{spark['url']}/").create()
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            started = time.monotonic()
            session.range(0, 4, 1, 4).selectExpr("sum(id)").toArrow()
            if time.monotonic() - started < 2:
                return True
    finally:
        session.stop()
    return False
