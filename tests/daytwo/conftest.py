"""Databases to restore into, the embedded server's own client, and one stack for what is done under load."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from vai_common.ids import uuid7
from vai_devstack.servers.postgres import binaries
from vai_devstack.stack import Stack
from vai_testkit.database import (  # noqa: F401
    database_url,
    execute,
    in_database,
    own_database,
    postgres_server,
)
from vai_testkit.fixtures import api, database  # noqa: F401
from vai_testkit.installation import installation  # noqa: F401
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import running_stack

_REPLICAS = {"extract-worker": 2, "transform-worker": 2, "agent-worker": 2, "scheduler": 2, "run-dispatcher": 2}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Two processes of each worker, as on two nodes. The gateway keeps its address when it is restarted."""
    async with running_stack(tmp_path_factory.mktemp("stack"), replicas=_REPLICAS) as running:
        yield running


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    """A server of the outside world."""
    async with WebServer.opened() as server:
        yield server


@pytest.fixture
async def empty_database(
    postgres_server: str,  # noqa: F811
) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes databases without a schema."""
    names: list[str] = []

    async def make() -> str:
        names.append(f"restored_{uuid7().hex}")
        await execute(postgres_server, f"CREATE DATABASE {names[-1]}")
        return in_database(postgres_server, names[-1])

    yield make
    for name in names:
        await execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(autouse=True)
def client_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server's own pg_dump: that of the machine may be older."""
    monkeypatch.setenv("PATH", str(binaries()), prepend=":")
