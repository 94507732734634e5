"""Bounds of incoming HTTP (rule 24): how long a client may take, and how much it may send.

Heads have a largest size, number of headers and time, bodies a time, connections a number. Errors have the same shape
as all errors of the API.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from vai_common.messages.parting import Parting, PartingBounds

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers."""

MOST_HEADERS = 200
"""Headers of one request."""

MOST_AHEAD = 32
"""Requests that a connection may send before their answers (pipelining). With one more it is closed after the answers
to these; the client sends the unanswered ones again (RFC 9112, 9.3.2)."""

_SLICE = 16 * 1024
"""Bytes that the parser gets at once: one read of the event loop may be 256 KiB, which holds many heads."""


MOST_PARTING = 200
"""Connections of a server whose clients still send after their last answer. More are closed at once."""


@dataclass(frozen=True)
class Bounds:
    """Seconds that a client may take for a head, and for a body; connections at once, in all and of one address;
    what it may send after its last answer."""

    head_seconds: float = 30.0
    body_seconds: float = 60.0
    connections: int = 5_000
    connections_per_address: int = 1_000
    parting: PartingBounds = field(default_factory=PartingBounds)


class Door:
    """Counts the open connections of one server. A bound of 0 means that there is none."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._of_address: Counter[str] = Counter()
        self._all = 0
        self._parting = 0

    def enter(self, address: str) -> bool:
        """Count a connection and return whether there was room for it. Call `leave` at its end in any case."""
        self._all += 1
        self._of_address[address] += 1
        most, most_of_address = self.bounds.connections, self.bounds.connections_per_address
        return not (most and self._all > most) and not (most_of_address and self._of_address[address] > most_of_address)

    def leave(self, address: str) -> None:
        self._all -= 1
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def may_linger(self) -> bool:
        """Count a connection that lingers and return True, or return False where there is no room for it."""
        if self._parting >= MOST_PARTING:
            return False
        self._parting += 1
        return True

    def lingered(self) -> None:
        self._parting -= 1


class _Refused(Exception):
    """Stops the parser, which turns it into an error of its own."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds; by itself it waits and reads without end.

    An offer to change the protocol (`Upgrade: h2c`, which Java's client sends with each request) is ignored, as RFC
    9110 allows. The parser does not read the body after such a head as HTTP, so a new parser reads it.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        door: Door | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = door or Door()
        self._bounds = self._door.bounds
        self._address = ""
        self._head_size = 0
        self._in_head = False
        self._in_body = False
        self._late: asyncio.TimerHandle | None = None
        self._refusal: tuple[HTTPStatus, str] | None = None
        # The headers that give the length of a body that this parser has not read, because of an `Upgrade` header.
        self._framing = b""
        self._reads_on = False
        # The client has sent too many requests ahead: no more is read.
        self._is_full = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._parting = Parting(transport, self._is_unread, self._door.may_linger, self._bounds.parting)
        super().connection_made(cast(asyncio.Transport, self._parting))
        self._address = self.client[0] if self.client else ""
        if not self._door.enter(self._address):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again later")
            return
        # An idle connection is closed without an answer, since the client waits for none.
        self._late = self.loop.call_later(self._bounds.head_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient()
        self._parting.forget()
        if self._parting.is_lingering:
            self._door.lingered()
        self._door.leave(self._address)
        super().connection_lost(exc)

    def _is_unread(self) -> bool:
        """Whether the client probably still sends."""
        return self._in_head or self._in_body or self._is_full or self._is_refused

    def data_received(self, data: bytes) -> None:
        if self._parting.is_lingering:
            self._parting.drop(len(data))
            return
        for start in range(0, len(data), _SLICE):
            if self._is_full or self.transport.is_closing():
                return
            part = data[start : start + _SLICE]
            self._unset_keepalive_if_required()
            self._feed(part)
            self._measure(len(part))

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            if not self._is_full:
                self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as offer:
            self._stay(data[offer.args[0] :])

    def _stay(self, rest: bytes) -> None:
        """Go on after a head that offered another protocol. `rest` are the bytes after it."""
        if self._framing:
            self.parser = httptools.HttpRequestParser(self)
            head, self._framing, self._reads_on = b"POST / HTTP/1.1\r\n" + self._framing + b"\r\n", b"", True
            self._feed(head)
        if rest and not self.transport.is_closing():
            self._feed(rest)

    def on_message_begin(self) -> None:
        if self._reads_on:
            return
        super().on_message_begin()
        self._be_patient()
        self._in_head, self._head_size = True, 0

    def on_url(self, url: bytes) -> None:
        if not self._reads_on:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._reads_on:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._reads_on:
            self._reads_on = False
            return
        if self.parser.should_upgrade():
            framing = [(name, value) for name, value in self.headers if name in _FRAMING]
            self._framing = b"".join(name + b": " + value + b"\r\n" for name, value in framing)
        self._in_head, self._in_body = False, True
        self._be_patient()
        if len(self.headers) > MOST_HEADERS:
            self._refusal = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MOST_HEADERS} headers")
            raise _Refused
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (len(codings) > 1 or codings[0].strip().lower() != b"chunked"):
            self._refusal = (HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding that is taken is chunked")
            raise _Refused
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refusal = (HTTPStatus.BAD_REQUEST, f"a request has one header Host, not {hosts}")
            raise _Refused
        if len(self.pipeline) >= MOST_AHEAD:
            self.cycle.keep_alive, self._is_full, self._in_body = False, True, False
            raise _Refused
        self._parting.head_is_next()
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0":
            self.cycle.send = _until_close(self.cycle)  # type: ignore[method-assign,assignment]

    def on_message_complete(self) -> None:
        if self._framing:
            return
        self._in_body = False
        self._be_patient()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where it cannot read a request."""
        if self._is_full:
            return
        self._refuse(*(self._refusal or (HTTPStatus.BAD_REQUEST, msg)))

    def _measure(self, size: int) -> None:
        """Refuse a head that is too large, and set the time limit for the rest of the request."""
        if self.transport.is_closing() or not (self._in_head or self._in_body):
            return
        if self._in_head:
            self._head_size += size
            if self._head_size > LARGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {LARGEST_HEAD} bytes of headers")
                return
        if self._late is None:
            seconds = self._bounds.head_seconds if self._in_head else self._bounds.body_seconds
            self._late = self.loop.call_later(seconds, self._too_slow, seconds)

    def _too_slow(self, seconds: float) -> None:
        if self._in_body and self.cycle is not None and self.cycle.response_started:
            self._parting.end()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request was not complete after {seconds:g} seconds")

    def _be_patient(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = orjson.dumps({"detail": [{"loc": [], "msg": message, "type": _WORDS.get(status, "bad_request")}]})
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            head += "retry-after: 1\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            # Whoever found no room at the door gets none to linger.
            self._is_refused = status is not HTTPStatus.SERVICE_UNAVAILABLE
            self.transport.close()
            self._be_patient()
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True
                self.cycle.message_event.set()


def _until_close(cycle: RequestResponseCycle) -> Callable[[Any], Awaitable[None]]:
    """How an answer is sent to a client of HTTP/1.0, which knows no chunks (RFC 9112 6.1).

    An answer without a length ends with its connection, which uvicorn closes after each answer to such a client.
    """
    is_open = False

    async def send(message: Any) -> None:
        nonlocal is_open
        if message["type"] == "http.response.start":
            is_open = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if is_open:
                cycle.chunked_encoding = False
        elif is_open:
            cycle.expected_content_length = len(message.get("body", b""))
        await RequestResponseCycle.send(cycle, message)

    return send


_FRAMING = (b"content-length", b"transfer-encoding")
_WORDS = {
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.NOT_IMPLEMENTED: "not_implemented",
}
