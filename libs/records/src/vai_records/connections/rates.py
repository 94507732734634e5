"""Limits how often a vendor is asked: a bucket for each connection and endpoint, shared by all processes.

A bucket is a row in Postgres with a timeline on which requests have places `interval` seconds apart. A process that
wants to send requests takes the next places, in one statement. Unused places can be given back until a later place is
taken; places whose time has passed are lost. So the distance is kept, however many processes send requests.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from vai_common.queries import Queries

LONGEST_HOLD: float = 86_400.0
"""The longest time in seconds for which a vendor's answer can block a bucket."""

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
    """The first of the taken places is `wait` seconds from now. `end` is where the places of the next caller begin."""

    wait: float
    end: datetime


async def take(conn: Queries, scope: UUID, bucket: str, interval: float, count: int) -> Places:
    """Take the next places of a bucket. `scope` is the connection, or the organisation if there is no connection."""
    row = await conn.fetchrow(_TAKE, scope, bucket, interval * count)
    assert row is not None
    return Places(max(0.0, row["wait"]), row["next_at"])


async def give_back(conn: Queries, scope: UUID, bucket: str, end: datetime, seconds: float) -> None:
    """Give back the last `seconds` before `end`, unless later places were taken."""
    await conn.execute(_GIVE_BACK, scope, bucket, end, seconds)


async def hold(conn: Queries, scope: UUID, bucket: str, seconds: float) -> None:
    """Block the bucket: the vendor wants no request for so many seconds."""
    await conn.execute(_HOLD, scope, bucket, min(seconds, LONGEST_HOLD))


async def forget_idle(conn: Queries) -> None:
    """Delete buckets that were not used for days."""
    await conn.execute("DELETE FROM rate_buckets WHERE next_at < clock_timestamp() - $1::interval", _IDLE)
