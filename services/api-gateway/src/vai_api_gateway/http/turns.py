"""Organisations take turns: a flood of requests of one keeps nobody else's waiting (rule 24).

A few requests go on in each round of the event loop, and between two rounds it reads what has arrived: who comes with a
single request has the next turn, however many wait for another organisation.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

from vai_common.clock import steady_seconds

MOST = 2
"""Turns in one round."""

FEW = 16
"""Requests under way that keep nobody waiting, whoever they are of."""

MIXED_SECONDS = 10.0
"""How long an organisation counts as being here after its request."""


class Turns:
    """Each request awaits `turn` and tells with `over` of its end; one of few has its turn at once.

    Those that nobody is known for are one organisation.
    """

    def __init__(self) -> None:
        self._waiting: dict[UUID | None, deque[asyncio.Future[None]]] = {}
        self._under_way = 0
        self._given = 0
        self._round: asyncio.Handle | None = None
        self._last: UUID | None = None
        self._mixed_until = 0.0

    async def turn(self, whose: Callable[[], UUID | None]) -> None:
        """Returns when it is the organisation's turn; `whose` is asked only where many are under way.

        Where only one organisation is here nobody waits: what comes together is stored together, in one commit.
        """
        self._under_way += 1
        if self._under_way <= FEW and not self._waiting:
            return
        org_id = whose()
        self._note(org_id)
        if self._waiting or self._is_mixed():
            try:
                await self._wait(org_id)
            except BaseException:
                self.over()
                raise

    def over(self) -> None:
        """A request that had its turn has been answered, or has gone away."""
        self._under_way -= 1

    async def again(self, org_id: UUID) -> None:
        """The same for a request that goes on after its run was stored: a commit lets many go on in one round.

        Where nobody but this organisation is here, it waits for nobody.
        """
        self._note(org_id)
        if self._is_mixed():
            if not self._waiting and self._given < MOST:
                self._given += 1
                self._begin_round()
            else:
                await self._wait(org_id)

    def _is_mixed(self) -> bool:
        return bool(self._mixed_until) and steady_seconds() < self._mixed_until

    def _note(self, org_id: UUID | None) -> None:
        if org_id != self._last:
            if self._last is not None:
                self._mixed_until = steady_seconds() + MIXED_SECONDS
            self._last = org_id

    async def _wait(self, org_id: UUID | None) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(org_id, deque()).append(future)
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
