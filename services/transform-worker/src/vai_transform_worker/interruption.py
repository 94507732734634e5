"""Stops a long query when the run must stop. DuckDB itself does not read the worker's messages."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_worker.children.link import Link, Stop

_LOOK_EVERY = 0.2  # seconds


class Watch:
    """The run's link to the worker, usable from the query's thread, and a thread that interrupts the query.

    `timeout_seconds` is the run's own time limit. After it `check` raises TIMEOUT (final, decision 25).
    """

    def __init__(self, link: Link, timeout_seconds: float | None = None) -> None:
        self._link = link
        self._timeout_seconds = timeout_seconds
        self._started = time.monotonic()
        self._speaking = threading.Lock()
        self._ended = threading.Event()
        self._reason: Exception | None = None
        self._interrupt: Callable[[], None] | None = None
        self._interrupting = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """How long the run has been going, rounded to milliseconds."""
        return round(time.monotonic() - self._started, 3)

    def interrupts(self, interrupt: Callable[[], None] | None) -> None:
        """Set the function that is called when the run must stop. Set None before the query's connection is closed."""
        with self._interrupting:
            self._interrupt = interrupt

    def check(self) -> None:
        """Raise the reason if the run must stop."""
        if self._reason is not None:
            raise self._reason

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the run may go on."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            self._ended.wait(min(left, _LOOK_EVERY))

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.check()
        with self._speaking:
            return self._link.ask(question, payload)

    def log(self, event: str, message: str, data: dict[str, Any] | None = None) -> None:
        with self._speaking:
            self._link.log(event, message, data)

    def warn(self, event: str, message: str, data: dict[str, Any] | None = None) -> None:
        with self._speaking:
            self._link.log(event, message, data, "warning")

    def progress(self, progress: dict[str, Any]) -> None:
        with self._speaking:
            self._link.progress(progress)

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            self._look_once()

    def _look_once(self) -> None:
        self._reason = self._reason or self._overdue() or self._stopped()
        with self._interrupting:
            # repeated, since DuckDB forgets an interrupt that comes between two queries
            if self._reason is not None and self._interrupt is not None:
                self._interrupt()

    def _overdue(self) -> Exception | None:
        limit = self._timeout_seconds
        if limit is None or time.monotonic() - self._started < limit:
            return None
        message = (
            f"The run took longer than its time limit ({limit:g} s): give it more (timeout_seconds), or less to do"
        )
        return Permanent(ErrorCode.TIMEOUT, message, {"timeout_seconds": limit})

    def _stopped(self) -> Exception | None:
        if not self._speaking.acquire(blocking=False):
            return None  # the query's thread is asking the worker, and learns of a stop itself
        try:
            self._link.check()
        except Stop as stop:
            return stop
        finally:
            self._speaking.release()
        return None
