"""What a server answers to bytes that are no request, or never become one."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vai_common.messages.protocol import LARGEST_HEAD, MOST_AHEAD, MOST_HEADERS, Bounds, Door
from vai_testkit.servers.sse import served


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def patient(_scope: Any, receive: Any, send: Any) -> None:
    """Waits for the whole body before it answers."""
    while (await receive()).get("more_body"):
        continue
    await app(_scope, receive, send)


async def endless(_scope: Any, _receive: Any, send: Any) -> None:
    """Sends an answer whose length nobody knows before."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for body, more in ((b"first ", True), (b"", True), (b"ok", False)):
        await send({"type": "http.response.body", "body": body, "more_body": more})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(app) as url:
        yield int(url.rpartition(":")[2])


async def said(port: int, *parts: bytes) -> bytes:
    """Everything that the server says until it closes, or has answered with `ok`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            while not heard.endswith(b"ok") and (more := await reader.read(65_536)):
                heard += more
    except ConnectionError:
        return heard
    finally:
        writer.close()
    return heard


def problem(heard: bytes) -> tuple[int, str]:
    head, _, body = heard.partition(b"\r\n\r\n")
    (detail,) = json.loads(body)["detail"]
    assert set(detail) == {"loc", "msg", "type"}
    assert b"content-type: application/json" in head
    return int(head.split()[1]), detail["msg"]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_is_answered_in_the_one_shape(port: int, sent: bytes) -> None:
    assert problem(await said(port, sent))[0] == 400


async def test_a_head_without_end_is_cut_short(port: int) -> None:
    line = b"X-Long: " + b"x" * 1_000 + b"\r\n"
    heard = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n", *[line] * (LARGEST_HEAD // 1_000 + 50))
    assert problem(heard)[0] == 431


async def test_a_value_without_end_is_cut_short(port: int) -> None:
    heard = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", *[b"x" * 8_192] * 20)
    assert problem(heard)[0] == 431


@pytest.mark.parametrize("count", [MOST_HEADERS + 1, 10_000])
async def test_too_many_headers_are_refused_even_in_one_write(port: int, count: int) -> None:
    head = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(count)) + b"\r\n"
    heard = await said(port, head)
    assert problem(heard)[0] == 431


async def test_as_many_headers_as_allowed_are_taken(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * (MOST_HEADERS - 1) + b"\r\n"
    assert (await said(port, head)).endswith(b"ok")


async def test_a_large_head_in_one_write_is_refused(port: int) -> None:
    line = b"X-Long: " + b"x" * 1_000 + b"\r\n"
    heard = await said(port, b"GET / HTTP/1.1\r\n" + line * 120 + b"\r\n")
    assert problem(heard)[0] == 431


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"]
)
async def test_what_never_comes_is_not_waited_for(sent: bytes) -> None:
    async with served(patient, Bounds(head_seconds=0.05, body_seconds=0.05)) as url:
        assert problem(await said(int(url.rpartition(":")[2]), sent))[0] == 408


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with served(app, Bounds(head_seconds=0.05)) as url:
        assert await said(int(url.rpartition(":")[2])) == b""


async def test_a_body_that_nobody_waits_for_holds_no_connection() -> None:
    async with served(app, Bounds(body_seconds=0.05)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        async with asyncio.timeout(10):
            assert (await reader.read(-1)).endswith(b"ok")
        writer.close()


@pytest.mark.parametrize("bounds", [Bounds(connections=2), Bounds(connections_per_address=2)])
async def test_one_connection_too_many_is_told_to_come_again(bounds: Bounds) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(app, bounds) as url:
        port = int(url.rpartition(":")[2])
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        heard = await said(port, request)
        assert heard == b"" or problem(heard)[0] == 503
        for reader, writer in open_ones:
            writer.write(request)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while not (await said(port, request)).endswith(b"ok"):
                continue


def test_a_door_without_bounds_is_never_full() -> None:
    door = Door(Bounds(connections=0, connections_per_address=0))
    assert all(door.enter("::1") for _ in range(10_000))


async def test_a_head_in_pieces_and_a_large_body_are_fine(port: int) -> None:
    pieces = (b"POST / HT", b"TP/1.1\r\nHost: x\r\nContent-Le", b"ngth: 200000\r\n\r\n", b"y" * 200_000)
    assert (await said(port, *pieces)).endswith(b"ok")


async def echoing(_scope: Any, receive: Any, send: Any) -> None:
    """Answers the body with `.ok` behind it."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = body + b".ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
