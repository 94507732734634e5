"""The position of a reader of a live log: what to request next, and when to stop trying."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx2

from .call import Call
from .errors import ApiError, ServerUnreachable, TooManyRequests, Unavailable, UnexpectedAnswer
from .models.answers import LogEntry
from .sending import Retries, reason_of

LONGEST_PAUSE = 5.0  # seconds between two connections
LASTED = 10.0  # seconds; a connection that held this long was a good one

Ask = Callable[[str, str | None], Call[None]]


E = TypeVar("E")


class Tail(ABC, Generic[E]):
    """Follows a stream over as many connections as it needs; `take` makes something of each event."""

    def __init__(self, url: str, ask: Ask, run_id: str, after: str | None, retries: Retries) -> None:
        self.final_status: str | None = None
        self.after = after
        self._url = url
        self._ask = ask
        self._run_id = run_id
        self._retries = retries
        self._failures = 0
        self._was_open = False
        self._opened_at: float | None = None

    @abstractmethod
    def take(self, event: httpx2.ServerSentEvent) -> E | None:
        """The object in this event, None if it has none."""

    def over(self) -> None:
        """The server has nothing more to send (204): the reader has seen the end before."""
        self.final_status = self.final_status or ""

    def done(self) -> bool:
        """True once the stream has said that the run has ended."""
        return self.final_status is not None

    def call(self) -> Call[None]:
        """Ask for everything after the last entry that was taken."""
        self._opened_at = None
        return self._ask(self._run_id, self.after)

    def opened(self) -> None:
        """The server has begun to answer."""
        self._was_open = True
        self._opened_at = time.monotonic()

    def broken(self, error: Exception | None) -> float:
        """Seconds to wait before the next connection; None says that the stream just stopped.

        Raises what went wrong if it is final, or if it went wrong too often in a row.
        """
        if self._opened_at is not None and time.monotonic() - self._opened_at >= LASTED:
            self._failures = 0
        self._failures += 1
        if isinstance(error, ApiError) and not isinstance(error, Unavailable | TooManyRequests):
            raise error
        if self._failures > (self._retries.reopenings if self._was_open else self._retries.attempts):
            raise self._final(error) from error
        asked = error.retry_after if isinstance(error, ApiError) else None
        return min(LONGEST_PAUSE, self._retries.backoff(self._failures) if asked is None else asked)

    def _final(self, error: Exception | None) -> Exception:
        if isinstance(error, httpx2.TransportError):
            return ServerUnreachable(self._url, reason_of(error))
        return error or ServerUnreachable(self._url, "the log stream stops before its end")


class LogTail(Tail[LogEntry]):
    """Follows the log of a run or of an automation run, without gap or repeat (decision 28).

    It takes as many connections as needed; `ask` makes the call for each (`logs.stream`, `automation_runs.stream`).
    `final_status` is None until the stream has ended, then the run's status; empty where the end was seen before.
    """

    def take(self, event: httpx2.ServerSentEvent) -> LogEntry | None:
        """The entry that this event carries, if it carries one."""
        if event.event == "end":
            self.final_status = _status(event.data)
            return None
        if event.event != "message" or not event.data:
            return None
        try:
            entry = LogEntry.read(event.json())
        except ValueError as error:
            raise UnexpectedAnswer(f"the log stream of {self._run_id} sends something that is not JSON") from error
        self.after = event.id or entry.id
        self._failures = 0
        return entry


def _status(data: str) -> str:
    """The word in the `end` event, given alone or as `{"status": …}`."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    return str(value.get("status", "")) if isinstance(value, dict) else str(value)
