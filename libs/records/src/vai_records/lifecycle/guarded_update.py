"""The guarded UPDATE of every transition that is not in `runs.statements` (rule 1).

Which transitions exist is a table in `lifecycle.transitions`. A service's `lifecycle.py` names its steps and calls
`apply`. If a row is not returned, it was not as expected, and the caller reads it to decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID

from vai_common.queries import Queries
from vai_records.lifecycle.entry import Entry
from vai_records.lifecycle.sql_fragments import AFTERWARDS, ROOM_WANTED, TOLD, WOKEN, logged, told
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs.row import RunRow

_LIVE = frozenset((Phase.QUEUED, Phase.LEASED))

_NOBODY = "SELECT NULL::uuid AS id, NULL::text AS kind, NULL::text AS phase WHERE false"
"""Used instead of `WOKEN` if the step does not end the run: a parent goes on waiting."""


@dataclass(frozen=True)
class Step:
    """From any of `phases` of `source` to `phase` of `target`, with further assignments and a further guard in SQL.

    `sets` and `guard` may name the row as `r` and the caller's values as $6, $7, ….
    """

    source: Status
    phases: tuple[Phase, ...]
    target: Status
    phase: Phase
    sets: str = ""
    guard: str = ""
    skip_locked: bool = False

    @property
    def ends(self) -> bool:
        return self.phase is Phase.DONE

    @property
    def leaves_room(self) -> bool:
        """Whether the run was live (queued or leased) and no longer is, so that another one may fit under a limit."""
        return not _LIVE.isdisjoint(self.phases) and self.phase not in _LIVE


@cache
def _text(step: Step, with_entry: bool, event: str | None) -> str:
    ends = ", completed_at = clock_timestamp(), control = NULL" if step.ends else ""
    parts = [
        f"""picked AS MATERIALIZED (
    SELECT r.id FROM runs r WHERE r.id = ANY($1::uuid[]) AND r.status = '{step.source}'
      AND r.phase IN ({", ".join(f"'{phase}'" for phase in step.phases)}) {"AND " + step.guard if step.guard else ""}
    ORDER BY r.id FOR UPDATE {"SKIP LOCKED" if step.skip_locked else ""}
)""",
        f"""moved AS (
    UPDATE runs r SET status = '{step.target}', phase = '{step.phase}', updated_at = clock_timestamp(),
        lease_owner = NULL, log_seq = log_seq + {int(with_entry)},
        event_seq = event_seq + {int(event is not None)}{ends}
        {"" if "held_for" in step.sets else ", held_for = NULL"}{"" if "due_at" in step.sets else ", due_at = NULL"}
        {", " + step.sets if step.sets else ""}
    FROM picked WHERE r.id = picked.id RETURNING r.*
)""",
        """given AS (SELECT $2::jsonb AS entry, $3::text AS worker, $4::jsonb AS extra, $5::uuid AS writer)""",
    ]
    if with_entry:
        text = logged(
            "entry->>'level'", "entry->>'event'", "entry->>'message'", "entry->'data'", "worker", "moved, given"
        )
        parts.append(f"logged AS ({text})")
    if event is not None:
        quoted = f"'{event}'"
        parts.append(f"told AS ({told(quoted, 'extra', 'writer', 'moved, given')})")
        parts.append(f"woken AS ({WOKEN if step.ends else _NOBODY})")
        return f"""WITH {", ".join(parts)}
SELECT moved.*, {TOLD}, {AFTERWARDS}
FROM moved JOIN told ON told.subject_id = moved.id LEFT JOIN woken ON woken.id = moved.parent_run_id"""
    return f"WITH {', '.join(parts)} SELECT *, {ROOM_WANTED if step.leaves_room else 'false'} AS room_wanted FROM moved"


async def apply(
    conn: Queries,
    step: Step,
    ids: Sequence[UUID],
    *values: Any,
    entry: Entry | None = None,
    event: str | None = None,
    extra: dict[str, Any] | None = None,
    worker: str | None = None,
    writer: UUID | None = None,
) -> list[RunRow]:
    """Take the step for those of `ids` that are in its first state. Return their rows.

    With `entry` it writes a log entry, with `event` a journal row (`writer` publishes it), and the returned rows have
    the event's columns.
    """
    noted = (
        None
        if entry is None
        else {"level": entry.level, "event": entry.event, "message": entry.message, "data": entry.data}
    )
    text = _text(step, entry is not None, event)
    found = await conn.fetch(text, list(ids), noted, worker, extra or {}, writer, *values)
    return cast("list[RunRow]", found)
