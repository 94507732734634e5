"""Automations by the path of their webhook, and what became of the webhooks that came in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from vai_common.queries import Queries

_FIND = """
SELECT id, version_id, status, webhook_secret AS secret FROM automations
WHERE org_id = $1 AND webhook_path = $2 AND webhook_secret IS NOT NULL AND deleted_at IS NULL
"""

_OF_TRIGGERS = """
SELECT a.automation_id, a.trigger_key, a.id FROM automation_runs a
JOIN unnest($1::uuid[], $2::text[]) AS t(automation_id, trigger_key)
    ON a.automation_id = t.automation_id AND a.trigger_key = t.trigger_key
"""

_IGNORED = """
WITH picked AS MATERIALIZED (
    SELECT a.id, t.webhooks FROM automations a JOIN unnest($1::uuid[], $2::int[]) AS t(id, webhooks) ON a.id = t.id
    ORDER BY a.id FOR UPDATE OF a
)
UPDATE automations a SET webhooks_ignored = a.webhooks_ignored + picked.webhooks,
    webhook_ignored_at = clock_timestamp()
FROM picked WHERE a.id = picked.id
"""


@dataclass(frozen=True)
class Hook:
    """What a webhook's path leads to; `secret` is the envelope of its text."""

    id: UUID
    version_id: UUID
    status: str
    secret: bytes = field(repr=False)


async def find(conn: Queries, org_id: UUID, path: str) -> Hook | None:
    """`path` is as `triggers.webhook_path` answers it."""
    row = await conn.fetchrow(_FIND, org_id, path)
    return None if row is None else Hook(**row)


async def of_triggers(conn: Queries, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """The automation runs that these triggers (automation, trigger key) have made."""
    automations, triggers = [key[0] for key in keys], [key[1] for key in keys]
    rows = await conn.fetch(_OF_TRIGGERS, automations, triggers)
    return {(row["automation_id"], row["trigger_key"]): row["id"] for row in rows}


async def ignored(conn: Queries, automation_ids: Sequence[UUID]) -> None:
    """Records webhooks that came to automations which are paused or in error (decision 40); an id for each webhook."""
    webhooks = Counter(automation_ids)
    await conn.execute(_IGNORED, list(webhooks), list(webhooks.values()))
