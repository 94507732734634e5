"""A proxy to the database that can become silent: it accepts data, forwards nothing, and closes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Forwards to a server; while it is `silent`, bytes of both sides vanish, as on a path that was lost."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._served: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.silent = False
        self.url = ""
        """The server's address as it is behind this proxy."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, there = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers.append(there)
        await asyncio.gather(self._forward(reader, there), self._forward(answers, writer))

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if not self.silent:
                    target.write(data)
            if not self.silent:
                target.close()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._served.add(asyncio.create_task(self._serve(reader, writer)))

    async def end(self) -> None:
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the Postgres at `url`, on a port of its own."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    user, _, _ = proxy._parts.netloc.rpartition("@")
    port = server.sockets[0].getsockname()[1]
    proxy.url = urlunsplit(proxy._parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
