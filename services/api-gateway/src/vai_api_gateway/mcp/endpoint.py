"""POST /mcp: the Model Context Protocol over streamable HTTP (decision 59, docs/mcp.md).

No state is kept between requests, so that any gateway may answer any of them. What speaks the protocol is loaded with
the first request.
"""

import asyncio

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.edge import Message, Receive, Scope, Send
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.mcp.cancelling import GONE, SESSION, name_of
from vai_api_gateway.problems import not_found
from vai_common.ids import uuid7

router = APIRouter(tags=["MCP"], route_class=JsonRoute, responses=PROBLEMS)

_OLD = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions of the protocol in which a client cancels by a notification, and a closed answer says nothing."""


@router.post("/mcp", include_in_schema=False, response_class=Response)
async def speak(request: Request, principal: Viewer) -> Response:
    """One message of a client. Its credential is that of every route, and so are the bounds of its body."""
    gateway = gateway_of(request)
    if not gateway.settings.mcp:
        raise not_found("path")
    if "origin" in request.headers:
        gateway.authenticator.check_origin(request)
    message = await request.json()
    method = message.get("method") if isinstance(message, dict) else None
    if method == "notifications/cancelled" and _is_old(request):
        params = message.get("params")
        await gateway.mcp.calls.cancel(name_of(request, params.get("requestId") if isinstance(params, dict) else None))
        return Response(status_code=202)
    return _Spoken(gateway, await request.body(), begins=method == "initialize", is_old=_is_old(request))


def _is_old(request: Request) -> bool:
    return request.headers.get("mcp-protocol-version", _OLD[0]) in _OLD


class _Spoken(Response):
    """The SDK's answer, for as long as any stream may last."""

    def __init__(self, gateway: Gateway, body: bytes, *, begins: bool, is_old: bool) -> None:
        super().__init__()
        self._gateway = gateway
        self._body = body
        self._begins = begins
        self._is_old = is_old

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        manager = await self._gateway.mcp.manager()
        given: list[bytes] = [self._body]

        async def hear() -> Message:
            if given:
                return {"type": "http.request", "body": given.pop(), "more_body": False}
            message = await receive()
            if message["type"] == "http.disconnect" and not self._is_old:
                scope[GONE] = True
            return message

        begun = False

        async def say(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.body"
            if message["type"] == "http.response.start" and self._begins:
                message = {**message, "headers": [*message["headers"], (SESSION.encode(), uuid7().hex.encode())]}
            await send(message)

        try:
            async with asyncio.timeout(self._gateway.settings.stream_seconds):
                await manager.handle_request(scope, hear, say)
        except TimeoutError:
            if not begun:  # else it ends as every stream: the client may ask again
                await Response(status_code=503, headers={"Retry-After": "1"})(scope, receive, send)
