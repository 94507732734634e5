"""How an answer is written, and a connection closed while its client still sends.

The head of an answer goes out together with what follows it: each write of a socket costs the sender and the receiver
about as much as parsing the request.

The answer must arrive before the connection is closed (RFC 9112, 9.6).

A socket that is closed with bytes that nobody has read resets its connection, and the reset takes the answer with it:
a client that first sends all of a large body, as Python's `http.client` does, never reads its 413. So the rest is
read and dropped until the client closes, within bounds (rule 24).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PartingBounds:
    """What is dropped after the last answer: seconds in all, seconds in which nothing comes, and bytes."""

    seconds: float = 30.0
    silent_seconds: float = 5.0
    bytes: int = 64 * 1024 * 1024


class Parting:
    """A transport whose `close` lets the answer arrive where `is_unread` says that the client still sends.

    `may_linger` says whether there is room for one more such connection; each that lingered calls `left`. Whoever
    reads gives what comes after `close` to `drop`. A second `close` closes at once.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        is_unread: Callable[[], bool],
        may_linger: Callable[[], bool],
        bounds: PartingBounds,
    ) -> None:
        self._transport = transport
        self._is_unread = is_unread
        self._may_linger = may_linger
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._end = 0.0
        self._left = 0
        self._silent: asyncio.TimerHandle | None = None
        self._head_is_next = False
        self._head: bytes | None = None
        self.is_lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.is_lingering or self._transport.is_closing()

    def head_is_next(self) -> None:
        """The next write is the head of an answer. It waits for what is written after it, one round of the loop at
        most."""
        self._head_is_next = True

    def write(self, data: bytes) -> None:
        if self.is_lingering:
            return
        if self._head is not None:
            self._transport.write(self._head + data)
            self._head = None
        elif self._head_is_next:
            self._head_is_next, self._head = False, data
            self._loop.call_soon(self._write_head)
        else:
            self._transport.write(data)

    def _write_head(self) -> None:
        if self._head is not None:
            self._transport.write(self._head)
            self._head = None

    def close(self) -> None:
        self._write_head()
        if self.is_closing() or not self._is_unread() or not self._may_linger():
            self.end()
            return
        self.is_lingering = True
        self._left, self._end = self._bounds.bytes, self._loop.time() + self._bounds.seconds
        if self._transport.can_write_eof():  # TLS cannot close one direction
            self._transport.write_eof()
        self._transport.resume_reading()
        self._wait()

    def drop(self, size: int) -> None:
        """`size` bytes have come that nobody will read."""
        self._left -= size
        if self._left < 0 or self._loop.time() >= self._end:
            self.end()
        else:
            self._wait()

    def end(self) -> None:
        """Close at once."""
        self._write_head()
        self.forget()
        self._transport.close()

    def forget(self) -> None:
        """The connection is gone: nothing is waited for."""
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None

    def _wait(self) -> None:
        self.forget()
        seconds = min(self._bounds.silent_seconds, self._end - self._loop.time())
        self._silent = self._loop.call_later(max(0.0, seconds), self.end)
