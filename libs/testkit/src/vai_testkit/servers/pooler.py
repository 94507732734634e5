"""A minimal connection pooler in transaction mode: a client has a server session only during a transaction."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pooler:
    """Each client signs in on a session of its own, which then is anybody's for a transaction.

    Like PgBouncer it answers start parameters that it does not know with an error (`refuses`), announces a process id
    that is not the session's, and knows nothing of prepared statements.
    """

    def __init__(self, url: str, refuses: Sequence[str] = ()) -> None:
        self._parts = urlsplit(url)
        self._refuses = refuses
        self._free: asyncio.LifoQueue[Ends] = asyncio.LifoQueue()
        self._writers: list[asyncio.StreamWriter] = []
        self._served: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._served.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await self._signed_in(reader, writer):
                await self._transactions(reader, writer)

    async def _signed_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        start = await _start(reader)
        while start[4:8] == struct.pack("!I", 80877103):  # asks for TLS
            writer.write(b"N")
            start = await _start(reader)
        if unknown := [name for name in self._refuses if name.encode() + b"\0" in start]:
            text = f"SFATAL\0C08P01\0Munsupported startup parameter: {unknown[0]}\0\0".encode()
            writer.write(b"E" + struct.pack("!I", len(text) + 4) + text)
            return False
        server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers.append(server[1])
        server[1].write(start)
        while (answer := await _message(server[0]))[:1] != b"Z":
            writer.write(answer[:5] + b"\0\0\0\1" + answer[9:] if answer[:1] == b"K" else answer)
            if answer[:1] == b"R" and answer[5:9] not in (b"\0\0\0\0", b"\0\0\0\x0c"):
                server[1].write(await _message(reader))
        writer.write(answer)
        self._free.put_nowait(server)
        return True

    async def _transactions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each on a session of the server, until that says that it is in no transaction."""
        asked, answering, server = [0], None, None
        while (message := await _message(reader))[:1] != b"X":
            if answering is None or answering.done():
                server, asked = await self._free.get(), [0]
                answering = asyncio.create_task(self._answers(server, writer, asked))
                self._served.add(answering)
            assert server is not None
            asked[0] += message[:1] in (b"Q", b"S")
            server[1].write(message)
        writer.close()

    async def _answers(self, server: Ends, writer: asyncio.StreamWriter, asked: list[int]) -> None:
        """`asked` counts what the client waits for; it may grow meanwhile."""
        answered, message = 0, b""
        while message[:1] != b"Z" or message[5:6] != b"I" or answered < asked[0]:
            writer.write(message := await _message(server[0]))
            answered += message[:1] == b"Z"
        self._free.put_nowait(server)

    async def end(self) -> None:
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


async def _start(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)


@asynccontextmanager
async def pooled(url: str, refuses: Sequence[str] = ()) -> AsyncIterator[str]:
    """The address of the Postgres at `url` behind a pooler in transaction mode."""
    pooler = Pooler(url, refuses)
    server = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    try:
        yield urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    finally:
        server.close()
        await pooler.end()
