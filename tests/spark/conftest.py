"""One Spark server for all tests here (Java's start costs seconds), and transforms without a stack."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftests import conftest_of
from tools.spark import JARS
from vai_testkit.servers.spark import serving

unsigned = conftest_of("transform-worker").unsigned


@pytest.fixture(scope="session")
def spark() -> Iterator[dict[str, str]]:
    """What `Job.prepared` has of a server: its own, or the one at VAI_TEST_SPARK_URL."""
    if url := os.environ.get("VAI_TEST_SPARK_URL"):
        yield {"url": url, "token": ""}
        return
    with serving(JARS) as server:
        yield {"url": server.url, "token": ""}


@pytest.fixture
def workshop(tmp_path: Path, spark: dict[str, str]) -> Any:
    """Transforms in a lake in a folder; they run in Spark unless they say otherwise."""
    made = conftest_of("transform-worker").Workshop(tmp_path)
    jobs: Callable[..., Any] = made.job

    def job(sql: str, *inputs: dict[str, str], **fields: Any) -> Any:
        found = jobs(sql, *inputs, **{"engine": "spark", **fields})
        found.prepared["spark"] = spark
        return replace(found, run_id=str(uuid4()))

    made.job = job
    return made
