"""What an agent's run has come to, turn by turn: each answer of the model, the calls that it asked for, their results.

An answer is written before anything is done with it; the runs of its calls are made in the transaction that writes
which they are, the same one where that goes. So whoever takes the run over asks nothing twice and does nothing twice.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.clock import now
from vai_common.queries import Queries, Row

Json = dict[str, Any]

_BEGIN = """
INSERT INTO agent_runs (run_id, org_id, agent_id, agent, depth) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_BEGUN = "SELECT agent_id, agent, depth FROM agent_runs WHERE run_id = $1"
_TURNS = """
SELECT turn, model, answer, calls, results, input_tokens, output_tokens, dollars, created_at
FROM agent_turns WHERE run_id = $1 ORDER BY turn
"""
_ANSWERED = """
INSERT INTO agent_turns (run_id, turn, model, answer, input_tokens, output_tokens, dollars, calls, results)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_CALLED = "UPDATE agent_turns SET calls = $3 WHERE run_id = $1 AND turn = $2 AND calls IS NULL"
# Before a call of an MCP server is sent, and behind it.
_MARKED = "UPDATE agent_turns SET calls = $3 WHERE run_id = $1 AND turn = $2 AND results IS NULL"
_RESULTS = "UPDATE agent_turns SET results = $3 WHERE run_id = $1 AND turn = $2 AND results IS NULL"
_CHILDREN = """
SELECT id, kind, status, phase, result, error FROM runs WHERE id = ANY($1::uuid[])
"""
# Up through runs that called, and through automation runs that were called.
_DEPTH = """
WITH RECURSIVE line AS (
    SELECT r.id, r.kind, r.parent_run_id, r.trigger_source_type, r.trigger_source_id, 0 AS steps
    FROM runs r WHERE r.id = $1
    UNION ALL
    SELECT r.id, r.kind, r.parent_run_id, r.trigger_source_type, r.trigger_source_id, line.steps + 1
    FROM line JOIN runs r ON r.id = coalesce(line.parent_run_id, (
        SELECT a.parent_run_id FROM automation_runs a
        WHERE line.trigger_source_type = 'automation_run' AND a.id::text = line.trigger_source_id))
    WHERE line.steps < 40
)
SELECT count(*) FROM line WHERE kind = 'call_agent' AND steps > 0
"""


@dataclass(frozen=True)
class Turn:
    """One answer. `calls` and `results` are None as long as they are not known.

    A call: `id`, `tool`, `arguments`, and `run_id`, or `refused` that says why there is no run. One of an MCP server
    has `mcp` in place of a run: `connection`, `tool`, `idempotent`; `begun` is written before it is sent, `came_to`
    behind it (`vai_agent_worker.agents.mcp_calls`). A result: the text that the model reads, and `failed`.
    """

    turn: int
    model: str
    answer: Json
    calls: list[Json] | None
    results: list[Json] | None
    input_tokens: int
    output_tokens: int
    dollars: float | None
    created_at: Any


@dataclass(frozen=True)
class Answered:
    """An answer that is to be written."""

    turn: int
    model: str
    answer: Json
    input_tokens: int
    output_tokens: int
    dollars: float | None

    def as_turn(self) -> Turn:
        """The turn, before anything follows from it."""
        used = (self.input_tokens, self.output_tokens, self.dollars)
        return Turn(self.turn, self.model, self.answer, None, None, *used, now())


async def depth_of(conn: Queries, run_id: UUID) -> int:
    """How many agents' runs stand above a run."""
    return int(await conn.fetchval(_DEPTH, run_id))


async def begin(conn: Queries, run_id: UUID, org_id: UUID, agent_id: UUID, agent: Json, depth: int) -> None:
    """Keeps what the agent was when its run began: later changes are for later runs."""
    await conn.execute(_BEGIN, run_id, org_id, agent_id, agent, depth)


async def begun(conn: Queries, run_id: UUID) -> Row | None:
    """`agent_id`, `agent` and `depth`; None before the run has begun."""
    return await conn.fetchrow(_BEGUN, run_id)


async def read(conn: Queries, run_id: UUID) -> list[Turn]:
    return [Turn(**row) for row in await conn.fetch(_TURNS, run_id)]


async def answered(
    conn: Queries, run_id: UUID, said: Answered, calls: list[Json] | None = None, results: list[Json] | None = None
) -> None:
    """Writes an answer, with the calls that follow from it and what they came to where that is known."""
    values = (said.turn, said.model, said.answer, said.input_tokens, said.output_tokens, said.dollars)
    await conn.execute(_ANSWERED, run_id, *values, calls, results)


async def called(conn: Queries, run_id: UUID, turn: int, calls: list[Json]) -> None:
    await conn.execute(_CALLED, run_id, turn, calls)


async def marked(conn: Queries, run_id: UUID, turn: int, calls: list[Json]) -> None:
    """Writes how far the calls of MCP servers have come."""
    await conn.execute(_MARKED, run_id, turn, calls)


def was_made(call: Json) -> bool:
    """Whether a call was not refused: it is a run, or went to an MCP server."""
    return "run_id" in call or "mcp" in call


def status_of(call: Json) -> str:
    """How a call of an MCP server stands, in the words of runs."""
    if "came_to" not in call:
        return "running" if call.get("begun") else "pending"
    return "failed" if call["came_to"]["failed"] else "completed"


async def came_to(conn: Queries, run_id: UUID, turn: int, results: list[Json]) -> None:
    await conn.execute(_RESULTS, run_id, turn, results)


async def children(conn: Queries, ids: list[UUID]) -> dict[UUID, Row]:
    """The runs of calls, by id: status, phase, result and error."""
    return {row["id"]: row for row in await conn.fetch(_CHILDREN, ids)} if ids else {}
