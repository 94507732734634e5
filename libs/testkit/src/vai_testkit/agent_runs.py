"""An agent's run that is over, with the runs of its calls: as if a model had asked for them."""

from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Pool
from vai_records.agents import turns
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.turns import Answered
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_testkit.services import OtherServices

Json = dict[str, Any]


async def agent_run(
    pool: Pool,
    others: OtherServices,
    org_id: UUID,
    turns_told: list[list[tuple[str, str, Json, Any]]],
    *,
    agent: Json | None = None,
    question: str = "How many orders are there?",
    inputs: Json | None = None,
    answer: str = "Done.",
    status: str = "completed",
    run_id: UUID | None = None,
) -> UUID:
    """`turns_told`: of each turn its calls: tool, kind, arguments, result (None: the call failed).

    `agent` is its definition, as REST has it; its slug is `analyst`.
    """
    definition = AgentDefinition.model_validate({"instructions": "Help."} | (agent or {})).stored()
    asked = {"agent": "analyst", "question": question} | ({"inputs": inputs} if inputs else {})
    run = NewRun(org_id, "call_agent", asked, "api", id=run_id or uuid7())
    await statements.create(pool, [run])
    kept = {"slug": "analyst", "name": "Analyst", "definition": definition}
    await turns.begin(pool, run.id, org_id, uuid7(), kept, 0)
    for number, calls in enumerate(turns_told, 1):
        await _turn(pool, others, run, number, calls)
    said = {"kind": "response", "parts": [{"part_kind": "text", "content": answer}]}
    await turns.answered(pool, run.id, Answered(len(turns_told) + 1, "l/one", said, 1, 1, None))
    error = None if status == "completed" else {"code": "DATA_ERROR", "message": "It did not work."}
    result = {"agent": "analyst", "answer": answer, "output": None} if error is None else None
    await others.end(str(run.id), status, result=result, error=error)
    return run.id


async def _turn(
    pool: Pool, others: OtherServices, run: NewRun, number: int, calls: list[tuple[str, str, Json, Any]]
) -> None:
    told: list[Json] = []
    for place, (tool, kind, given, result) in enumerate(calls):
        child = NewRun(run.org_id, kind, given, "agent", parent_run_id=run.id)
        await statements.create(pool, [child])
        error = {"code": "DATA_ERROR", "message": "It did not work."} if result is None else None
        await others.end(str(child.id), "failed" if error else "completed", result=result, error=error)
        told.append({"id": f"c{number}-{place}", "tool": tool, "arguments": given, "run_id": str(child.id)})
    said = {"kind": "response", "parts": [{"part_kind": "text", "content": ""}]}
    await turns.answered(pool, run.id, Answered(number, "l/one", said, 1, 1, None))
    await turns.called(pool, run.id, number, told)
    await turns.came_to(pool, run.id, number, [{"text": "…", "failed": False} for _ in told])
