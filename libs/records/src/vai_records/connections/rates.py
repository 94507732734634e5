"""How often a vendor may be asked: a bucket for each connection and endpoint, which all processes share.

A bucket is a row of Postgres: a line of time on which requests stand `interval` seconds apart. Who wants to send some
takes the next places of the line, in one statement; places that nobody needs go back while nobody has taken later ones,
and places whose time has passed are lost. So the distance is kept whoever asks, and how many they are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from vai_common.queries import Queries

LONGEST_HOLD: float = 86_400.0
"""Seconds that a vendor's word can hold a bucket."""

_IDLE = timedelta(days=2)

_TAKE = """
INSERT INTO rate_buckets AS b (scope, bucket, next_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (scope, bucket) DO UPDATE
SET next_at = greatest(b.next_at, clock_timestamp()) + make_interval(secs => $3)
RETURNING next_at, extract(epoch FROM next_at - make_interval(secs => $3) - clock_timestamp())::float8 AS wait
"""
_GIVE_BACK = """
UPDATE rate_buckets SET next_at = next_at - make_interval(secs => $4) WHERE scope = $1 AND bucket = $2 AND next_at = $3
"""
_HOLD = """
INSERT INTO rate_buckets AS b (scope, bucket, next_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (scope, bucket) DO UPDATE
SET next_at = greatest(b.next_at, clock_timestamp() + make_interval(secs => $3))
"""


@dataclass(frozen=True)
class Places:
    """The first of the places that were taken is `wait` seconds from now; `end` is where the next one's begin."""

    wait: float
    end: datetime


async def take(conn: Queries, scope: UUID, bucket: str, interval: float, count: int) -> Places:
    """The next places of a bucket. `scope` is the connection, or the organisation where there is none."""
    row = await conn.fetchrow(_TAKE, scope, bucket, interval * count)
    assert row is not None
    return Places(max(0.0, row["wait"]), row["next_at"])


async def give_back(conn: Queries, scope: UUID, bucket: str, end: datetime, seconds: float) -> None:
    """The last `seconds` before `end` are free again, if nobody has taken places after them."""
    await conn.execute(_GIVE_BACK, scope, bucket, end, seconds)


async def hold(conn: Queries, scope: UUID, bucket: str, seconds: float) -> None:
    """The vendor has said that nothing is to come for so long."""
    await conn.execute(_HOLD, scope, bucket, min(seconds, LONGEST_HOLD))


async def forget_idle(conn: Queries) -> None:
    """Buckets that nobody has used for days."""
    await conn.execute("DELETE FROM rate_buckets WHERE next_at < clock_timestamp() - $1::interval", _IDLE)
