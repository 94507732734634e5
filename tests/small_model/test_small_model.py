"""What a real model says has the form that everything here relies on. What it says is never looked at."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_testkit.agents import AgentHouse

LOOK: dict[str, Any] = {"kind": "http_request", "name": "look", "fixed": {"url": "https://api.example.com/n"}}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("parts", [{}, {"tools": [LOOK | {"maySet": ["query"]}]}, {"outputSchema": NUMBER}])
async def test_an_agent_comes_to_an_end_with_it(house: AgentHouse, parts: dict[str, Any]) -> None:
    await house.save(**{"instructions": "Answer in one short sentence.", "limits": {"steps": 4, "calls": 3}} | parts)
    run_id = await house.ask("What is two and two?")
    came = await house.to_its_end(run_id, {"status_code": 200, "body": {"n": 4}})
    turns = await house.turns(run_id)
    assert turns, came
    assert all(turn.input_tokens > 0 and turn.output_tokens > 0 for turn in turns)
    assert all(turn.answer["parts"] for turn in turns)
    if isinstance(came, RunError):  # it may ramble on, or give nothing that can be used
        assert came.code in (ErrorCode.DATA_ERROR, ErrorCode.RATE_LIMITED), came
    else:
        assert came["tokens"] == sum(turn.input_tokens + turn.output_tokens for turn in turns)
        assert came["answer"] or came["output"] is not None
        assert came["model"] == "here/scripted-1"
    if not parts:
        assert "".join(message for event, message, _ in house.logs if event == "model_text").strip()
