"""An answer is kept so that every later turn can read it, whatever its provider put into it."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart, ToolCallPart

from vai_agent_worker.agents.judging import stored
from vai_common.errors import ErrorCode, Permanent


@pytest.mark.parametrize(
    "given",
    [
        [5],
        [None],
        [""],
        ["a", "a"],
        ["", ""],
        ["call_2", "", ""],
        ["", "call_1", "call_1"],
        [True, 1, "1"],
        ["a\0b"],
        [["a"]],
    ],
)
def test_each_call_is_kept_with_an_id_of_its_own_that_can_be_read(given: list[Any]) -> None:
    calls = [ToolCallPart("get", "{}", tool_call_id=each) for each in given]
    (read,) = ModelMessagesTypeAdapter.validate_python([stored(ModelResponse(parts=calls))])
    assert isinstance(read, ModelResponse)
    ids = [call.tool_call_id for call in read.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(given)


def test_ids_that_are_good_stay() -> None:
    calls = [ToolCallPart("get", "{}", tool_call_id=each) for each in ("call_b", "call_a")]
    assert [part["tool_call_id"] for part in stored(ModelResponse(parts=calls))["parts"]] == ["call_b", "call_a"]


@pytest.mark.parametrize(
    "part",
    [TextPart(5), TextPart(None), ToolCallPart(5, "{}"), ToolCallPart("get", 5), TextPart(["a"]), ToolCallPart(None)],  # type: ignore[arg-type]
)
def test_an_answer_that_nobody_could_read_again_is_the_providers_fault(part: Any) -> None:
    with pytest.raises(Permanent, match="cannot be stored") as refused:
        stored(ModelResponse(parts=[part]))
    assert refused.value.code is ErrorCode.DATA_ERROR
