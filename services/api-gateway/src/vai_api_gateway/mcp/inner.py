"""Calls the gateway's own routes for a tool: with the caller's credential, so that every rule holds as for everybody.

A tool has no way of its own to a run or a table. Roles, rates, bounds, checks and words are those of the route.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import Request

from vai_api_gateway.http.edge import REQUEST_ID, Message

Json = dict[str, Any]

_OF_THE_CALLER = frozenset(
    (
        *(b"x-api-key", b"authorization", b"vai_token", b"cookie", b"host", b"origin", b"user-agent", b"traceparent"),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"),
    )
)
"""Headers of a request by which the gateway knows who asks, from where, and in which trace."""


class Refusal(Exception):
    """A route has refused: its status, and what it says."""

    def __init__(self, status: int, told: Any) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.told = told


class Inner:
    """The routes, as the client of one request may call them."""

    def __init__(self, request: Request) -> None:
        scope = request.scope
        self._app = request.app
        self._headers = [pair for pair in scope["headers"] if pair[0].lower() in _OF_THE_CALLER]
        self._headers.append((b"x-request-id", str(scope.get(REQUEST_ID, "mcp")).encode()))
        self._around = {name: scope.get(name) for name in ("asgi", "scheme", "client", "server")}

    async def get(self, path: str, query: Mapping[str, Any] | None = None, *, wait: float | None = None) -> Json:
        """What GET answers. Raises `Refusal`."""
        return await self._call("GET", path, query, None, {} if wait is None else {"prefer": f"wait={wait:g}"})

    async def post(self, path: str, body: Json, headers: Mapping[str, str]) -> Json:
        """What POST answers. Raises `Refusal`."""
        return await self._call("POST", path, None, body, headers)

    async def _call(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Json | None, headers: Mapping[str, str]
    ) -> Json:
        pairs = [(name, value) for name, value in (query or {}).items() if value not in (None, "", [])]
        sent = [*self._headers, *((name.encode(), value.encode()) for name, value in headers.items())]
        if body is not None:
            sent.append((b"content-type", b"application/json"))
        scope = {
            **self._around,
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "root_path": "",
            "headers": sent,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(pairs, doseq=True).encode(),
        }
        answer = _Answer(b"" if body is None else orjson.dumps(body))
        await self._app(scope, answer.receive, answer.send)
        told = orjson.loads(answer.body) if answer.body else {}
        if answer.status >= 400:
            raise Refusal(answer.status, told.get("detail", told))
        return told if isinstance(told, dict) else {"answer": told}


class _Answer:
    """The other side of one call: gives its body once, and keeps what is answered."""

    def __init__(self, given: bytes) -> None:
        self._given: bytes | None = given
        self._parts: list[bytes] = []
        self.status = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    async def receive(self) -> Message:
        if self._given is None:
            await asyncio.Future()  # the caller stays until it has its answer
        given, self._given = self._given, None
        return {"type": "http.request", "body": given, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
