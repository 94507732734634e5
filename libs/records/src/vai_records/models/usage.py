"""The use of models by an organisation on a day (UTC), and what its limits leave."""

from dataclasses import dataclass
from uuid import UUID

from vai_common.queries import Queries
from vai_records.models.settings import ModelSettings
from vai_records.refused import Refused

_ADD = """
INSERT INTO model_usage AS u (org_id, day, model, calls, input_tokens, output_tokens, cost)
VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, $2, 1, $3, $4, $5)
ON CONFLICT (org_id, day, model) DO UPDATE SET calls = u.calls + 1, input_tokens = u.input_tokens + $3,
    output_tokens = u.output_tokens + $4, cost = u.cost + $5
"""
_TODAY = """
SELECT coalesce(sum(input_tokens + output_tokens), 0)::bigint AS tokens, coalesce(sum(cost), 0)::float8 AS cost
FROM model_usage WHERE org_id = $1 AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
"""


class Spent(Refused):
    """The organisation's models may use nothing more today; a client gets 429."""


@dataclass(frozen=True)
class Used:
    """The use by all model calls of a day."""

    tokens: int
    dollars: float


@dataclass(frozen=True)
class Left:
    """What the day's limits leave. None if there is no limit. Money is in US dollars."""

    tokens: int | None
    money: float | None

    @property
    def nothing(self) -> bool:
        return (self.tokens is not None and self.tokens <= 0) or (self.money is not None and self.money <= 0)

    def __str__(self) -> str:
        parts = [] if self.tokens is None else [f"{max(0, self.tokens):,} tokens"]
        parts += [] if self.money is None else [f"{max(0.0, self.money):.4f} US dollars"]
        return " and ".join(parts) or "everything"


async def add(conn: Queries, org_id: UUID, model: str, input_tokens: int, output_tokens: int, cost: float) -> None:
    """Count one call of a model (`connection/model`); `cost` in US dollars."""
    await conn.execute(_ADD, org_id, model, input_tokens, output_tokens, cost)


async def today(conn: Queries, org_id: UUID) -> Used:
    """What the organisation's calls have used today."""
    row = await conn.fetchrow(_TODAY, org_id)
    return Used(row["tokens"], row["cost"]) if row else Used(0, 0.0)


async def left_today(conn: Queries, org_id: UUID, settings: ModelSettings) -> Left:
    """What the organisation's calls may still use today. Without limits the database is not asked."""
    if settings.tokens_per_day is None and settings.money_per_day is None:
        return Left(None, None)
    return left_of(await today(conn, org_id), settings)


def all_used(left: Left) -> str:
    """What is said where a day's limits leave nothing."""
    return (
        f"the organisation's models may use nothing more today: {left} left. The limits are its "
        "settings.models.tokens_per_day and money_per_day; the next day begins at 00:00 UTC"
    )


def left_of(used: Used, settings: ModelSettings) -> Left:
    return Left(
        None if settings.tokens_per_day is None else settings.tokens_per_day - used.tokens,
        None if settings.money_per_day is None else settings.money_per_day - used.dollars,
    )
