"""A provider names its calls as it likes; in a conversation each call has one result all the same."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart

from vai_agent_worker.agents.conversation import messages
from vai_agent_worker.agents.judging import stored
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.turns import Answered
from vai_records.agents.turns import Turn as Kept
from vai_records.definitions.call_agent import CallAgent
from vai_testkit.agents import AgentHouse
from vai_testkit.servers.models.script import Call, Turn
from vai_testkit.servers.models.server import ModelServer
from vai_worker.kind import Park

FIXED = {"method": "POST", "url": "https://api.example.com/orders"}
POST: dict[str, Any] = {"kind": "http_request", "name": "post", "fixed": FIXED, "maySet": ["body"]}


@pytest.mark.parametrize("ids", [("call_0", "call_0", "call_0"), ("a", "b", "a"), ("call_2_0", "call_2_0", "x")])
async def test_ids_that_begin_anew_with_each_answer_end_no_run(
    house: AgentHouse, model: ModelServer, ids: tuple[str, ...]
) -> None:
    await house.save(tools=[POST])
    calls = [Turn(calls=(Call("post", {"body": {"n": n}}, name),)) for n, name in enumerate(ids)]
    model.follow([*calls, Turn("Done.")])
    run_id = await house.ask()
    for n in range(len(ids)):
        assert isinstance(await house.turn(run_id), Park)
        await house.others.end(str((await house.children(run_id))[n]["id"]), result={"body": f"result {n}"})
    ended = await house.turn(run_id)
    assert isinstance(ended, dict)
    assert (ended["answer"], ended["calls"]) == ("Done.", len(ids))
    assert [f"result {n}" in told.text for n, told in enumerate(model.asked[-1].results)] == [True] * len(ids)


@pytest.mark.parametrize(
    "ids", [[["", ""], ["", ""]], [["a", "b"], ["b", "a"], ["a", "c"]], [["call_2_0"], ["call_2_0"]]]
)
def test_each_call_of_a_conversation_has_an_id_and_its_own_result(ids: list[list[str]]) -> None:
    turns: list[Kept] = []
    for number, given in enumerate(ids, 1):
        answer = stored(ModelResponse(parts=[ToolCallPart("get", "{}", tool_call_id=each) for each in given]))
        kept = Answered(number, "l/one", answer, 1, 1, None).as_turn()
        turns.append(kept)
        object.__setattr__(kept, "results", [{"text": f"{number} {place}"} for place in range(len(given))])
    agent = AgentDefinition.model_validate({"instructions": "Help."})
    told, _ = messages(agent, CallAgent.model_validate({"agent": "helper", "question": "How many?"}), turns)
    asked = [part.tool_call_id for one in told if isinstance(one, ModelResponse) for part in one.parts
             if isinstance(part, ToolCallPart)]  # fmt: skip
    came = [(part.tool_call_id, part.content) for one in told if isinstance(one, ModelRequest) for part in one.parts
            if isinstance(part, ToolReturnPart)]  # fmt: skip
    assert len(set(asked)) == len(asked) == sum(map(len, ids))
    results = [f"{number} {place}" for number, given in enumerate(ids, 1) for place in range(len(given))]
    assert came == list(zip(asked, results, strict=True))
