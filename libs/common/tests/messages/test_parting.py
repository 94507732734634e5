"""An answer arrives, however much its client still sends; what is read and dropped has bounds."""

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from vai_common.messages import protocol
from vai_common.messages.parting import PartingBounds
from vai_common.messages.protocol import Bounds
from vai_testkit.servers.sse import served
from vai_testkit.wait import wait_for

_LARGE = 10 * 1024 * 1024
_SLOW_MACHINE = PartingBounds(seconds=60, silent_seconds=60)
_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def refuses(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers 413 before it has read the body."""
    headers = [(b"content-length", b"2"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"no"})


async def refuses_late(scope: Any, receive: Any, send: Any) -> None:
    """Answers 413 after some of the body."""
    await receive()
    await refuses(scope, receive, send)


async def keeps(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers 401 before it has read the body, and keeps the connection."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def breaks(_scope: Any, _receive: Any, _send: Any) -> None:
    raise RuntimeError("the application broke before it read the body")


@asynccontextmanager
async def at(app: Any, parting: PartingBounds = _SLOW_MACHINE) -> AsyncIterator[int]:
    async with served(app, Bounds(parting=parting)) as url:
        yield int(url.rpartition(":")[2])


def sent_whole(port: int, *parts: bytes) -> bytes:
    """Everything that the server says to a client that sends all of its request before it reads a byte."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        heard = b""
        while more := connection.recv(65_536):
            heard += more
        return heard


def asked(port: int, body: Any, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[protocol.Door]:
    """One entry for each connection that lingered and is closed."""
    doors: list[protocol.Door] = []
    leave = protocol.Door.lingered

    def lingered(door: protocol.Door) -> None:
        leave(door)
        doors.append(door)

    monkeypatch.setattr(protocol.Door, "lingered", lingered)
    return doors


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the server gives to its sockets, write by write."""
    found: list[bytes] = []

    class Noting:
        """A transport that notes what is written to it."""

        def __init__(self, transport: asyncio.Transport) -> None:
            self._transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

        def write(self, data: bytes) -> None:
            found.append(data)
            self._transport.write(data)

    made = protocol.BoundedProtocol.connection_made

    def noted(self: protocol.BoundedProtocol, transport: Any) -> None:
        made(self, cast(asyncio.Transport, Noting(transport)))

    monkeypatch.setattr(protocol.BoundedProtocol, "connection_made", noted)
    return found


@pytest.mark.parametrize("app", [refuses, refuses_late, keeps, breaks])
async def test_a_client_that_sends_all_before_it_reads_gets_its_answer(app: Any) -> None:
    expected = {keeps: (401, b"no"), breaks: (500, b"Internal Server Error")}.get(app, (413, b"no"))
    async with at(app) as port:
        assert await asyncio.to_thread(asked, port, b"x" * _LARGE) == expected
        chunks = iter([b"x" * 65_536] * 80)
        assert await asyncio.to_thread(asked, port, chunks) == expected


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([_HEAD + b"Content-Length: 10485760\r\n\r\n", b"x" * _LARGE], b"413"),
        ([_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"100000\r\n" + b"x" * 0x100000 + b"\r\n"] * 5], b"413"),
        ([b"nonsense\r\n\r\n", b"x" * _LARGE], b"400"),
        ([b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"x" * _LARGE], b"431"),
        ([b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n", b"x" * _LARGE], b"431"),
        ([_HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"x" * _LARGE], b"400"),
    ],
)
async def test_whatever_refuses_a_request_is_read_by_who_still_sends(parts: list[bytes], status: bytes) -> None:
    async with at(refuses) as port:
        heard = await asyncio.to_thread(sent_whole, port, *parts)
    assert heard.startswith(b"HTTP/1.1 " + status), heard[:200]
    assert heard.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "bounds",
    [
        PartingBounds(seconds=60, silent_seconds=60, bytes=100_000),
        PartingBounds(seconds=0.05, silent_seconds=60, bytes=2**60),
    ],
)
async def test_who_never_stops_sending_is_cut_off(bounds: PartingBounds) -> None:
    async with at(refuses, bounds) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEAD + b"Content-Length: 99999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(60):
                while True:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
        writer.close()


async def test_who_says_nothing_more_and_does_not_close_is_closed(left: list[protocol.Door]) -> None:
    async with at(refuses, PartingBounds(seconds=60, silent_seconds=0.05)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_HEAD + b"Content-Length: 10\r\n\r\nabc")
        assert (await reader.read()).startswith(b"HTTP/1.1 413")
        await wait_for(lambda: left, what="the server has closed the connection")
        writer.close()


async def test_an_answer_to_a_whole_request_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol.Door, "may_linger", lambda _: pytest.fail("it lingers"))
    async with at(refuses) as port:
        assert await asyncio.to_thread(sent_whole, port, _HEAD + b"Content-Length: 2\r\n\r\nok")


async def test_a_few_connections_linger_at_once_and_each_leaves_its_place(
    monkeypatch: pytest.MonkeyPatch, left: list[protocol.Door]
) -> None:
    monkeypatch.setattr(protocol, "MOST_PARTING", 1)
    async with at(refuses) as port:
        for count in range(1, 4):
            assert await asyncio.to_thread(asked, port, b"x" * _LARGE) == (413, b"no")
            await wait_for(lambda count=count: len(left) == count, what="the place is free again")
    door = protocol.Door()
    assert [door.may_linger(), door.may_linger()] == [True, False]


async def says_its_head_first(_scope: Any, _receive: Any, send: Any) -> None:
    """Begins an answer whose body comes when the client has read the head."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await _GOES_ON.wait()
    await send({"type": "http.response.body", "body": b"ok"})


_GOES_ON = asyncio.Event()


async def test_the_head_of_an_answer_goes_out_with_its_body(written: list[bytes]) -> None:
    async with at(keeps) as port:
        for count in range(1, 4):
            assert await asyncio.to_thread(asked, port, b"x") == (401, b"no")
            assert len(written) == count
            assert written[-1].startswith(b"HTTP/1.1 401")
            assert written[-1].endswith(b"\r\n\r\nno")


async def test_a_head_whose_body_comes_later_does_not_wait_for_it(written: list[bytes]) -> None:
    _GOES_ON.clear()
    async with at(says_its_head_first) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            _GOES_ON.set()
            assert await reader.readexactly(2) == b"ok"
        writer.close()
    assert [part.startswith(b"HTTP/1.1") for part in written] == [True, False]


async def test_a_head_is_not_lost_where_the_connection_closes_behind_it(written: list[bytes]) -> None:
    async with at(keeps) as port:
        heard = await asyncio.to_thread(sent_whole, port, b"GET / HTTP/1.0\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 401")
    assert heard.endswith(b"no")
    assert written == [heard]
