"""Calls of tools that go on, and how a client takes one back (`notifications/cancelled`).

In the protocol's versions up to 2025 that is a request of its own, and behind a balancer it comes to any gateway. So a
call has a name that only its caller can give, and a gateway that does not know it tells the others (rule 3: a hint).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from fastapi import Request

from vai_api_gateway.auth.roles import asked_by
from vai_common.messages.notifications import notify
from vai_common.queries import Queries

CANCELLED_CHANNEL = "mcp_cancelled"
SESSION = "mcp-session-id"

GONE = "vai.gone"
"""In a request's scope: the client has closed the answer, which in versions from 2026 on cancels the call."""


class LiveCalls:
    """The calls of this gateway that go on."""

    def __init__(self, pool: Queries) -> None:
        self._pool = pool
        self._cancelled: dict[str, asyncio.Event] = {}

    @property
    def names(self) -> frozenset[str]:
        """Of those that go on."""
        return frozenset(self._cancelled)

    @contextmanager
    def going_on(self, name: str) -> Iterator[asyncio.Event]:
        """The event is set when the caller takes the call back."""
        event = asyncio.Event()
        self._cancelled[name] = event
        try:
            yield event
        finally:
            if self._cancelled.get(name) is event:
                del self._cancelled[name]

    async def cancel(self, name: str) -> None:
        """Here if it goes on here, else wherever it does."""
        if name in self._cancelled:
            self.heard(name)
        else:
            await notify(self._pool, CANCELLED_CHANNEL, name)

    def heard(self, name: str) -> None:
        """A gateway was asked to cancel the call of this name."""
        if (event := self._cancelled.get(name)) is not None:
            event.set()


def name_of(request: Request, call_id: Any) -> str:
    """A call's name: whose it is, of which session, and the number that the client gave it."""
    who = asked_by(request)
    session = request.headers.get(SESSION, "")
    parts = (who.org_id, who.user_id, who.source_type, who.source_id, session, type(call_id).__name__, call_id)
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()
