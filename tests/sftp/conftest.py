"""A sync without a worker, and SFTP servers for it: asyncssh's, and OpenSSH where it is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftests import conftest_of
from tests.sftp.servers import SSHD, Server, asyncssh_server, openssh_server

SERVERS = ["asyncssh", *(["openssh"] if SSHD.exists() else [])]


def pytest_report_header() -> str:
    return f"SFTP servers: {', '.join(SERVERS)}" + ("" if SSHD.exists() else " (Debian: openssh-server for OpenSSH)")


@pytest.fixture
def syncing(tmp_path: Path) -> Any:
    return conftest_of("extract-worker", "sync/").Syncing(tmp_path)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, syncing: Any, tmp_path: Path) -> Iterator[Server]:
    """Each of the servers, with an account that `syncing` uses."""
    with asyncssh_server(tmp_path) if request.param == "asyncssh" else openssh_server() as found:
        syncing.connection = found.connection
        yield found


@pytest.fixture
def odd(syncing: Any, tmp_path: Path) -> Iterator[Server]:
    """The server that can be made to fail."""
    with asyncssh_server(tmp_path) as found:
        syncing.connection = found.connection
        yield found
