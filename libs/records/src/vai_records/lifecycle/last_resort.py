"""Ends a run whose own transition fails (rule 23).

A transition writes a log entry, an event and the wake-up of a parent in one statement. If one of these fails, nothing
would end the run. Here they are left out one after the other. The rest does not read the definition.
"""

from functools import cache
from typing import Any, cast
from uuid import UUID

import structlog

from vai_common.db import is_away
from vai_common.queries import Connection, Queries
from vai_records.lifecycle.guarded_update import Step, apply
from vai_records.lifecycle.leases import LEASE_SECONDS
from vai_records.runs.row import RunRow
from vai_records.runs.subject import subject

_log = structlog.get_logger()

# An old row may break a newer constraint: the columns of such constraints are set to NULL.
_EMPTIED = {
    name: f"{name} = NULL" for name in ("lease_owner", "due_at", "held_for", "control", "approval_timeout_seconds")
}

_TAKE = f"""
UPDATE runs SET status = 'running', phase = 'leased', lease_owner = $2, held_for = NULL, recovered = false,
    approval_timeout_seconds = NULL, epoch = least(epoch::bigint + 1, 2147483647)::int,
    started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(),
    due_at = clock_timestamp() + interval '{LEASE_SECONDS} s'
WHERE id = $1 AND phase = 'queued' RETURNING epoch
"""


@cache
def _bare(step: Step) -> str:
    """The step's own change of the run's row, and nothing else; its values are those of `apply`."""
    emptied = ", ".join(part for name, part in _EMPTIED.items() if name not in step.sets)
    sets = f", {step.sets}" if step.sets else ""
    guard = f" AND {step.guard}" if step.guard else ""
    phases = ", ".join(f"'{phase}'" for phase in step.phases)
    return f"""WITH given AS (SELECT $2::jsonb, $3::text, $4::jsonb, $5::uuid),
picked AS MATERIALIZED (
    SELECT r.id FROM runs r WHERE r.id = ANY($1::uuid[]) AND r.status = '{step.source}' AND r.phase IN ({phases}){guard}
    FOR UPDATE SKIP LOCKED
)
UPDATE runs r SET status = '{step.target}', phase = '{step.phase}', updated_at = clock_timestamp(),
    {"completed_at = clock_timestamp(), " if step.ends else ""}{emptied}{sets}
FROM picked, given WHERE r.id = picked.id RETURNING r.*"""


async def end(
    conn: Connection,
    step: Step,
    run_id: UUID,
    *values: Any,
    event: str,
    extra: dict[str, Any] | None = None,
    writer: UUID | None = None,
) -> tuple[bool, list[RunRow]]:
    """Take an ending step without its log entry, and if that fails without its event, too.

    Return whether the run has ended, and the rows for `follow`. Raises the database's error if the row cannot be
    changed at all.
    """
    try:
        async with conn.transaction():
            rows = await apply(conn, step, [run_id], *values, event=event, extra=extra, writer=writer)
            return bool(rows), rows
    except Exception as error:
        if is_away(error):
            raise
        _log.error("run_ends_without_its_event", **await subject(conn, run_id), untold=event, error=repr(error))
    async with conn.transaction():
        ended = await conn.fetch(_bare(step), [run_id], None, None, extra or {}, writer, *values)
    return bool(ended), []


async def move(conn: Connection, step: Step, run_id: UUID) -> list[RunRow]:
    """Takes a step that ends nothing, without its log entry and event: the run's row, none where it stands elsewhere.

    Where the run goes on, whoever takes it up next ends it if it must be ended.
    """
    async with conn.transaction():
        rows = cast("list[RunRow]", await conn.fetch(_bare(step), [run_id], None, None, {}, None))
    if rows:
        _log.error("run_moves_untold", **await subject(conn, run_id), phase=step.phase)
    return rows


async def take(conn: Queries, run_id: UUID, owner: UUID) -> int | None:
    """queued → leased without a log entry, for a claim that fails: the epoch. None where it is not queued."""
    epoch: int | None = await conn.fetchval(_TAKE, run_id, owner)
    return epoch
