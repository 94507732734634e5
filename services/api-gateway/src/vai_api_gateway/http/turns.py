"""Organisations take turns, so that many requests of one do not delay those of others (rule 24).

A few requests go on in each round of the event loop. Between two rounds the loop reads new requests, so a single
request has the next turn, however many wait of another organisation. If the processors are busy, an organisation with
many requests gets its turns more slowly (`Pace`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from uuid import UUID

from vai_api_gateway.http.pace import Pace
from vai_common.clock import steady_seconds

MOST = 2
"""Turns in one round."""

FEW = 16
"""So many requests may be in work without any turns, of whatever organisation."""

LITTLE = 4
"""Waiting requests of an organisation. With more than this it is slowed down."""

MIXED_SECONDS = 10.0
"""How long an organisation counts as active after its request."""


_Line = tuple[UUID | None, bool]
"""A queue: its organisation, and whether its requests continue after a commit."""


class Turns:
    """Each request awaits `turn` and calls `over` at its end. If there are few, each has its turn at once.

    Requests without a known organisation count as one organisation.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._waiting: dict[_Line, deque[asyncio.Future[None]]] = {}
        self._under_way = 0
        self._given = 0
        self._round: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        self._last: UUID | None = None
        self._mixed_until = 0.0

    async def turn(self, whose: Callable[[], UUID | None]) -> None:
        """Return when it is the organisation's turn. `whose` is called only if many requests are in work.

        If only one organisation is active nothing waits: requests that come together are stored in one commit.
        """
        self._under_way += 1
        if self._under_way <= FEW and not self._waiting:
            return
        org_id = whose()
        self._note(org_id)
        if self._waiting or self._is_mixed():
            try:
                await self._wait((org_id, False))
            except BaseException:
                self.over()
                raise

    def over(self) -> None:
        """A request that had its turn has been answered, or its client has gone."""
        self._under_way -= 1

    async def again(self, org_id: UUID) -> None:
        """The same for a request that continues after its run was stored, since many continue after one commit.

        If only this organisation is active, it does not wait.
        """
        self._note(org_id)
        if self._is_mixed():
            if not self._waiting and self._given < MOST:
                self._given += 1
                self._begin_round()
            else:
                await self._wait((org_id, True))

    def _is_mixed(self) -> bool:
        return bool(self._mixed_until) and steady_seconds() < self._mixed_until

    def _note(self, org_id: UUID | None) -> None:
        if org_id != self._last:
            if self._last is not None:
                self._mixed_until = steady_seconds() + MIXED_SECONDS
            self._last = org_id

    async def _wait(self, line: _Line) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(line, deque()).append(future)
        self._begin_round()
        await future

    def _begin_round(self) -> None:
        if self._round is None:
            self._round = asyncio.get_running_loop().call_soon(self._give)

    def _begin_later(self, seconds: float) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, self._begin_again)

    def _begin_again(self) -> None:
        self._later = None
        self._begin_round()

    def _give(self) -> None:
        self._round, self._given = None, 0
        paced: set[_Line] = set()
        while self._given < MOST:
            line = next((line for line in self._waiting if line not in paced), None)
            if line is None:
                break
            if seconds := self._seconds_until(line):
                paced.add(line)
                self._begin_later(seconds)
            else:
                self._give_to(line)
        if self._given:
            self._begin_round()

    def _seconds_until(self, line: _Line) -> float:
        """Seconds until a queue's next turn; 0 if it may be now. Requests that continue are never slowed down."""
        _, goes_on = line
        if goes_on or len(self._waiting[line]) <= LITTLE or not self._is_mixed():
            return 0.0
        seconds = self._pace.wait()
        if not seconds:
            self._pace.take()
        return seconds

    def _give_to(self, line: _Line) -> None:
        waiting = self._waiting.pop(line)
        future = waiting.popleft()
        if waiting:
            self._waiting[line] = waiting  # behind the others
        if not future.done():
            future.set_result(None)
            self._given += 1
