"""Draws in a process of its own, so that a drawing never delays the server."""

import asyncio
import hashlib
import json
import os
import sys
from collections import OrderedDict
from contextlib import suppress

from vai_drawing import Graph, as_json
from vai_drawing.layout import TooLarge

SECONDS = 60.0
"""The time limit of one drawing. The largest takes about two seconds on an idle machine; the process has a low
priority.
"""

MOST_WAITING = 32
_KEPT_BYTES = 16 << 20
_LONGEST_ANSWER = 64 << 20
_IDLE_SECONDS = 60.0


def _written(graph: Graph) -> bytes:
    return json.dumps(as_json(graph)).encode() + b"\n"


class Busy(Exception):
    """Too many drawings are requested at the same time. Try again in a moment."""


class Failed(Exception):
    """The drawing process has ended by itself, not because of the graph."""


class Drawer:
    """One process that draws one graph at a time. It starts with the first graph and stops when it has been idle.

    The newest drawings are kept (16 MiB), so that the same graph is not drawn twice.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._kept_bytes = 0
        self._idle: asyncio.TimerHandle | None = None

    async def svg(self, graph: Graph) -> str:
        """The drawing as SVG. Raises `TooLarge` (also if it takes longer than `SECONDS`), `Busy` or `Failed`."""
        asked = await asyncio.to_thread(_written, graph)
        key = hashlib.sha256(asked).digest()
        if key not in self._kept:
            await self._in_turn(key, asked)
        self._kept.move_to_end(key)
        return self._kept[key]

    async def close(self) -> None:
        """Ends the process."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _in_turn(self, key: bytes, asked: bytes) -> None:
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                if key not in self._kept:
                    self._keep(key, await self._draw(asked))
        finally:
            self._waiting -= 1

    async def _draw(self, asked: bytes) -> str:
        try:
            async with asyncio.timeout(SECONDS):
                answer = json.loads(await self._exchange(asked))
        except TimeoutError:
            raise TooLarge from None
        finally:
            self._stop_when_idle()
        if "svg" not in answer:
            raise TooLarge
        return str(answer["svg"])

    async def _exchange(self, asked: bytes) -> bytes:
        """Send a graph and read its drawing. If this is interrupted, the process is ended, so that no half-read answer
        is left.
        """
        done = False
        try:
            process = await self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(asked)
            with suppress(ConnectionError):  # it has ended; the reading says so
                await process.stdin.drain()
            line = await process.stdout.readline()
            done = line.endswith(b"\n")
            if not done and (code := await process.wait()) >= 0:
                raise Failed(f"python -m vai_drawing ended with {code}; this process's standard error says why")
        finally:
            if not done:
                await self.close()
        if not done:
            raise TooLarge  # it was killed while drawing this graph, probably for its memory
        return line

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vai_drawing",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)},
                limit=_LONGEST_ANSWER,
            )
        return self._process

    def _keep(self, key: bytes, drawing: str) -> None:
        self._kept[key] = drawing
        self._kept_bytes += len(drawing)
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _stop_when_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        """Close its input, which ends it."""
        if not self._turn.locked() and self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process = None
