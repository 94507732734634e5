"""Organisations take turns: a flood of requests of one keeps nobody else's waiting (rule 24).

A few requests begin in each round of the event loop, and between two rounds it reads what has arrived: who comes with a
single request has the next turn, however many wait for another organisation.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

MOST = 2
"""Turns in one round."""


class Turns:
    """Each request awaits `turn`; alone, it has it at once. Those that nobody is known for are one organisation."""

    def __init__(self) -> None:
        self._waiting: dict[UUID | None, deque[asyncio.Future[None]]] = {}
        self._given = 0
        self._round: asyncio.Handle | None = None

    async def turn(self, whose: Callable[[], UUID | None]) -> None:
        """Returns when it is the organisation's turn; `whose` is asked only where several want one."""
        if not self._waiting and self._given < MOST:
            self._given += 1
            self._begin_round()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose(), deque()).append(future)
        self._begin_round()
        await future

    def _begin_round(self) -> None:
        if self._round is None:
            self._round = asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        self._round, self._given = None, 0
        while self._waiting and self._given < MOST:
            org_id = next(iter(self._waiting))
            line = self._waiting.pop(org_id)
            future = line.popleft()
            if line:
                self._waiting[org_id] = line  # behind the others
            if not future.done():
                future.set_result(None)
                self._given += 1
        if self._given:
            self._begin_round()
