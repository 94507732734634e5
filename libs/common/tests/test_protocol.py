"""What a server answers to bytes that are no request, or never become one."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from common import protocol
from common.protocol import LARGEST_HEAD
from testkit.sse import served


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


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
    assert heard == b"" or problem(heard)[0] == 431


async def test_a_value_without_end_is_cut_short(port: int) -> None:
    heard = await said(port, b"GET / HTTP/1.1\r\nX-Long: ", *[b"x" * 8_192] * 20)
    assert heard == b"" or problem(heard)[0] == 431


async def test_a_head_that_never_ends_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    assert problem(await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n"))[0] == 408


async def test_a_head_in_pieces_and_a_large_body_are_fine(port: int) -> None:
    pieces = (b"POST / HT", b"TP/1.1\r\nHost: x\r\nContent-Le", b"ngth: 200000\r\n\r\n", b"y" * 200_000)
    assert (await said(port, *pieces)).endswith(b"ok")
