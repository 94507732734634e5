"""file_sync over SFTP where the installation has no client for it; with one it is tested in tests/sftp."""

import sys
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_worker.children.job import ConnectionSecret


@pytest.fixture(autouse=True)
def _without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_the_run_says_how_to_get_it(syncing: Any, direction: str) -> None:
    credentials = {"username": "u", "password": "p"}
    syncing.connection = ConnectionSecret("c", "files", "sftp", {"host": "files.example.com"}, credentials)
    with pytest.raises(Permanent, match="make image SFTP=1") as raised:
        syncing.run(path="sftp://files.example.com/in", direction=direction)
    assert (raised.value.code, raised.value.details) == (ErrorCode.CONNECTION_ERROR, {"missing": "asyncssh"})
    assert syncing.folder == {}


def test_what_is_wrong_with_the_connection_is_said_before(syncing: Any) -> None:
    with pytest.raises(Permanent, match="needs a connection of the provider sftp"):
        syncing.run(path="sftp://files.example.com/in")
