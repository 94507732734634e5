"""Handles what all requests and answers share, whatever the route.

A request gets an id, its path is normalised, and HEAD is handled as GET. An answer gets security headers and CORS
headers, and is compressed if that is worth it.
"""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any

import orjson

from vai_api_gateway.http.counting import begun, over
from vai_api_gateway.settings import Settings
from vai_common.ids import uuid7

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID = "vai.request_id"
"""The key of a request's id in its scope."""

HEAD = "vai.head"
"""The key in a request's scope that says that only the head of the answer is wanted."""

COMPRESS_FROM = 2_048
"""Bytes. Smaller answers are not compressed."""

_BESIDE_THE_LOOP = 65_536
"""Bytes. Larger answers are compressed in a thread."""

_PROCESS = uuid7().hex.encode()
_NUMBERS = count(1)
"""The process's part of request ids; a number follows. Cheaper than a random id for each request."""

_GOOD_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_GZIP = re.compile(r"(?:^|[,\s])gzip(?=[\s,;]|$)(?!\s*;\s*q=0(?:\.0*)?(?:[,\s]|$))", re.IGNORECASE)
_TEXTUAL = (b"application/json", b"application/x-ndjson", b"application/javascript", b"image/svg+xml", b"text/")
_EVENTS = b"text/event-stream"
_LIVE = (_EVENTS, b"application/x-ndjson")

_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
}
_WHERE_NOTHING_IS_SAID = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer,"
        b" traceparent, vai_token, X-API-Key, X-Request-Id",
    ),
    (b"access-control-max-age", b"600"),
    (b"content-length", b"0"),
]
_EXPOSED = b"ETag, Location, Preference-Applied, Retry-After, X-Request-Id"


class Edge:
    """Stands around the whole application, its errors included."""

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._root = settings.root_path
        self._origins = frozenset(origin.encode() for origin in settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        origin = asked.get(b"origin", b"").rstrip(b"/")
        exchange = _Exchange(send, asked, _id_of(asked), origin if origin in self._origins else b"")
        exchange.varies = bool(self._origins)
        exchange.root = self._root.encode()
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in asked and self._origins:
            await exchange.preflight(origin in self._origins)
            return
        inner = dict(scope)
        inner[REQUEST_ID] = exchange.request_id.decode()
        inner["path"] = self._path(scope["path"])
        exchange.is_static = inner["path"].startswith("/docs/static/")
        if scope["method"] == "HEAD":
            exchange.head_only = inner[HEAD] = True
            inner["method"] = "GET"
        begun()
        try:
            await self._app(inner, receive, exchange.send)
        except Exception:
            # The error was answered and logged by `problems`. The server need not log it again.
            if not exchange.complete:
                raise
        finally:
            over(inner, exchange.status, is_stream=exchange.is_stream)

    def _path(self, path: str) -> str:
        """The path without the prefix of a proxy, and without a slash at its end."""
        if self._root and (path == self._root or path.startswith(f"{self._root}/")):
            path = path[len(self._root) :] or "/"
        # Paths of webhooks stay as they are.
        return path if path.startswith("/webhooks/") else path.rstrip("/") or "/"


def _id_of(asked: MutableMapping[bytes, bytes]) -> bytes:
    """The client's own id if it is valid, else a new one."""
    given = asked.get(b"x-request-id", b"")
    return given if given and _GOOD_ID.fullmatch(given) else b"%s-%x" % (_PROCESS, next(_NUMBERS))


class _Exchange:
    """One answer. Its head is sent together with the first piece of its body."""

    varies = False
    root = b""
    is_static = False
    head_only = False
    status = 0
    is_stream = False

    def __init__(self, send: Send, asked: MutableMapping[bytes, bytes], request_id: bytes, origin: bytes) -> None:
        self._send = send
        self._asked = asked
        self._origin = origin
        self._start: Message | None = None
        self.request_id = request_id
        self.complete = False

    async def preflight(self, allowed: bool) -> None:
        """A CORS preflight: a browser asks whether a page of another origin may send a request."""
        if allowed:
            await self.send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
            await self.send({"type": "http.response.body", "body": b""})
            return
        detail = {"loc": ["header", "Origin"], "msg": "this origin is not allowed", "type": "foreign_origin"}
        body = orjson.dumps({"detail": [detail]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": 403, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self.status = message["status"]
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        if self.complete:
            return
        if self._start is not None:
            start, self._start = self._start, None
            message = await self._begin(start, message)
        self.complete = not message.get("more_body", False)
        await self._send(message)

    async def _begin(self, start: Message, first: Message) -> Message:
        """Sends the head; the first piece of the body, as it is sent."""
        headers: dict[bytes, bytes] = {}
        cookies: list[tuple[bytes, bytes]] = []
        for name, value in start["headers"]:
            if name == b"set-cookie":
                cookies.append((name, value))
            else:
                headers[name.lower()] = value
        whole = not first.get("more_body", False)
        self.is_stream = not whole and headers.get(b"content-type", b"").startswith(_LIVE)
        body: bytes = first.get("body", b"")
        if whole and len(body) >= COMPRESS_FROM and self._may_compress(headers):
            headers[b"vary"] = _also(headers.get(b"vary"), b"Accept-Encoding")
            if not self.head_only and takes_gzip(self._asked.get(b"accept-encoding", b"").decode("latin-1")):
                body = await _compressed(body)
                headers[b"content-encoding"] = b"gzip"
                headers[b"content-length"] = str(len(body)).encode()
        self._add(headers)
        await self._send({**start, "headers": [*headers.items(), *cookies]})
        if self.head_only:
            return {"type": "http.response.body", "body": b"", "more_body": False}
        return {**first, "body": body}

    def _may_compress(self, headers: dict[bytes, bytes]) -> bool:
        media = headers.get(b"content-type", b"")
        return b"content-encoding" not in headers and media.startswith(_TEXTUAL) and not media.startswith(_EVENTS)

    def _add(self, headers: dict[bytes, bytes]) -> None:
        headers |= _ALWAYS
        headers[b"x-request-id"] = self.request_id
        if self.is_static:
            headers.setdefault(b"cache-control", b"max-age=3600")
        for name, value in _WHERE_NOTHING_IS_SAID.items():
            headers.setdefault(name, value)
        if self.root and headers.get(b"location", b"").startswith(b"/"):
            headers[b"location"] = self.root + headers[b"location"]
        if self.varies:
            headers[b"vary"] = _also(headers.get(b"vary"), b"Origin")
        if self._origin:
            headers[b"access-control-allow-origin"] = self._origin
            headers[b"access-control-allow-credentials"] = b"true"
            headers[b"access-control-expose-headers"] = _EXPOSED


def _also(said: bytes | None, word: bytes) -> bytes:
    return word if not said else b"%s, %s" % (said, word)


async def _compressed(body: bytes) -> bytes:
    if len(body) < _BESIDE_THE_LOOP:
        return gzipped(body)
    return await asyncio.to_thread(gzipped, body)


def takes_gzip(accepts: str) -> bool:
    """Whether `Accept-Encoding` names it."""
    return _GZIP.search(accepts) is not None


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(5, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
