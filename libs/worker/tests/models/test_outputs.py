"""An answer by a schema is a call of the one tool, or a text that is nothing but JSON that fits."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

from vai_worker.models.outputs import TOOL, Unfitting, read_output

NUMBER: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FITS = ['{"n": 7}', ' \n{"n": 7}\n', '```json\n{"n": 7}\n```', '```\n{"n": 7}\n```', '{"n": 7.0}']
FITS_NOT = [
    "7",
    "It is 7.",
    'It is {"n": 7}',
    '{"n": 7} and no more',
    '{"n": "seven"}',
    '{"n": 7',
    '{"n": 7}{"n": 8}',
    '```json\n{"n": 7}\n```\n```json\n{"n": 8}\n```',
    '{"n": 12345678901234567890123}',
    "[7]",
    "",
]


@pytest.mark.parametrize("text", FITS)
def test_a_text_that_is_json_and_fits_is_the_answer(text: str) -> None:
    assert read_output(ModelResponse(parts=[TextPart(text)]), NUMBER) == {"n": 7}


@pytest.mark.parametrize("text", FITS_NOT)
def test_any_other_text_is_none(text: str) -> None:
    with pytest.raises(Unfitting):
        read_output(ModelResponse(parts=[TextPart(text)]), NUMBER)


def test_a_schema_that_is_no_object_is_wrapped_in_a_text_too() -> None:
    assert read_output(ModelResponse(parts=[TextPart('{"value": 5}')]), {"type": "integer"}) == 5


def test_a_call_counts_and_not_the_text_beside_it() -> None:
    said = ModelResponse(parts=[TextPart('{"n": 1}'), ToolCallPart(TOOL, '{"n": 7}')])
    assert read_output(said, NUMBER) == {"n": 7}
    with pytest.raises(Unfitting):
        read_output(ModelResponse(parts=[TextPart('{"n": 1}'), ToolCallPart("other", "{}")]), NUMBER)
