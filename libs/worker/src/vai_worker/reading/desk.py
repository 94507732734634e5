"""Starts processes that read tables, so that reading never blocks the gateway or fills its memory."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from vai_worker.lake.storage import NotThere, Unread, open_lake
from vai_worker.reading.request import Request

SECONDS = 60.0
"""The time limit of a preview or a profile, in seconds."""

_PIECE = 1 << 16
_LARGEST = 16 << 20
_FAILED = 3
_PASSED = ("PATH", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Busy(Exception):
    """Too many tables are being read at the same time. Try again in a moment."""


class CannotRead(Exception):
    """`word`: `gone`, `column`, `too_large` or `lake`; the message says what to do."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


class Desk:
    """At most so many looks (previews, profiles), downloads of tables, and of files at once. A look waits for its turn,
    a download does not: it may last for an hour.
    """

    def __init__(self, looks: int = 2, waiting: int = 16, downloads: int = 4, files: int = 8) -> None:
        self._looks = asyncio.Semaphore(looks)
        self._downloads = asyncio.Semaphore(downloads)
        self._files = asyncio.Semaphore(files)
        self._most_waiting, self._waiting = waiting, 0

    async def look(self, request: Request) -> dict[str, Any]:
        """The answer to a preview or profile. Raises `Busy`, `CannotRead`."""
        if self._waiting >= self._most_waiting:
            raise Busy
        self._waiting += 1
        try:
            async with self._looks, asyncio.timeout(SECONDS), _reading(request) as process:
                assert process.stdout is not None
                text = await process.stdout.read()
                await _check(process)
                found: dict[str, Any] = json.loads(text)
                return found
        except TimeoutError:
            message = f"reading took longer than {SECONDS:g} s: read it with a transform"
            raise CannotRead("too_large", message) from None
        finally:
            self._waiting -= 1

    async def download(self, request: Request) -> AsyncGenerator[bytes, None]:
        """The table as a file, piece by piece, no faster than it is taken. Raises `Busy`, `CannotRead`.

        The process ends when the generator is closed.
        """
        if self._downloads.locked():
            raise Busy
        async with self._downloads, _reading(request) as process:
            assert process.stdout is not None
            while piece := await process.stdout.read(_PIECE):
                yield piece
            await _check(process)

    async def file(self, lake_url: str, path: str) -> AsyncGenerator[bytes, None]:
        """A file of the lake as it is, piece by piece, no faster than it is taken. Raises `Busy`, `CannotRead`."""
        if self._files.locked():
            raise Busy
        async with self._files:
            parts = open_lake(lake_url).parts(path)
            try:
                while part := await asyncio.to_thread(lambda: next(parts, b"")):
                    yield part
            except NotThere:
                raise CannotRead("gone", "the file is not in the lake any more: run what brings it again") from None
            except Unread as error:
                raise CannotRead("lake", f"the lake does not give the file: {error}") from None


@asynccontextmanager
async def _reading(request: Request) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vai_worker.reading", str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(request.lake_url),
        limit=_PIECE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(request.written())
        with suppress(ConnectionError):  # it has ended; its code says so
            await process.stdin.drain()
        process.stdin.close()
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _check(process: asyncio.subprocess.Process) -> None:
    """Raises `CannotRead` unless the process has done what it was asked for."""
    assert process.stderr is not None
    said = await process.stderr.read(_LARGEST)
    code = await process.wait()
    if code == 0:
        return
    if code == _FAILED:
        fault = json.loads(said)
        raise CannotRead(fault["word"], fault["message"])
    if code < 0:
        raise CannotRead("too_large", "reading it took more than a reading may take: read it with a transform")
    raise RuntimeError(f"python -m vai_worker.reading ended with {code}: {said[-2000:].decode(errors='replace')}")


def _environment(lake_url: str) -> dict[str, str]:
    """The process's environment: no settings of ours, and no secrets except the keys to the lake."""
    has_keys = lake_url.startswith("s3://")
    passed = {name: os.environ[name] for name in os.environ if _is_passed(name, has_keys)}
    return passed | {"PYTHONPATH": os.pathsep.join(sys.path)}


def _is_passed(name: str, has_keys: bool) -> bool:
    return name in _PASSED or name.upper().endswith("_PROXY") or (has_keys and name.startswith("AWS_"))
