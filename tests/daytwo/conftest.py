"""Databases to restore into, and the embedded server's own client."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from vai_common.ids import uuid7
from vai_devstack.servers.postgres import binaries
from vai_testkit.database import (  # noqa: F401
    database_url,
    execute,
    in_database,
    own_database,
    postgres_server,
)
from vai_testkit.installation import installation  # noqa: F401


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
