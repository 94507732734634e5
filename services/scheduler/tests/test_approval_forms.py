"""What an approver filled in is known to the steps that follow, in references and in conditions."""

import json
from typing import Any
from uuid import UUID

from services.scheduler.tests.stage import Stage

FIELDS = [{"name": "amount", "type": "integer"}, {"name": "note"}]
GATE = {"key": "ask", "kind": "approval_gate", "definition": {"approval_fields": FIELDS}}


async def _definition(stage: Stage, run_id: UUID, key: str) -> Any:
    run = await stage.run_of(run_id, key)
    return await stage.pool.fetchval("SELECT definition FROM runs WHERE id = $1", run)


async def _approved(stage: Stage, run_id: UUID, values: Any) -> None:
    run = await stage.run_of(run_id, "ask")
    ended = "status = 'completed', phase = 'done', held_for = NULL, completed_at = now()"
    said = [json.dumps(one) for one in ({"port": "approved"}, values)]
    await stage.database.change(run, f"{ended}, result = $2::text::jsonb, approval_values = $3::text::jsonb", *said)
    assert await stage.looker.look(run_id) is not None


async def test_a_step_and_a_branch_see_the_values(stage: Stage) -> None:
    body = {"a": "$/steps/ask/approval/amount", "b": "said: ${/steps/ask/approval/note}", "c": "$/steps/ask/approval"}
    call = {"key": "call", "kind": "http_request", "definition": {"url": "https://a.test", "body": body}}
    branch = {
        "key": "large",
        "kind": "conditional_branch",
        "definition": {"conditions": [{"field": "steps.ask.approval.amount", "operator": "gt", "value": 5}]},
    }
    run_id = await stage.begun(GATE, {**call, "depends_on": ["ask"]}, {**branch, "depends_on": ["ask"]})
    values = {"amount": 7, "note": "$/inputs/a"}
    await _approved(stage, run_id, values)
    shown = await _definition(stage, run_id, "call")
    assert shown["body"] == {"a": 7, "b": "said: $/inputs/a", "c": values}
    assert (await _definition(stage, run_id, "large"))["input"]["steps"]["ask"]["approval"] == values


async def test_what_was_left_out_is_null_and_takes_its_alternative(stage: Stage) -> None:
    body = {"a": "$/steps/ask/approval/note", "b": "${/steps/ask/approval/note|none}"}
    call = {"key": "call", "kind": "http_request", "definition": {"url": "https://a.test", "body": body}}
    run_id = await stage.begun(GATE, {**call, "depends_on": ["ask"]})
    await _approved(stage, run_id, {"amount": None, "note": None})
    assert (await _definition(stage, run_id, "call"))["body"] == {"a": None, "b": "none"}


async def test_a_form_may_be_filled_in_beforehand_by_earlier_steps(stage: Stage) -> None:
    fields = [{"name": "amount", "type": "integer", "default": "$/inputs/amount", "title": "Of ${/inputs/amount}"}]
    gate = {"key": "ask", "kind": "approval_gate", "definition": {"approval_fields": fields}}
    run_id = await stage.begun(gate, inputs={"amount": 7})
    (field,) = (await _definition(stage, run_id, "ask"))["approval_fields"]
    assert (field["default"], field["title"]) == (7, "Of 7")
    run_id = await stage.begun(gate, inputs={"amount": "seven"})
    error = (await stage.step(run_id, "ask"))["error"]
    assert "must be a whole number" in error["message"]
