"""What `engine: "spark"` does where there is no Spark: it says so. What runs in a real one is in tests/spark."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vai_common.errors import Permanent
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_transform_worker.settings import Settings
from vai_transform_worker.spark.dialect import to_spark


async def test_an_installation_without_spark_says_so_before_a_child_is_made(bench: Any) -> None:
    run = await bench.run(engine="spark")
    with pytest.raises(Permanent, match="has no Spark cluster") as caught:
        await DuckdbTransform().prepare(run)
    assert caught.value.details["setting"] == "VAI_SPARK_URL"


async def test_a_run_in_duckdb_is_told_nothing_of_the_cluster(bench: Any) -> None:
    spark = {"url": "sc://spark:15002", "token": "secret"}
    assert "spark" not in await DuckdbTransform(spark=spark).prepare(await bench.run())
    prepared = await DuckdbTransform(spark=spark).prepare(await bench.run(engine="spark", transform_name="other"))
    assert prepared["spark"] == spark


@pytest.mark.parametrize("url", ["spark:15002", "http://spark", "sc://", "sc://spark/;token=x"])
def test_the_address_is_one_of_spark_connect(url: str) -> None:
    with pytest.raises(ValidationError, match="sc://HOST:PORT"):
        Settings(spark_url=url)


def test_a_function_that_nobody_has_compared_is_refused_with_its_name() -> None:
    with pytest.raises(Permanent, match="hash is not known to give the same rows"):
        to_spark("SELECT hash(1) AS h", {})


_IN_THE_BLOCK = """
import signal, sys
from pathlib import Path
from vai_transform_worker.spark.ending import ended_if_killed
with ended_if_killed(lambda: Path(sys.argv[1]).write_text("ended")):
    print("within", flush=True)
    if sys.argv[2] == "killed":
        signal.pause()
"""


@pytest.mark.parametrize(("way", "said"), [("killed", "ended"), ("well", "")])
def test_what_a_killed_process_left_is_ended_by_another(tmp_path: Path, way: str, said: str) -> None:
    """In a process of its own: a fork of this one, with its threads, may stand still for ever."""
    told = tmp_path / "told"
    command = (sys.executable, "-c", _IN_THE_BLOCK, str(told), way)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"within\n"
        if way == "killed":
            process.kill()
        process.wait()
    for _ in range(200):
        if (told.read_text() if told.exists() else "") == said:
            return
        signal.sigtimedwait([], 0.1)
    raise AssertionError("nobody ended it")
