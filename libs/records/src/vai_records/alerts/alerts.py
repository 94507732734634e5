"""The messages of rules: claimed by one scheduler, sent, tried again, given up with a reason; kept for 30 days."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries, Row

Json = dict[str, Any]

STATUSES = ("gathering", "sending", "waiting", "sent", "given_up")

MOST_ATTEMPTS = 12
"""Then an alert is given up: about 80 minutes after the first attempt."""

CLAIM_SECONDS = 60
"""More than sending may take: a claim that is older is of a scheduler that died."""

_CLAIM = f"""
WITH picked AS (
    SELECT a.id FROM alerts a
    WHERE a.due_at <= clock_timestamp() AND a.org_id <> ALL($1::uuid[]) AND (a.status <> 'gathering' OR NOT EXISTS (
        SELECT FROM alerts b WHERE b.rule_id = a.rule_id AND b.status IN ('sending', 'waiting') AND NOT b.is_test))
    ORDER BY a.due_at LIMIT 1 FOR UPDATE OF a SKIP LOCKED
), claimed AS (
    UPDATE alerts a SET status = 'sending', attempts = a.attempts + 1,
        began_at = coalesce(a.began_at, clock_timestamp()),
        due_at = clock_timestamp() + interval '{CLAIM_SECONDS} s'
    FROM picked WHERE a.id = picked.id RETURNING a.*
)
SELECT c.id, c.org_id, c.rule_id, c.is_test, c.counts, c.items, c.attempts, c.created_at, r.name AS rule_name,
    r.channel, r.secrets, o.name AS org_name
FROM claimed c JOIN alert_rules r ON r.id = c.rule_id JOIN organisations o ON o.id = c.org_id
"""
_SENT = """
UPDATE alerts SET status = 'sent', due_at = NULL, error = $3, sent_at = clock_timestamp()
WHERE id = $1 AND status = 'sending' AND attempts = $2
"""
_FAILED = """
UPDATE alerts SET error = $3, status = CASE WHEN $4::float8 IS NULL THEN 'given_up' ELSE 'waiting' END,
    due_at = clock_timestamp() + make_interval(secs => $4)
WHERE id = $1 AND status = 'sending' AND attempts = $2
"""
_ASK = """
INSERT INTO alerts (id, org_id, rule_id, status, is_test, due_at)
VALUES ($1, $2, $3, 'waiting', true, clock_timestamp())
"""
_SHOWN = """a.id, a.rule_id, r.name AS rule_name, a.status, a.is_test, a.counts, a.items, a.due_at, a.attempts, a.error,
    a.created_at, a.sent_at"""
_THERE = "FROM alerts a JOIN alert_rules r ON r.id = a.rule_id WHERE a.org_id = $1"
_FILTERED = """ AND ($2::uuid IS NULL OR a.rule_id = $2) AND (cardinality($3::text[]) = 0 OR a.status = ANY($3))"""
_LIST = f"SELECT {_SHOWN} {_THERE}{_FILTERED} ORDER BY a.id DESC LIMIT $4 OFFSET $5"
_COUNT = f"SELECT count(*) {_THERE}{_FILTERED}"
_GET = f"SELECT {_SHOWN} {_THERE} AND a.id = $2"
_AGAIN = """
UPDATE alerts a SET status = 'waiting', attempts = 0, due_at = clock_timestamp()
FROM alert_rules r WHERE a.org_id = $1 AND a.id = $2 AND a.status = 'given_up' AND r.id = a.rule_id
    AND r.deleted_at IS NULL RETURNING a.id
"""
_FORGET = (
    "DELETE FROM alerts WHERE due_at IS NULL AND created_at < clock_timestamp() - interval '30 days'",
    "DELETE FROM alert_lates WHERE noted_at < clock_timestamp() - interval '90 days'",
)


@dataclass(frozen=True)
class Filters:
    """Which alerts a list shows. An empty field does not filter."""

    rule_id: UUID | None = None
    statuses: tuple[str, ...] = ()


async def claim(conn: Queries, busy: list[UUID]) -> Row | None:
    """The one that has been due for longest, for this process alone; not of the organisations that are `busy`.

    While a message of a rule has not arrived, the next one goes on gathering: a receiver that was away gets two.
    """
    return await conn.fetchrow(_CLAIM, busy)


async def sent(conn: Queries, alert: Row, error: Json | None = None) -> None:
    """`error`: what of it was not delivered."""
    await conn.execute(_SENT, alert["id"], alert["attempts"], error)


async def failed(conn: Queries, alert: Row, error: Json, wait: float | None) -> None:
    """It is tried again after `wait` seconds, or given up (None)."""
    await conn.execute(_FAILED, alert["id"], alert["attempts"], error, wait)


async def ask(conn: Queries, org_id: UUID, rule_id: UUID) -> UUID:
    """A test message of a rule, to be sent at once."""
    alert_id = uuid7()
    await conn.execute(_ASK, alert_id, org_id, rule_id)
    return alert_id


async def get(conn: Queries, org_id: UUID, alert_id: UUID) -> Row | None:
    return await conn.fetchrow(_GET, org_id, alert_id)


async def list_page(conn: Queries, org_id: UUID, filters: Filters, limit: int, offset: int) -> tuple[list[Row], int]:
    """Newest first, and how many there are."""
    said = (org_id, filters.rule_id, list(filters.statuses))
    rows = list(await conn.fetch(_LIST, *said, limit, offset))
    return rows, int(await conn.fetchval(_COUNT, *said))


async def send_again(conn: Queries, org_id: UUID, alert_id: UUID) -> bool:
    """False: it is not given up, or its rule is gone."""
    return await conn.fetchval(_AGAIN, org_id, alert_id) is not None


async def forget_old(conn: Queries) -> None:
    """Alerts that were over 30 days ago."""
    for statement in _FORGET:
        await conn.execute(statement)
