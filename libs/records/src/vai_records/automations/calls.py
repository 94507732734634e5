"""Automations that are called by a run of kind `call_automation`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.automations.advance import shown_state

MOST_BYTES = 8 << 20
"""Of results that a call hands back, as JSON (rule 24): as much as a definition that they are put into may have."""

_CALLED = "SELECT id, status, outcome, error FROM automation_runs WHERE parent_run_id = $1"

_STEPS = """
SELECT s.key, s.state, s.run_id, octet_length(r.result::text) AS size
FROM automation_steps s LEFT JOIN runs r ON r.id = s.run_id
WHERE s.automation_run_id = $1 ORDER BY s.place
"""
_RESULTS = "SELECT id, result FROM runs WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True)
class Called:
    """The automation run that a run has made."""

    id: UUID
    status: str
    outcome: str | None
    error: dict[str, Any] | None


async def called_by(conn: Queries, run_id: UUID) -> Called | None:
    """What a run has called; None before it has."""
    row = await conn.fetchrow(_CALLED, run_id)
    return None if row is None else Called(**row)


async def results(conn: Queries, automation_run_id: UUID, most: int = MOST_BYTES) -> dict[str, dict[str, Any]]:
    """Status and result of each step, by key.

    Results that do not fit into `most` bytes stay where they are, unread; their steps say `result_truncated`. The
    smallest go first, so that one large result costs no other its place.
    """
    rows = await conn.fetch(_STEPS, automation_run_id)
    fitting = _fitting(rows, most)
    found = {row["id"]: row["result"] for row in await conn.fetch(_RESULTS, fitting)} if fitting else {}
    return {row["key"]: _step(row, found) for row in rows}


def _fitting(rows: Sequence[Row], most: int) -> list[UUID]:
    fitting: list[UUID] = []
    for size, run_id in sorted((row["size"], row["run_id"]) for row in rows if row["size"] is not None):
        most -= size
        if most < 0:
            break
        fitting.append(run_id)
    return fitting


def _step(row: Row, found: dict[UUID, Any]) -> dict[str, Any]:
    left_out = row["size"] is not None and row["run_id"] not in found
    shown = {"status": shown_state(row["state"]), "result": found.get(row["run_id"])}
    return {**shown, "result_truncated": True} if left_out else shown
