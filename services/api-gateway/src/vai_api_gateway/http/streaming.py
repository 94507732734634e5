"""What all streams of server-sent events share: how long they last, and how they are sent."""

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
"""Seconds after which a credential is checked again that has ended by our clock, but not by the database's."""

HELLO = b": connected\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

Json = dict[str, Any]


def stream_response(
    description: str, example: str, events: tuple[str, ...], has_id: bool = False
) -> dict[int | str, Json]:
    """The description of such a route. The schema is that of one event."""
    data = {"type": "string", "contentMediaType": "application/json"}
    fields: Json = {"event": {"type": "string", "enum": list(events)}, "data": data}
    if has_id:
        fields["id"] = {"type": "string", "description": "The cursor: what `after` and `Last-Event-ID` say"}
    schema = {"title": "ServerSentEvent", "type": "object", "properties": fields, "required": ["data"]}
    return {200: {"description": description, "content": {"text/event-stream": {"schema": schema, "example": example}}}}


def answer_stream(request: Request, chunks: AsyncIterator[bytes], media: str = "text/event-stream") -> Response:
    """The answer, sent piece by piece. For HEAD only the head, since a stream may have no end."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.scope.get(HEAD):
        return Response(media_type=media, headers=headers)
    return StreamingResponse(chunks, media_type=media, headers=headers)


def answer_seen() -> Response:
    """204: the client has seen the end of the stream. An EventSource then stops (decision 28)."""
    return Response(status_code=204)


class Visit:
    """How long a stream may last: while the gateway runs and the credential is valid, and up to a limit.

    The server closes the connection. Clients reconnect, maybe to another gateway, and resume with Last-Event-ID.
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
        """Seconds until the next keep-alive."""
        return max(0.01, min(KEEP_ALIVE_SECONDS, min(self._until, self._ask_at) - clock.steady_seconds()))

    async def goes_on(self) -> bool:
        """Checked before each piece: after a revocation nothing more is sent."""
        now = clock.steady_seconds()
        if now >= self._until or self._gateway.stopping.is_set():
            return False
        unchanged = self._forgotten == self._gateway.authenticator.forgotten(self._principal.org_id)
        return (unchanged and now < self._ask_at) or await self._is_welcome(now)

    def _seconds_to_ask(self) -> float:
        """Seconds until the credential is checked again: at its end, and at intervals before."""
        left = (self._principal.ends_at - clock.now()).total_seconds()
        return max(_SOON_SECONDS, min(KEEP_ALIVE_SECONDS, left))

    async def _is_welcome(self, now: float) -> bool:
        self._forgotten = self._gateway.authenticator.forgotten(self._principal.org_id)
        try:
            self._principal = await self._gateway.authenticator.principal(self._request)
        except Problem:
            return False
        except DATABASE_AWAY:
            pass  # the database is away: a credential that was valid stays so until it can be checked
        self._ask_at = now + self._seconds_to_ask()
        return True
