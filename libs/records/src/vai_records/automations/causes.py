"""What one cause leads to has a budget, in depth and in breadth, whatever event carries it on (rule 24).

A cause is what nobody's automation has led to: a person's trigger, a time, a webhook, an event of a run that somebody
started. Automation runs that it leads to, by events of any kind or by calls, carry its id and are counted in one row.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from vai_common.queries import Queries

DEEPEST: Final = 10
"""Automation runs that may lead to each other in a row."""
DEFAULT_MOST: Final = 1_000
"""Automation runs that one cause may lead to."""
STEPS_FOR_EACH: Final = 10
"""Times the budget: once the automation runs of a cause have had so many steps, it leads to no more of them."""
AFTER_CUT_OFF: Final = DEEPEST - 2
"""How deep what the event of a cut-off starts is: an alarm may be given, a loop does not begin anew."""

_LINES = """
WITH RECURSIVE line AS (
    SELECT id AS asked, trigger_source_type AS type, trigger_source_id AS source, parent_run_id AS parent, 0 AS steps
    FROM runs WHERE id = ANY($1::uuid[])
    UNION ALL
    SELECT line.asked, r.trigger_source_type, r.trigger_source_id, r.parent_run_id, line.steps + 1
    FROM line JOIN runs r ON r.id = coalesce(line.parent, CASE WHEN line.type = 'agent_run' THEN line.source::uuid END)
    WHERE line.type IS DISTINCT FROM 'automation_run' AND line.steps < 20
)
SELECT DISTINCT ON (asked) asked, source::uuid AS automation_run_id FROM line WHERE type = 'automation_run'
ORDER BY asked, steps
"""
_SOURCES = """
SELECT id, coalesce(cause_id, id) AS cause_id, depth, cut_off IS NOT NULL AS is_cut_off
FROM automation_runs WHERE id = ANY($1::uuid[])
"""
_STEPS = """
SELECT id, jsonb_array_length(definition->'steps') AS steps FROM automation_versions WHERE id = ANY($1::uuid[])
"""
# Locked in id order, and until the end of the transaction: who counts for the same cause waits (rule 2).
_COUNT = """
INSERT INTO automation_causes AS c (id, automation_runs, steps)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[]) AS new(id, automation_runs, steps) ORDER BY id
ON CONFLICT (id) DO UPDATE SET automation_runs = c.automation_runs + excluded.automation_runs,
    steps = c.steps + excluded.steps, updated_at = clock_timestamp()
RETURNING id, automation_runs, steps, cut_off_at IS NOT NULL AS is_cut_off
"""
_TELL = "UPDATE automation_causes SET cut_off_at = clock_timestamp() WHERE id = ANY($1::uuid[])"
_FORGET = "DELETE FROM automation_causes WHERE updated_at < clock_timestamp() - interval '30 days'"


class Source(NamedTuple):
    """The automation run whose work led here: its cause, how deep it is, and whether it was cut off itself."""

    cause_id: UUID
    depth: int
    is_cut_off: bool = False


class Wanted(NamedTuple):
    """An automation run that a cause is about to lead to: `version_id` is what it would run."""

    cause_id: UUID
    depth: int
    version_id: UUID


@dataclass(frozen=True)
class Judgement:
    """Of one that is wanted: whether it may begin, and why not; only the first of a cause is `told`."""

    may_begin: bool
    why: str | None = None
    is_told: bool = False


async def automation_runs_of(conn: Queries, run_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The automation run that each run works for, as its step or as what that has led to; by the run's id."""
    asked = sorted(set(run_ids))
    rows = await conn.fetch(_LINES, asked) if asked else []
    return {row["asked"]: row["automation_run_id"] for row in rows}


async def sources(conn: Queries, automation_run_ids: Iterable[UUID]) -> dict[UUID, Source]:
    """By the automation run's id."""
    asked = sorted(set(automation_run_ids))
    rows = await conn.fetch(_SOURCES, asked) if asked else []
    return {row["id"]: Source(row["cause_id"], row["depth"], row["is_cut_off"]) for row in rows}


async def judge(conn: Queries, wanted: Sequence[Wanted], most: int) -> list[Judgement]:
    """Counts what is wanted and says what of it may begin, in its order; to be called in the transaction that makes it.

    However many schedulers count at once, no cause leads to more than `most`, and one cut-off of it is told.
    """
    if not wanted:
        return []
    sizes = {row["id"]: row["steps"] for row in await conn.fetch(_STEPS, list({one.version_id for one in wanted}))}
    counts: dict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    for one in wanted:
        counts[one.cause_id][0] += 1
        counts[one.cause_id][1] += sizes[one.version_id]
    ids = sorted(counts)
    rows = await conn.fetch(_COUNT, ids, [counts[one][0] for one in ids], [counts[one][1] for one in ids])
    before = {row["id"]: [row[name] - counts[row["id"]][place] for place, name in enumerate(_COUNTED)] for row in rows}
    told = {row["id"] for row in rows if row["is_cut_off"]}
    judged = [_judged(one, before[one.cause_id], sizes[one.version_id], most, told) for one in wanted]
    if first := [one.cause_id for one, found in zip(wanted, judged, strict=True) if found.is_told]:
        await conn.execute(_TELL, first)
    return judged


async def forget_old(conn: Queries) -> None:
    """Counts of causes that have led to nothing for 30 days; the journal is kept for seven."""
    await conn.execute(_FORGET)


_COUNTED = ("automation_runs", "steps")


def _judged(one: Wanted, before: list[int], size: int, most: int, told: set[UUID]) -> Judgement:
    """Counts it in `before`, and its cause as told in `told`."""
    why = _why(one.depth, before, most)
    before[0] += 1
    before[1] += size
    if why is None:
        return Judgement(may_begin=True)
    is_first = one.cause_id not in told
    told.add(one.cause_id)
    return Judgement(may_begin=False, why=why, is_told=is_first)


def _why(depth: int, before: Sequence[int], most: int) -> str | None:
    end = "What else it would have led to is left out; narrow the filters of the triggers that it went through."
    if depth > DEEPEST:
        loop = "one of them seems to call itself, or to hear its own events: a loop, which ends here"
        return f"{DEEPEST} automations have started each other in a row; {loop}. {end}"
    if before[0] >= most:
        return f"One cause has led to {most} automation runs, which is the most that it may: it ends here. {end}"
    if before[1] >= most * STEPS_FOR_EACH:
        return f"One cause has led to automation runs with {before[1]} steps in all: it ends here. {end}"
    return None
