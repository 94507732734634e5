"""An API whose answers are kept: each is asked once of the real (test) server, and after that given as bytes.

So what is measured is who reads, not who answers. It stands in a process of its own.
"""

import asyncio
import http.client
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from bench.servers import serving

_LEFT_OUT = frozenset(("content-length", "connection", "transfer-encoding", "date", "server"))


def recorded(url: str) -> AbstractContextManager[str]:
    """The address at which the answers of `url` are kept."""
    return serving(_serve, url)


def _serve(ready: Connection, url: str) -> None:
    asyncio.run(_Recorded(url).serve(ready))


class _Recorded:
    def __init__(self, url: str) -> None:
        self._behind = urlsplit(url)
        self._known: dict[tuple[str, str, bytes], bytes] = {}
        self._here = b""

    async def serve(self, ready: Connection) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self._here = f"http://127.0.0.1:{port}".encode()
        ready.send(port)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = (method, target, body)
                if asked not in self._known:
                    self._known[asked] = await asyncio.to_thread(self._answer, asked, headers)
                writer.write(self._known[asked])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, asked: tuple[str, str, bytes], headers: dict[str, str]) -> bytes:
        """What the server behind answers; links to itself lead here."""
        method, target, body = asked
        passed = {name: value for name, value in headers.items() if name and name not in (*_LEFT_OUT, "host")}
        behind = http.client.HTTPConnection(self._behind.hostname or "", self._behind.port or 80, timeout=60)
        behind.request(method, target, body or None, passed | {"accept-encoding": "identity"})
        answer = behind.getresponse()
        said = answer.read().replace(self._behind.geturl().encode(), self._here)
        behind.close()
        lines = [f"HTTP/1.1 {answer.status} OK"]
        lines += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in _LEFT_OUT]
        lines += [f"Content-Length: {len(said)}", "", ""]
        return "\r\n".join(lines).encode() + said
