"""What all server-sent streams share: how long they last, and how they are answered."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.auth.roles import asked_by
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.edge import HEAD
from vai_api_gateway.problems import DATABASE_AWAY, Problem
from vai_common import clock

KEEP_ALIVE_SECONDS = 15.0

_SOON_SECONDS = 0.25
"""A credential that has ended by our clock and not by the database's is judged again after that."""

HELLO = b": connected\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

Json = dict[str, Any]


def stream_response(
    description: str, example: str, events: tuple[str, ...], has_id: bool = False
) -> dict[int | str, Json]:
    """What a route says of itself; the schema is that of one event."""
    data = {"type": "string", "contentMediaType": "application/json"}
    fields: Json = {"event": {"type": "string", "enum": list(events)}, "data": data}
    if has_id:
        fields["id"] = {"type": "string", "description": "The cursor: what `after` and `Last-Event-ID` say"}
    schema = {"title": "ServerSentEvent", "type": "object", "properties": fields, "required": ["data"]}
    return {200: {"description": description, "content": {"text/event-stream": {"schema": schema, "example": example}}}}


def answer_stream(request: Request, chunks: AsyncIterator[bytes], media: str = "text/event-stream") -> Response:
    """The answer that is sent as it is made; to HEAD its head alone, since a stream may have no end."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.scope.get(HEAD):
        return Response(media_type=media, headers=headers)
    return StreamingResponse(chunks, media_type=media, headers=headers)


def answer_seen() -> Response:
    """204: who has seen the end of a stream need not come back; an EventSource stops by it (decision 28)."""
    return Response(status_code=204)


class Visit:
    """How long a client may stay: while the gateway runs and its credential is good, and not for ever.

    Who is sent away comes back by itself, to another gateway perhaps; a stream resumes.
    """

    def __init__(self, gateway: Gateway, request: Request) -> None:
        self._gateway = gateway
        self._request = request
        now = clock.steady_seconds()
        self._until = now + gateway.settings.stream_seconds
        self._principal = asked_by(request)
        self._ask_at = now + self._seconds_to_ask()
        self._forgotten = gateway.authenticator.forgotten(self._principal.org_id)

    @property
    def quiet_seconds(self) -> float:
        """How long to wait before a sign of life is due."""
        return max(0.01, min(KEEP_ALIVE_SECONDS, min(self._until, self._ask_at) - clock.steady_seconds()))

    async def goes_on(self) -> bool:
        """Asked before each piece: who is revoked hears nothing more."""
        now = clock.steady_seconds()
        if now >= self._until or self._gateway.stopping.is_set():
            return False
        unchanged = self._forgotten == self._gateway.authenticator.forgotten(self._principal.org_id)
        return (unchanged and now < self._ask_at) or await self._is_welcome(now)

    def _seconds_to_ask(self) -> float:
        """Until the credential is judged again: at its end, and every now and then before."""
        left = (self._principal.ends_at - clock.now()).total_seconds()
        return max(_SOON_SECONDS, min(KEEP_ALIVE_SECONDS, left))

    async def _is_welcome(self, now: float) -> bool:
        self._forgotten = self._gateway.authenticator.forgotten(self._principal.org_id)
        try:
            self._principal = await self._gateway.authenticator.principal(self._request)
        except Problem:
            return False
        except DATABASE_AWAY:
            pass  # who was welcome stays until somebody can be asked
        self._ask_at = now + self._seconds_to_ask()
        return True
