"""One server for all tests here, and an extraction from it without a stack."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vai_testkit.servers.mariadb import PASSWORD, USER, MariaDb, serving
from vai_worker.children.job import ConnectionSecret

_WORKER = Path(__file__).parents[2] / "services/extract-worker/tests/conftest.py"


def _bench_of_the_worker() -> Any:
    spec = importlib.util.spec_from_file_location("extract_worker_conftest", _WORKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Bench


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    with serving() as server:
        yield server


@pytest.fixture
def shop(mariadb: MariaDb) -> MariaDb:
    """An empty database `shop`."""
    mariadb.run("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop")
    return mariadb


@pytest.fixture
def bench(shop: MariaDb, tmp_path: Path) -> Any:
    """Extracts from it; what the child would answer stands in `table` and `column`."""
    found = _bench_of_the_worker()(tmp_path / "lake")
    config = {"host": "127.0.0.1", "port": shop.port, "database": "shop"}
    credentials = {"username": USER, "password": PASSWORD}
    found.connection = ConnectionSecret("018f0000-0000-7000-8000-0000000000c1", "my", "mariadb", config, credentials)
    return found
