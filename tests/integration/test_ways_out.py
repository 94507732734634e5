"""Every way out refuses what the policy does not permit, however it is spelled, and asks a name once."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_api_gateway.auth.jwks import fetch
from vai_api_gateway.catalogue.connection_check import check
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, RunError
from vai_extract_worker.extract import extract
from vai_records.connections.connections import Connection
from vai_testkit.link import RecordingLink
from vai_testkit.owned import HeldRun
from vai_worker.children.job import ConnectionSecret, Job

pytestmark = pytest.mark.any_broker

Way = Callable[[str, int, Policy, Path], Awaitable[Any]]

HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "LOCALHOST", "inside.example", "mixed.example", "10.0.0.1",
    "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]",
]  # fmt: skip
NAMES = {
    "localhost": ["127.0.0.1"],
    "inside.example": ["192.168.1.7"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
}


def _connection(provider: str, config: dict[str, Any]) -> Connection:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plain: Any = {"is_default": False, "has_credentials": False, "status": "active", "last_error": None}
    return Connection(
        id=uuid4(), name="c", slug="c", provider=provider, config=config, max_running=None, created_by=None,
        created_at=at, updated_at=at, **plain,
    )  # fmt: skip


def _extracted(definition: dict[str, Any], config: dict[str, Any], policy: Policy, folder: Path) -> Awaitable[Any]:
    connection = ConnectionSecret(str(uuid4()), "c", "c", config, {})
    prepared: dict[str, Any] = {"source": "x", "addresses": str(policy), "files_root": None, "cursors": {}}
    told = {"retry": {"max_attempts": 1}, **definition}
    job = Job(str(uuid4()), str(uuid4()), 1, 1, "dlt_extract", told, connection, None, folder.as_uri(), prepared)
    return asyncio.to_thread(extract, job, RecordingLink())


def _rest(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    definition = {"source": "rest_api", "base_url": f"http://{host}:{port}", "resources": ["a"]}
    return _extracted(definition, {}, policy, folder)


def _store(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    definition = {"source": "filesystem", "resources": [{"name": "a", "path": "s3://bucket/*.csv"}]}
    return _extracted(definition, {"endpoint_url": f"http://{host}:{port}"}, policy, folder)


def _request(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return HttpRequest(policy).perform(HeldRun("http_request", {"url": f"http://{host}:{port}/"}))


def _database(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return check(_connection("postgres", {"host": host.strip("[]"), "port": port}), {"username": "u"}, policy)


def _other_database(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return check(_connection("mysql", {"url": f"mysql://{host}:{port}/x"}), {}, policy)


def _tested(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return check(_connection("rest", {"base_url": f"http://{host}:{port}"}), {}, policy)


def _tested_store(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return check(_connection("s3", {"endpoint_url": f"http://{host}:{port}"}), {}, policy)


def _keys(host: str, port: int, policy: Policy, folder: Path) -> Awaitable[Any]:
    return fetch(f"http://{host}:{port}/jwks", policy)


WAYS = [_rest, _store, _request, _database, _other_database, _tested, _tested_store, _keys]


class Listening:
    """A port of loopback that counts who came."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.port = self.server.getsockname()[1]

    def came(self) -> bool:
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def inner() -> Iterator[Listening]:
    listening = Listening()
    yield listening
    listening.server.close()


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names lead to, without leaving this machine; of several answers each is given once, the last for ever."""
    real = socket.getaddrinfo
    known = {name: list(found) for name, found in NAMES.items()}

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if str(name).lower() not in known:
            return real(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        found = known[str(name).lower()]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_private_address_is_refused_however_it_is_spelled(
    way: Way, host: str, inner: Listening, tmp_path: Path
) -> None:
    with pytest.raises((RunError, httpx2.InvalidURL)) as refused:
        await way(host, inner.port, PUBLIC, tmp_path)
    assert not inner.came()
    if isinstance(refused.value, RunError):
        assert refused.value.code in (ErrorCode.CONNECTION_ERROR, ErrorCode.DATA_ERROR)
        assert not refused.value.retryable


@pytest.mark.parametrize("way", [way for way in WAYS if way is not _keys])
async def test_metadata_services_are_refused_whatever_is_permitted(way: Way, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not public"):
        await way("169.254.169.254", 80, Policy.parse("loopback,private,0.0.0.0/0,::/0"), tmp_path)


@pytest.mark.parametrize("way", WAYS)
async def test_a_name_is_asked_once_and_the_checked_address_is_connected(
    way: Way, inner: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is permitted and closed, the second would be the inner service."""
    answers = ["127.0.0.2"]

    def rebind(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        known = host in ("rebinding.example", b"rebinding.example")
        address = (answers.pop() if answers else "127.0.0.1") if known else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    with pytest.raises((RunError, httpx2.TransportError)):
        await way("rebinding.example", inner.port, Policy.parse("127.0.0.2"), tmp_path)
    assert not inner.came()
