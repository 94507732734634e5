"""Who may be connected to. No test leaves this machine: names resolve to what a test says."""

import asyncio
import pickle
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpcore2
import httpx2
import pytest

from vai_common.egress.addresses import PUBLIC as PUBLIC_ONLY
from vai_common.egress.addresses import EgressRefused, Policy, UnknownHost, is_public, resolve
from vai_common.egress.httpx2_guard import GuardedBackend, guarded_client
from vai_common.errors import ErrorCode, Permanent

Names = dict[str, list[str] | Exception]
PUBLIC = "93.184.215.14"
INSIDE = Policy.parse("loopback,private")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names and their addresses; everything else is resolved without leaving the machine."""
    known: Names = {}
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        found = known[host]
        if isinstance(found, Exception):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


@pytest.fixture
async def served() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback: its port and the first lines of the requests that reached it."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        target = b"http://inside.example/secret"
        if seen[-1].startswith(b"GET /away"):
            head = b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\n"
        else:
            head = b"HTTP/1.1 200 OK\r\n"
        writer.write(head + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], seen
    server.close()
    await server.wait_closed()


class Dialled(httpcore2.AsyncNetworkBackend):
    """Notes whom it was told to connect to; `silent` ones never answer."""

    def __init__(self, silent: Iterable[str] = ()) -> None:
        self.addresses: list[str] = []
        self.silent = set(silent)

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        self.addresses.append(host)
        if host in self.silent:
            raise httpcore2.ConnectTimeout("silent")
        return httpcore2.AsyncMockStream([])


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.19.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.251",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_of_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://127.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://user:password@127.0.0.1:{port}/",
    "http://public.example@127.0.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/",
    "http://100.64.0.1/",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://loopback.example:{port}/",
    "http://mixed.example:{port}/",
    "http://LOOPBACK.example:{port}/",
    "https://loopback.example:{port}/",
]


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_url_is_refused_before_anything_is_connected(
    url: str, names: Names, served: tuple[int, list[bytes]]
) -> None:
    port, seen = served
    names["localhost"] = ["127.0.0.1"]
    names["loopback.example"] = ["127.0.0.1"]
    names["mixed.example"] = [PUBLIC, "127.0.0.1"]
    async with guarded_client(PUBLIC_ONLY) as client:
        with pytest.raises(EgressRefused) as refused:
            await client.get(url.format(port=port))
    assert refused.value.code is ErrorCode.CONNECTION_ERROR
    assert "not public" in refused.value.message
    assert seen == []


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "fd00:ec2::254"])
def test_a_metadata_service_is_refused_even_where_private_addresses_are_allowed(address: str) -> None:
    with pytest.raises(EgressRefused):
        resolve(address, 80, INSIDE)


@pytest.mark.parametrize(
    ("setting", "permitted", "refused"),
    [
        ("", ["1.1.1.1"], ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"]),
        ("loopback", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"], ["10.0.0.1", "192.168.1.1", "fd00::1"]),
        ("private", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "100.64.0.1"], ["127.0.0.1", "::1"]),
        ("10.1.0.0/16, fd12::/16", ["10.1.2.3", "fd12::7", "2002:a01:203::"], ["10.2.0.1", "fd13::1", "127.0.0.1"]),
        ("loopback,192.168.7.5", ["127.0.0.1", "192.168.7.5"], ["192.168.7.6"]),
        ("0.0.0.0/0,::/0", ["10.0.0.1", "127.0.0.1"], ["169.254.1.1", "fe80::1", "0.0.0.0", "::", "224.0.0.1"]),
        ("169.254.0.0/16,fd00::/8", ["fd00::1"], ["169.254.169.254", "169.254.1.1", "fd00:ec2::254"]),
    ],
)
def test_the_setting_says_which_private_addresses_are_permitted(
    setting: str, permitted: list[str], refused: list[str]
) -> None:
    policy = Policy.parse(setting)
    assert [address for address in permitted if not policy.permits(address)] == []
    assert [address for address in refused if policy.permits(address)] == []
    assert Policy.parse(str(policy)) == policy


@pytest.mark.parametrize("setting", ["true", "all", "10.0.0.1/8", "10.0.0.0/33", "localhost", "*"])
def test_a_setting_that_names_no_network_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="is neither loopback, private nor a network"):
        Policy.parse(setting)


@pytest.mark.parametrize("host", ["0177.0.0.1", "127.1", "0x7f.1", "2130706433", "0", "::1", "::ffff:10.0.0.1"])
def test_the_resolver_for_other_clients_refuses_the_same(host: str) -> None:
    with pytest.raises(EgressRefused):
        resolve(host, 443, PUBLIC_ONLY)


def test_the_resolver_for_other_clients_gives_each_address_once(names: Names) -> None:
    names["public.example"] = [PUBLIC, PUBLIC, "1.1.1.1"]
    assert resolve("public.example", 443, PUBLIC_ONLY) == [PUBLIC, "1.1.1.1"]
    names["inside.example"] = ["10.0.0.7"]
    assert resolve("inside.example", 443, INSIDE) == ["10.0.0.7"]


async def test_an_installation_that_allows_loopback_reaches_its_own_server(
    names: Names, served: tuple[int, list[bytes]]
) -> None:
    port, seen = served
    names["warehouse.internal"] = ["127.0.0.1"]
    async with guarded_client(INSIDE) as client:
        response = await client.get(f"http://warehouse.internal:{port}/stock")
    assert (response.status_code, response.text) == (200, "ok")
    assert b"host: warehouse.internal" in seen[0].lower()


async def test_a_redirect_is_checked_like_the_first_address(names: Names, served: tuple[int, list[bytes]]) -> None:
    port, seen = served
    names["inside.example"] = ["169.254.169.254"]
    async with guarded_client(INSIDE) as client:
        with pytest.raises(EgressRefused, match=r"inside\.example"):
            await client.get(f"http://127.0.0.1:{port}/away", follow_redirects=True)
    assert len(seen) == 1


async def test_a_proxy_in_the_environment_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, served: tuple[int, list[bytes]]
) -> None:
    port, seen = served
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    async with guarded_client(PUBLIC_ONLY) as client:
        with pytest.raises(EgressRefused):
            await client.get("http://10.0.0.1/")
    assert seen == []


async def test_a_name_that_changes_its_mind_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [PUBLIC, "127.0.0.1"]

    def rebind(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    dialled = Dialled()
    await GuardedBackend(PUBLIC_ONLY, inner=dialled).connect_tcp("rebinding.example", 80)
    assert dialled.addresses == [PUBLIC]
    assert answers == ["127.0.0.1"]


async def test_a_silent_address_does_not_hide_one_that_answers(names: Names) -> None:
    names["two.example"] = ["1.1.1.1", "1.0.0.1"]
    dialled = Dialled(silent=["1.1.1.1"])
    await GuardedBackend(PUBLIC_ONLY, inner=dialled).connect_tcp("two.example", 80)
    assert dialled.addresses == ["1.1.1.1", "1.0.0.1"]


async def test_a_host_whose_addresses_are_all_silent_times_out(names: Names) -> None:
    names["two.example"] = ["1.1.1.1", "1.0.0.1"]
    backend = GuardedBackend(PUBLIC_ONLY, inner=Dialled(silent=["1.1.1.1", "1.0.0.1"]))
    with pytest.raises(httpcore2.ConnectTimeout):
        await backend.connect_tcp("two.example", 80)


async def test_an_unknown_host_is_a_final_error_that_names_it(names: Names) -> None:
    names["nowhere.example"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    async with guarded_client(PUBLIC_ONLY) as client:
        with pytest.raises(UnknownHost, match=r"nowhere\.example") as unknown:
            await client.get("http://nowhere.example/")
    assert isinstance(unknown.value, Permanent)


def test_a_port_that_cannot_be_is_an_unknown_host() -> None:
    with pytest.raises(UnknownHost, match=r"1\.1\.1\.1:99999"):
        resolve("1.1.1.1", 99_999, PUBLIC_ONLY)


async def test_a_resolver_that_fails_for_a_moment_is_no_final_error(names: Names) -> None:
    names["later.example"] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    async with guarded_client(PUBLIC_ONLY) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get("http://later.example/")


async def test_a_resolver_that_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stuck(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    with pytest.raises(httpcore2.ConnectTimeout):
        await GuardedBackend(PUBLIC_ONLY, inner=Dialled()).connect_tcp("stuck.example", 80, timeout=0.05)
    release.set()


async def test_a_local_socket_is_never_opened() -> None:
    with pytest.raises(EgressRefused):
        await GuardedBackend(INSIDE).connect_unix_socket("/var/run/docker.sock")


@pytest.mark.parametrize("make", [lambda: EgressRefused("inside.example", "10.0.0.1"), lambda: UnknownHost("nowhere")])
def test_the_errors_travel_between_processes(make: Callable[[], Permanent]) -> None:
    error = make()
    copy = pickle.loads(pickle.dumps(error))
    assert copy.as_json() == error.as_json()
