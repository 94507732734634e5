"""One server for all tests here, and an extraction from it without a stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftests import conftest_of
from vai_testkit.servers.mariadb import PASSWORD, USER, MariaDb, serving
from vai_worker.children.job import ConnectionSecret


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
    found = conftest_of("extract-worker").Bench(tmp_path / "lake")
    config = {"host": "127.0.0.1", "port": shop.port, "database": "shop"}
    credentials = {"username": USER, "password": PASSWORD}
    found.connection = ConnectionSecret("018f0000-0000-7000-8000-0000000000c1", "my", "mariadb", config, credentials)
    return found
