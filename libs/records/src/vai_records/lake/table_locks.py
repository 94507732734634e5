"""Who may write a Delta table: one run at a time, first come, first served; or the table's upkeep (rule 14)."""

from dataclasses import dataclass
from uuid import UUID

from vai_common.queries import Queries


@dataclass(frozen=True)
class Turn:
    """The answer to a run that asks for a Delta table's lock."""

    write_epoch: int | None
    """The new one, where the lock is given; None while the run must wait."""
    before: int
    """How many wait before it."""
    held_by: UUID | None
    """The run that has, or had, the lock; None while the table's upkeep has it."""


async def lock_for_write(conn: Queries, dataset_id: UUID, run_id: UUID, epoch: int) -> Turn:
    """Take a Delta table's lock for a run, or a place among those that wait: first come, first served.

    A run that is no longer leased has lost its place, so who waits asks again and again.
    """
    [row] = await conn.fetch(
        """WITH d AS MATERIALIZED (
               SELECT id, lock_run, lock_epoch, lock_queue,
                      coalesce(upkeep_until > clock_timestamp(), false) AS is_tidied
               FROM datasets WHERE id = $1 FOR NO KEY UPDATE
           ), live AS MATERIALIZED (
               SELECT d.*, NOT is_tidied AND lock_run = $2 AND lock_epoch <= $3 AS is_own,
                      NOT is_tidied AND NOT EXISTS (
                          SELECT FROM runs r WHERE r.id = d.lock_run AND r.phase = 'leased' AND r.epoch = d.lock_epoch
                      ) AS is_free, ARRAY(
                          SELECT q.run FROM unnest(d.lock_queue) WITH ORDINALITY q(run, place)
                          JOIN runs r ON r.id = q.run AND r.phase = 'leased' ORDER BY q.place
                      ) AS queue FROM d
           ), place AS MATERIALIZED (
               SELECT live.*, coalesce(array_position(queue, $2) - 1, cardinality(queue)) AS before FROM live
           ), turn AS MATERIALIZED (
               SELECT place.*, is_own IS TRUE OR (is_free AND before = 0) AS is_given,
                      array_remove(queue, $2) AS others FROM place
           ), changed AS (
               UPDATE datasets t SET
                   lock_run = CASE WHEN is_given THEN $2 ELSE t.lock_run END,
                   lock_epoch = CASE WHEN is_given THEN $3 ELSE t.lock_epoch END,
                   write_epoch = t.write_epoch + is_given::int,
                   lock_queue = CASE WHEN is_given THEN others WHEN $2 = ANY(queue) THEN queue ELSE queue || $2 END
               FROM turn WHERE t.id = turn.id AND (is_given OR queue <> t.lock_queue OR $2 <> ALL(queue))
               RETURNING t.write_epoch
           )
           SELECT CASE WHEN is_given THEN (SELECT write_epoch FROM changed) END AS write_epoch, before,
                  CASE WHEN NOT is_tidied THEN lock_run END AS held_by FROM turn""",
        *(dataset_id, run_id, epoch),
    )
    return Turn(**row)


async def unlock(conn: Queries, dataset_id: UUID, run_id: UUID, epoch: int) -> None:
    """Give the lock back; nothing happens where somebody else has it."""
    await conn.execute(
        "UPDATE datasets SET lock_run = NULL, lock_epoch = NULL WHERE id = $1 AND lock_run = $2 AND lock_epoch = $3",
        *(dataset_id, run_id, epoch),
    )
