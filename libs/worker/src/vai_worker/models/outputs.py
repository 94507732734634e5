"""Answers by a schema: they come as the call of one tool and are checked against the schema."""

import json
import re
from typing import TYPE_CHECKING, Any

from vai_common import numbers

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelRequest, ModelResponse
    from pydantic_ai.tools import ToolDefinition

TOOL = "final_answer"
_LONGEST_FAULT = 600
_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)


class Unfitting(Exception):
    """An answer that does not fit its schema, and why."""

    def correction(self, response: "ModelResponse", instructions: str) -> "ModelRequest":
        """The message to the model about it. Every tool call is answered, since the provider would refuse to go on
        otherwise.
        """
        from pydantic_ai.messages import ModelRequest, ToolReturnPart, UserPromptPart

        text = f"This does not fit: {self}. Correct it and answer again with the tool {TOOL}."
        calls = response.tool_calls
        parts: list[Any] = [ToolReturnPart(call.tool_name, text, call.tool_call_id) for call in calls]
        return ModelRequest(parts=parts or [UserPromptPart(text)], instructions=instructions or None)


def output_tool(schema: dict[str, Any]) -> "ToolDefinition":
    """The tool by which the model gives its answer. A schema that is no object is wrapped in one."""
    from pydantic_ai.tools import ToolDefinition

    described = "Give the final answer. Call it once, when everything is known."
    return ToolDefinition(name=TOOL, parameters_json_schema=_object(schema), description=described, kind="output")


def read_output(response: "ModelResponse", schema: dict[str, Any]) -> Any:
    """The model's answer as JSON that fits: the call of the tool, or a text that is nothing but such JSON, since many
    models write it so. Raises `Unfitting`.
    """
    calls = [call for call in response.tool_calls if call.tool_name == TOOL]
    if calls:
        return read_arguments(calls[0].args, schema)
    said = (response.text or "").strip()
    fenced = _FENCED.fullmatch(said)
    said = fenced[1] if fenced else said
    if response.tool_calls or not said.startswith("{"):
        raise Unfitting(f"the answer is no call of {TOOL}")
    return read_arguments(said, schema)


def read_arguments(given: Any, schema: dict[str, Any]) -> Any:
    """Arguments of the output tool, checked. Raises `Unfitting`."""
    value = given
    if isinstance(given, str):
        try:
            value = json.loads(given)
        except ValueError as error:
            raise Unfitting(f"it is no JSON ({error})") from None
    if (odd := numbers.odd_in(value)) is not None:
        place = ".".join(map(str, odd[0]))
        raise Unfitting(f"{place}: {numbers.shown(odd[1])} is no number of 64 bits: write it as a string")
    if fault := fault_in(value, _object(schema)):
        raise Unfitting(fault)
    return value if _is_object(schema) else value["value"]


def fault_in(value: Any, schema: dict[str, Any]) -> str | None:
    """The error of a value by a JSON Schema, with its place. None if it fits."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error is None:
        return None
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}"[:_LONGEST_FAULT] if place else error.message[:_LONGEST_FAULT]


def storable(value: Any) -> Any:
    """The value with nothing that Postgres cannot keep: U+0000 and halves of surrogate pairs are replaced, and a number
    of more than 64 bits becomes a text of its digits.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [storable(one) for one in value]
    if isinstance(value, dict):
        return {storable(name): storable(one) for name, one in value.items()}
    return str(value) if numbers.odd_in(value) else value


def _is_object(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" or "properties" in schema


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    if _is_object(schema):
        return {"type": "object"} | schema
    return {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}
