"""Automations that are called by a run of kind `call_automation`."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

_CALLED = "SELECT id, status, outcome, error FROM automation_runs WHERE parent_run_id = $1"

_RESULTS = """
SELECT s.key, s.state, r.result FROM automation_steps s LEFT JOIN runs r ON r.id = s.run_id
WHERE s.automation_run_id = $1 ORDER BY s.place
"""


@dataclass(frozen=True)
class Called:
    """The automation run that a run has made."""

    id: UUID
    status: str
    outcome: str | None
    error: dict[str, Any] | None


async def called_by(conn: Any, run_id: UUID) -> Called | None:
    """What a run has called; None before it has."""
    row = await conn.fetchrow(_CALLED, run_id)
    return None if row is None else Called(**row)


async def results(conn: Any, automation_run_id: UUID) -> dict[str, dict[str, Any]]:
    """Status and result of each step, by key."""
    rows = await conn.fetch(_RESULTS, automation_run_id)
    return {row["key"]: {"status": _word(row["state"]), "result": row["result"]} for row in rows}


def _word(state: str) -> str:
    return "skipped" if state == "passed_by" else state
