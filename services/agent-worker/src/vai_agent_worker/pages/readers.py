"""The worker's side of reading pages: a few reader processes, which are replaced if a page breaks them (rule 12).

They start with the first page and stop when there was none for a while. If a page fills its reader's memory, does not
end or breaks the process, only this page is lost.
"""

import asyncio
import base64
import os
import signal
import socket
from contextlib import suppress
from typing import Any, cast
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from vai_agent_worker.metrics import page_readers_lost
from vai_agent_worker.pages.asked import Asked, Reading
from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Retryable
from vai_common.telemetry import service_name
from vai_worker.children import frames
from vai_worker.children.forking import Server, ServerLost

IDLE_SECONDS = 120.0
"""How long the processes stay when there is no page to read."""

GRACE_SECONDS = 1.5
"""How many seconds after its time limit a reader is killed that does not keep it."""

_MODULES = ("vai_agent_worker.pages.read_page", "vai_agent_worker.pages.html_page", "trafilatura", "pypdf")
_PAGES_EACH = 500
_BEAT_SECONDS = 3_600.0  # a reader is supervised by its time limit, not by beats
_START_SECONDS = 30.0
_LARGE = 65_536  # bytes; smaller pages are compressed in the event loop

_log = structlog.get_logger()


class Readers:
    """At most `at_once` readers, each with `memory_mb` for its pages. One organisation never uses all of them."""

    def __init__(self, memory_mb: int = 256, at_once: int | None = None) -> None:
        self._memory_mb = memory_mb
        self._at_once = at_once or max(2, min(4, os.cpu_count() or 1))
        self._room = asyncio.Semaphore(self._at_once)
        self._shares: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        self._idle: list[_Reader] = []
        self._busy = 0
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._last_used = steady_seconds()

    async def read(self, org_id: UUID, raw: bytes, asked: Asked) -> Reading:
        """Read a page, when it is this organisation's turn. The result of a page that cannot be read has a
        `refusal`.
        """
        share = self._shares.get(org_id)
        if share is None:
            share = self._shares[org_id] = asyncio.Semaphore(self._at_once - 1)
        async with share, self._room:
            self._busy += 1
            try:
                return await self._read(raw, asked)
            finally:
                self._busy -= 1
                self._last_used = steady_seconds()

    async def _read(self, raw: bytes, asked: Asked) -> Reading:
        reader = self._idle.pop() if self._idle else await self._started()
        try:
            reading = await reader.read(raw, asked)
        except BaseException:
            reader.kill()
            raise
        if reader.lives and not reading.pop("worn", False) and reader.pages < _PAGES_EACH:
            self._idle.append(reader)
        else:
            reader.kill()
        return reading

    async def stop_idle_once(self) -> None:
        """End the processes if there was no page for a while."""
        if self._server is not None and not self._busy and steady_seconds() - self._last_used > IDLE_SECONDS:
            await self.stop()

    async def stop(self) -> None:
        """End all of them."""
        while self._idle:
            self._idle.pop().kill()
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _started(self) -> "_Reader":
        async with self._starting:
            for is_last in (False, True):
                if self._server is None or not self._server.lives:
                    await self.stop()
                    self._server = await Server.started(_MODULES, "")
                try:
                    return await _Reader.started(self._server, self._memory_mb)
                except ServerLost as lost:
                    await self.stop()
                    if is_last:
                        raise Retryable(ErrorCode.INTERNAL_ERROR, f"No page can be read now: {lost}.") from lost
        raise AssertionError("one of two has returned or raised")


class _Reader:
    """One process that reads one page after the other."""

    def __init__(self, handle: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handle: int | None = handle
        self._reader = reader
        self._writer = writer
        self.pages = 0

    @classmethod
    async def started(cls, server: Server, memory_mb: int) -> "_Reader":
        """Raises `ServerLost`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                _, handle = await asyncio.shield(asyncio.to_thread(server.fork, theirs))
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        streams = await asyncio.open_connection(sock=ours, limit=frames.LARGEST)
        found = cls(handle, *streams)
        try:
            await found._write(frames.encode(_first_frame(memory_mb)))
            async with asyncio.timeout(_START_SECONDS):
                await found._next()
        except (TimeoutError, EOFError, OSError) as error:
            found.kill()
            raise ServerLost(f"a reader of pages did not start ({type(error).__name__})") from error
        except BaseException:
            found.kill()
            raise
        return found

    @property
    def lives(self) -> bool:
        return self._handle is not None

    async def read(self, raw: bytes, asked: Asked) -> Reading:
        self.pages += 1
        frame = await asyncio.to_thread(_page_frame, raw, asked) if len(raw) > _LARGE else _page_frame(raw, asked)
        try:
            async with asyncio.timeout(asked["seconds"] + GRACE_SECONDS):
                await self._write(frame)
                return cast(Reading, (await self._next())["payload"])
        except TimeoutError:
            return self._lost("time", f"takes longer than {asked['seconds']:.0f} s to read")
        except (EOFError, OSError):
            return self._lost("crash", "needs more memory than a page may have, or is made to break what reads it")

    def _lost(self, why: str, refusal: str) -> Reading:
        page_readers_lost.labels(why=why).inc()
        _log.warning("page_reader_lost", why=why)
        self.kill()
        return {"refusal": refusal}

    def kill(self) -> None:
        """End the process if it still lives."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = None
            self._writer.close()

    async def _write(self, frame: bytes) -> None:
        self._writer.write(frame)
        await self._writer.drain()

    async def _next(self) -> dict[str, Any]:
        """The next question. Raises EOFError (`IncompleteReadError` is one) when the process has ended."""
        while True:
            head = await self._reader.readexactly(4)
            frame = frames.decode(await self._reader.readexactly(frames.length_of(head)))
            if frame["type"] == "ask":
                return frame
            if frame["type"] == "failed":
                raise EOFError


def _page_frame(raw: bytes, asked: Asked) -> bytes:
    page = {"raw": base64.b64encode(raw).decode(), "asked": asked}
    return frames.encode({"type": "answer", "error": None, "answer": page})


def _first_frame(memory_mb: int) -> dict[str, Any]:
    """The job of a reader process. It has no run, no organisation and no secrets."""
    job = {"run_id": "", "org_id": "", "epoch": 0, "attempt": 1, "kind": "fetch_page", "definition": {}}
    job |= {"checkpoint": None, "lake_url": "", "prepared": {"memory_mb": memory_mb}}
    return {"entry": "vai_agent_worker.pages.read_page:serve", "job": job, "connection": None, "is_kept": False,
            "beat_seconds": _BEAT_SECONDS, "traceparent": None, "service": service_name()}  # fmt: skip
