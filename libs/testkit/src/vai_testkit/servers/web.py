"""A web server on loopback that answers what a test says and notes what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Seen:
    """A request as it reached a server; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)


@dataclass
class Reply:
    """`raw` replaces the whole response, `hang_up` says nothing at all, `wait` holds it back until it is set."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang_up: bool = False
    wait: asyncio.Event | None = None


class WebServer:
    """`replies` maps a path to a reply, or to a function from what was seen; any other path is answered by `every`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.replies: dict[str, Reply | Callable[[Seen], Reply]] = {}
        self.every: Callable[[Seen], Reply] = lambda seen: Reply(body=b"ok")
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Self]:
        """A server that listens until the block is left."""
        web = cls()
        server = await asyncio.start_server(web._answer, "127.0.0.1", 0)
        web.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield web
        finally:
            server.close()
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen = await self._read(reader)
            self.seen.append(seen)
            reply = self.replies.get(urlsplit(seen.target).path, self.every)
            reply = reply(seen) if callable(reply) else reply
            if reply.wait:
                await reply.wait.wait()
            if not reply.hang_up:
                writer.write(self._bytes(reply) if reply.raw is None else reply.raw)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))

    @staticmethod
    def _bytes(reply: Reply) -> bytes:
        headers = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {reply.status} Said\r\n{lines}\r\n".encode() + reply.body
