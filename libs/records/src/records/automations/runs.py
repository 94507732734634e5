"""Automation runs: one is made for each trigger, and what is asked of one while it runs.

Its lifecycle is short: running, then completed, failed or cancelled. Whoever is triggered makes it; the scheduler alone
ends it (a database trigger holds both). Every statement here is one guarded statement (rule 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from common.ids import uuid7

_CREATE = """
INSERT INTO automation_runs (id, org_id, automation_id, version_id, triggered_by, trigger_key, event, inputs, depth,
    parent_run_id, retry_of, created_by, traceparent, created_at, updated_at)
SELECT new.*, at.now, at.now FROM (SELECT clock_timestamp() AS now) AS at, unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::int[],
    $10::uuid[], $11::uuid[], $12::uuid[], $13::text[]) AS new
ON CONFLICT DO NOTHING
RETURNING id
"""

_STOP = """
WITH picked AS MATERIALIZED (
    SELECT id FROM automation_runs WHERE org_id = $1 AND (id = ANY($2::uuid[]) OR parent_run_id = ANY($3::uuid[]))
      AND status = 'running' ORDER BY id FOR UPDATE
)
UPDATE automation_runs a SET control = 'cancel', updated_at = clock_timestamp() FROM picked WHERE a.id = picked.id
RETURNING a.id
"""

_LIVE_RUNS = """
SELECT s.run_id FROM automation_steps s
WHERE s.automation_run_id = ANY($1::uuid[]) AND s.state = 'running' AND s.run_id IS NOT NULL ORDER BY s.run_id
"""


@dataclass(frozen=True)
class NewAutomationRun:
    """All that the row of a new automation run says; `trigger_key` makes one trigger one run."""

    org_id: UUID
    automation_id: UUID
    version_id: UUID
    triggered_by: str
    trigger_key: str | None = None
    event: dict[str, Any] | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    depth: int = 0
    parent_run_id: UUID | None = None
    retry_of: UUID | None = None
    created_by: UUID | None = None
    traceparent: str | None = None
    id: UUID = field(default_factory=uuid7)

    def columns(self) -> tuple[Any, ...]:
        """The values in the order of the creating statement."""
        return (
            self.id,
            self.org_id,
            self.automation_id,
            self.version_id,
            self.triggered_by,
            self.trigger_key,
            self.event,
            self.inputs,
            self.depth,
            self.parent_run_id,
            self.retry_of,
            self.created_by,
            self.traceparent,
        )


async def create(conn: Any, news: Sequence[NewAutomationRun]) -> set[UUID]:
    """Makes automation runs; answers the ids of those that are new. Ring `common.bell.AUTOMATION` after the commit.

    One that is missing from the answer was made by an earlier message of the same trigger.
    """
    ordered = sorted(news, key=lambda new: (new.automation_id, new.trigger_key or "", new.id))
    columns = [list(column) for column in zip(*(new.columns() for new in ordered), strict=True)]
    return {row["id"] for row in await conn.fetch(_CREATE, *columns)}


async def stop(conn: Any, org_id: UUID, ids: Sequence[UUID], called_by: Sequence[UUID] = ()) -> list[UUID]:
    """Asks automation runs, and those that these runs have called, to stop: no step of them starts any more.

    Answers the ids of those that were running. What runs of them has to be cancelled besides (`live_runs`).
    """
    return [row["id"] for row in await conn.fetch(_STOP, org_id, list(ids), list(called_by))]


async def live_runs(conn: Any, ids: Sequence[UUID]) -> list[UUID]:
    """The runs of the steps that are running, in id order."""
    return [row["run_id"] for row in await conn.fetch(_LIVE_RUNS, list(ids))]
