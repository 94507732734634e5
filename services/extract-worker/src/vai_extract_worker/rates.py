"""Keeps the pace of a vendor's endpoint, together with all processes that use the same connection.

The child that sends the requests has no database, so its worker reserves places for it
(`vai_records.connections.rates`). `SharedPace` is the child's side, `answer` the worker's.
"""

import logging
import math
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import requests
from pydantic import Field

from vai_common.clock import now, steady_seconds
from vai_common.db import AWAY
from vai_common.errors import ErrorCode, Retryable
from vai_common.queries import Queries
from vai_extract_worker.metrics import extract_pace_seconds
from vai_extract_worker.waits import Pace, wait
from vai_records.connections import rates
from vai_records.strict import Strict
from vai_worker.children.link import Link
from vai_worker.quota import is_spent, quota_wait

QUESTIONS: Final = frozenset(("pace", "pace_back", "pace_hold"))

_CUSHION = 1.02
"""A factor of the documented distance between requests. The margin is there because a vendor that counts by the second
must never see one request too many, however the network delays them.
"""

_LONGEST_WAIT = 150.0
"""The longest wait for a turn, in seconds. A run that would wait longer leaves its worker and comes back later."""

_log = logging.getLogger(__name__)


class SharedPace(Pace):
    """A process that is as fast as the vendor's pace reserves its part of a second's places, so that the database is
    asked once a second: all of them if it is alone, a quarter if four take turns. What it leaves unused at its end is
    lost where others have reserved behind it. A slower process reserves one place at a time and leaves the others to
    other processes.
    """

    def __init__(self, interval: float, link: Link, bucket: str) -> None:
        super().__init__(interval * _CUSHION, link)
        self._bucket = bucket
        self._left = 0
        self._end = ""
        self._sent: float | None = None
        self._taken: tuple[float, float] | None = None
        """When places were reserved last, and for how many seconds."""

    def keep(self) -> None:
        if self.interval:
            wait(self.turn(), self._link)
            self._sent = steady_seconds()

    def turn(self) -> float:
        """Reserve the next request's place. Return the seconds until it. Raises RATE_LIMITED if it is too far in the
        future.
        """
        if not self.interval:
            return 0.0
        while self._left and self._next < steady_seconds() - self.interval / 2:  # places whose time has passed
            self._left, self._next = self._left - 1, self._next + self.interval
        if not self._left:
            self._take()
        self._left -= 1
        self._next += self.interval
        return self._next - self.interval - steady_seconds()

    def _take(self) -> None:
        """The next places. If the database cannot be asked, this process keeps the distance by itself."""
        count = self._count()
        self._taken = steady_seconds(), count * self.interval
        answer = self._link.ask("pace", {"bucket": self._bucket, "interval": self.interval, "count": count})
        if answer.get("wait", 0.0) > _LONGEST_WAIT:
            self._give_back(answer["end"], count)
            text = f"The turn of this run at {self._bucket} comes in {answer['wait']:.0f} s: others are before it."
            raise Retryable(ErrorCode.RATE_LIMITED, text, {"bucket": self._bucket}, answer["wait"])
        if "wait" in answer:
            self._left, self._end = count, answer["end"]
            self._next = steady_seconds() + answer["wait"]
        else:
            self._left, self._end = 1, ""
            self._next = max(self._next, steady_seconds())

    def _count(self) -> int:
        """How many places to reserve. `part`: which part of all places this process had since it reserved last."""
        moment = steady_seconds()
        if self._sent is None or self._taken is None or moment - self._sent >= 1.5 * self.interval:
            return 1
        since, seconds = self._taken
        part = min(1.0, seconds / max(seconds, moment - since))
        return max(1, math.ceil(part / self.interval))

    def heard(self, response: requests.Response) -> None:
        """Take note of what the vendor says about its own count: no requests are left, or there were too many."""
        if not is_spent(response.status_code, response.headers):
            return
        if seconds := quota_wait(response.headers, now()):
            self._left = 0
            self._link.ask("pace_hold", {"bucket": self._bucket, "seconds": min(seconds, rates.LONGEST_HOLD)})

    def close(self) -> None:
        """Give reserved places back that were not used."""
        if self._left and self._end:
            self._give_back(self._end, self._left)
            self._left = 0

    def _give_back(self, end: str, count: int) -> None:
        self._link.ask("pace_back", {"bucket": self._bucket, "end": end, "seconds": count * self.interval})


class Asked(Strict):
    """Answer a child's question: {bucket, interval, count}, {bucket, seconds}, or {bucket, end, seconds}."""

    bucket: str = Field(min_length=1, max_length=200)
    interval: float = Field(default=0.0, ge=0, le=86_400)
    count: int = Field(default=1, ge=1, le=100_000)
    seconds: float = Field(default=0.0, ge=0, le=rates.LONGEST_HOLD)
    end: datetime | None = Field(default=None, strict=False)


async def answer(conn: Queries, scope: UUID, source: str, question: str, payload: dict[str, Any]) -> dict[str, Any]:
    """For `pace`: {wait, end}, or nothing if the database is away. For the others: nothing."""
    asked = Asked.model_validate(payload)
    try:
        match question:
            case "pace":
                places = await rates.take(conn, scope, asked.bucket, asked.interval, asked.count)
                extract_pace_seconds.labels(source=source).inc(places.wait)
                return {"wait": places.wait, "end": places.end.isoformat()}
            case "pace_hold":
                await rates.hold(conn, scope, asked.bucket, asked.seconds)
            case "pace_back" if asked.end is not None:
                await rates.give_back(conn, scope, asked.bucket, asked.end, asked.seconds)
    except (*AWAY, asyncpg.PostgresError) as error:
        _log.warning("pace_not_shared: %s", type(error).__name__)
    return {}
