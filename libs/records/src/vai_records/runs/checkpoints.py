"""Checkpoints: how far a run has come. The next worker, or a retry of the run, goes on from there."""

from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.runs.chain import CHAIN

_SAVE = """
INSERT INTO checkpoints (run_id, state) VALUES ($1, $2)
ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, updated_at = clock_timestamp()
"""
_PROGRESS = f"""
WITH saved AS ({_SAVE})
UPDATE runs SET losses = 0, spared = false WHERE id = $1 AND (losses > 0 OR spared)
"""


async def load(conn: Queries, run_id: UUID) -> dict[str, Any] | None:
    """The run's last checkpoint. If it has none, that of the run that it retries (decision 19)."""
    state: dict[str, Any] | None = await conn.fetchval(
        f"{CHAIN} SELECT p.state FROM chain c JOIN checkpoints p ON p.run_id = c.id ORDER BY c.depth LIMIT 1", run_id
    )
    return state


async def save(conn: Queries, run_id: UUID, state: dict[str, Any], is_progress: bool = True) -> None:
    """Replace the run's checkpoint, in the transaction that makes the work before it durable.

    It also resets the losses: a run that makes progress is not one that kills its workers (decision 16). What a run
    only announces is no progress.
    """
    await conn.execute(_PROGRESS if is_progress else _SAVE, run_id, state)