_POST, _GET = b"POST / HTTP/1.1\r\nHost: x\r\n" + _OFFER, b"GET / HTTP/1.1\r\nHost: x\r\n" + _OFFER + b"\r\n"

OFFERS = {
    "the body with its head": ([_POST + b"Content-Length: 5\r\n\r\nhello"], b"hello"),
    "the body later": ([_POST + b"Content-Length: 5\r\n\r\n", b"hel", b"lo"], b"hello"),
    "in chunks": ([_POST + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n"], b"hello"),
    "no body": ([_GET], b""),
    "an empty body": ([_POST + b"Content-Length: 0\r\n\r\n"], b""),
    "a large body": ([_POST + b"Content-Length: 40000\r\n\r\n" + b"x" * 40_000], b"x" * 40_000),
    "another protocol": ([(_POST + b"Content-Length: 5\r\n\r\nhello").replace(b"h2c", b"websocket")], b"hello"),
}


@pytest.mark.parametrize("offer", OFFERS)
async def test_an_offer_to_change_the_protocol_costs_no_body_and_no_connection(offer: str) -> None:
    parts, body = OFFERS[offer]
    async with served(echoing) as url:
        port = int(url.rpartition(":")[2])
        heard = await said(port, *parts)
        assert heard.endswith(b"\r\n\r\n" + body + b".ok"), heard
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in (*parts, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnext", *parts):
            writer.write(each)
        answers = b""
        async with asyncio.timeout(10):
            while answers.count(b".ok") < 3:
                answers += await reader.read(65_536)
        writer.close()
    bodies = [answer.rpartition(b"\r\n\r\n")[2] for answer in answers.split(b".ok")[:3]]
    assert bodies == [body, b"next", body]


@pytest.mark.parametrize(
    "codings", ["gzip, chunked", "chunked, chunked", "gzip", "chunked\r\nTransfer-Encoding: chunked"]
)
async def test_a_body_in_another_coding_than_chunked_is_refused(port: int, codings: str) -> None:
    sent = _POST + f"Transfer-Encoding: {codings}\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode()
    assert problem(await said(port, sent))[0] in (400, 501)


async def test_a_body_with_two_framings_behind_an_offer_is_refused() -> None:
    async with served(echoing) as url:
        port = int(url.rpartition(":")[2])
        twice = _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nhello"
        assert problem(await said(port, twice))[0] == 400


@pytest.mark.parametrize("count", [2, MOST_AHEAD + 1, 3_000])
async def test_what_is_sent_ahead_of_its_answers_is_bounded_and_all_that_is_taken_is_answered(count: int) -> None:
    asked = 0

    async def counts(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        await app(scope, receive, send)

    async with served(counts) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(one * (count - 1) + one.replace(b"Host", b"Connection: close\r\nHost"))
        async with asyncio.timeout(20):
            heard = await _all_until_closed(reader)
        writer.close()
    assert heard.count(b"200 OK") == asked == min(count, MOST_AHEAD + 1)


async def _all_until_closed(reader: asyncio.StreamReader) -> bytes:
    heard = b""
    try:
        while more := await reader.read(65_536):
            heard += more
    except ConnectionError:  # it is closed with what was not read
        pass
    return heard


async def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    async with served(endless) as url:
        port = int(url.rpartition(":")[2])
        head, _, body = (await said(port, b"GET / HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
        assert body == b"first ok"
        assert b"transfer-encoding" not in head.lower()
        assert b"connection: close" in head.lower()
        chunked = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"transfer-encoding: chunked" in chunked.lower()


async def test_an_answer_with_a_length_is_the_same_for_http_1_0(port: int) -> None:
    heard = await said(port, b"GET / HTTP/1.0\r\n\r\n")
    assert heard.endswith(b"\r\n\r\nok")
    assert b"content-length: 2" in heard.lower()
