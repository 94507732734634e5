"""One real S3 server for all tests here; what the children of workers do is done without a stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftests import conftest_of
from vai_devstack.servers.s3 import S3Server
from vai_testkit.servers.real_s3 import serving
from vai_worker.lake.places import Lake


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with serving() as server:
        yield server


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, whose keys the environment has, as that of a worker does."""
    for name, value in server.keys.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def lake(s3: S3Server) -> Lake:
    """A lake of the test's own."""
    return Lake(f"{s3.lake_url}/{uuid4().hex}")


@pytest.fixture
def bench(lake: Lake) -> Any:
    """Extracts into that lake."""
    found = conftest_of("extract-worker").Bench(_Url(lake.url))
    found.may_wait = False
    return found


@pytest.fixture
def workshop(lake: Lake, tmp_path: Path) -> Any:
    """Transforms in that lake."""
    found = conftest_of("transform-worker").Workshop(tmp_path)
    found.url = lake.url
    return found


class _Url:
    """Where a test of the extract-worker has a folder."""

    def __init__(self, url: str) -> None:
        self._url = url

    def as_uri(self) -> str:
        return self._url
