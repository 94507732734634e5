"""Which kinds have a living worker, as `displayStatus` wants to know; asked at most once in two seconds."""

from typing import Any

from common.clock import steady_seconds
from records import runs

_SECONDS = 2.0


class KindsAlive:
    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._known: frozenset[str] = frozenset()
        self._until = 0.0

    async def get(self) -> frozenset[str]:
        now = steady_seconds()
        if now >= self._until:
            # Set before the query: while one request asks, the others take what is known.
            before, self._until = self._until, now + _SECONDS
            try:
                self._known = await runs.kinds_alive(self._pool)
            except BaseException:
                self._until = before
                raise
        return self._known
