"""Starts the process that draws charts, and bounds it: time, memory, size of its answers."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

LARGEST_ANSWER: Final = 32 << 20
MEMORY: Final = 1 << 30  # bytes that it holds; 120 MB are usual, V8 reserves much more of addresses
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_LOOK_EVERY: Final = 0.1  # seconds
_PIECE: Final = 1 << 16


class CannotDraw(Exception):
    """The message says why, and what to do."""


class ChartProcess:
    """Draws one chart after the other. Blocks: not for an event loop. `check` is called while it waits, and may raise.

    `seconds` is the time limit of one chart.
    """

    def __init__(self, seconds: float, check: Callable[[], None] = lambda: None) -> None:
        self._seconds, self._check = seconds, check
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ChartProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def svg(self, spec: dict[str, Any], prefix: str, label: str) -> str:
        """The drawing of a Vega-Lite specification that holds its data. Raises `CannotDraw`."""
        return str(self._asked({"spec": spec, "prefix": prefix, "label": label})["svg"])

    def png(self, svg: str, scale: float) -> str:
        """A drawing as PNG, in base64. Raises `CannotDraw`."""
        return str(self._asked({"svg": svg, "scale": scale})["png"])

    def _asked(self, order: dict[str, Any]) -> dict[str, Any]:
        process = self._running()
        try:
            found: dict[str, Any] = json.loads(self._exchanged(process, json.dumps(order).encode() + b"\n"))
        except BaseException:
            self._end()  # no half-read answer is left
            raise
        if "error" in found:
            raise CannotDraw(found["error"])
        return found

    def _exchanged(self, process: subprocess.Popen[bytes], asked: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        until, source, sink = time.monotonic() + self._seconds, process.stdout.fileno(), process.stdin.fileno()
        os.set_blocking(sink, False)
        rest, line = memoryview(asked), bytearray()
        while not line.endswith(b"\n"):
            self._check()
            self._bound(process, until, len(line))
            readable, writable, _ = select.select([source], [sink] if rest else [], [], _LOOK_EVERY)
            if writable:
                with suppress(BlockingIOError, BrokenPipeError):
                    rest = rest[os.write(sink, rest[:_PIECE]) :]
            if readable:
                part = os.read(source, _PIECE)
                if not part:
                    raise CannotDraw("the drawing process ended: the chart needs too much; draw fewer rows")
                line += part
        return bytes(line)

    def _bound(self, process: subprocess.Popen[bytes], until: float, size: int) -> None:
        if time.monotonic() > until:
            raise CannotDraw(f"drawing it took longer than {self._seconds:g} s: draw fewer rows")
        if size > LARGEST_ANSWER or _resident(process.pid) > MEMORY:
            raise CannotDraw("drawing it needs more memory than a chart may use: draw fewer rows")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vai_drawing.charts"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path), "TZ": "UTC"},
                close_fds=True,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for end in (process.stdin, process.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        process.kill()
        process.wait()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
