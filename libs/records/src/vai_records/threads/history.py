"""What a message stands on, as the model that answers it is told: earlier messages, their answers and calls."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from vai_common.queries import Queries, Row
from vai_records.agents.definition import AgentDefinition
from vai_records.runs.chain import CHAIN
from vai_records.threads import messages

Json = dict[str, Any]

AT_ONCE: Final = 20
"""Messages that are read together."""
MOST_MESSAGES: Final = 1_000
MOST_TEXT: Final = 20_000
"""Characters of one text, and of the calls of one answer."""
CUT: Final = " … (cut)"
MOST_TOLD: Final = 2_000
"""Characters of the arguments of an earlier call, and of what it came to."""
MOST_CALLS: Final = 400
"""Earlier calls that are told of the messages that are read together, the last ones."""

_CALLS = f"""
SELECT t.run_id, e.call ->> 'tool' AS tool, left(e.call ->> 'arguments', {MOST_TOLD}) AS arguments,
    left(t.results -> (e.place - 1)::int ->> 'text', {MOST_TOLD}) AS came_to
FROM agent_turns t, jsonb_array_elements(t.calls) WITH ORDINALITY AS e (call, place)
WHERE t.run_id = ANY($1::uuid[])
ORDER BY t.run_id DESC, t.turn DESC, e.place DESC LIMIT {MOST_CALLS}
"""
_CHAIN = CHAIN + " SELECT id FROM chain"
_DATASETS = "SELECT datasets FROM chat_threads WHERE id = $1"


@dataclass(frozen=True)
class Earlier:
    """A message and its answer. `calls`: of each the tool, the arguments, and the beginning of what it came to."""

    text: str
    answer: str
    calls: list[Json]

    @property
    def size(self) -> int:
        """Characters, about."""
        calls = len(orjson.dumps(self.calls)) if self.calls else 0
        return len(self.text) + len(self.answer) + min(calls, MOST_TEXT)


async def message_of(conn: Queries, run_id: UUID) -> Row | None:
    """The message that a run answers, or that the run answers which it tries again."""
    return await messages.of_runs(conn, [row["id"] for row in await conn.fetch(_CHAIN, run_id)])


async def narrowed(conn: Queries, thread_id: UUID, definition: Json) -> Json:
    """The agent's definition with the tables that are attached to the thread, of those that the agent may read."""
    attached = await conn.fetchval(_DATASETS, thread_id)
    agent = AgentDefinition.model_validate(definition)
    if not attached:
        return definition
    return {**definition, "datasets": [name for name in agent.datasets if name in attached]}


async def before(conn: Queries, message: Row, room: int) -> list[Earlier]:
    """What stands before a message, the newest last: as much as `room` characters need, and never the whole thread."""
    found: list[Earlier] = []
    parent, size = message["parent_id"], 0
    while parent is not None and size <= room and len(found) < MOST_MESSAGES:
        rows = await messages.line(conn, message["thread_id"], parent, AT_ONCE)
        calls = await _calls(conn, [row["run_id"] for row in rows])
        read = [
            Earlier(cut(row["text"], MOST_TEXT), cut(answer_of(row), MOST_TEXT), calls.get(row["run_id"], []))
            for row in rows
        ]
        found += read
        size += sum(one.size for one in read)
        parent = rows[-1]["parent_id"] if rows else None
    return found[::-1]


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + CUT


def answer_of(row: Row) -> str:
    """What a run answered, as a text; of one that did not, why."""
    result, error = row["result"] or {}, row["error"] or {}
    if row["status"] == "completed":
        said = result.get("answer")
        if said is None and result.get("output") is not None:
            said = orjson.dumps(result["output"]).decode()
        return said or "(The answer is too long to be shown here.)"
    if row["status"] == "failed":
        return f"(No answer: {str(error.get('message'))[:500]})"
    return "(The answer was stopped.)"


async def _calls(conn: Queries, run_ids: list[UUID]) -> dict[UUID, list[Json]]:
    calls: dict[UUID, list[Json]] = {}
    for row in reversed(await conn.fetch(_CALLS, run_ids)):
        told = {"tool": row["tool"], "arguments": row["arguments"], "came_to": row["came_to"] or "(not known)"}
        calls.setdefault(row["run_id"], []).append(told)
    return calls
