"""What an answer of a model asks for: an end, calls, or to be asked again with what was wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from vai_common import numbers
from vai_common.errors import ErrorCode, Permanent
from vai_common.nesting import DEEPEST, is_deeper
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.turns import Turn, was_made
from vai_worker.models.outputs import TOOL, Unfitting, read_output, storable

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

Json = dict[str, Any]

MOST_AT_ONCE = 16
"""Calls of one answer; those behind them are refused."""
MOST_VAIN = 3
"""Answers in a row of which nothing can be done, before the run ends."""
LARGEST_ANSWER = 1_048_576
"""Bytes of an answer as JSON."""

_SHOWN = 10_000
_EMPTY = "Your answer was empty. Answer the question, or call a tool."
_STOPPED = {
    "content_filter": "The provider's filter of contents has stopped the model's answer: ask in another way.",
    "length": "The model's answer is longer than it may be, and was cut off: ask for less.",
}
_NOT_DONE = "Not done: the same answer gave the final answer, and that did not fit."


@dataclass(frozen=True)
class Final:
    """The end: a text, or data that fits the agent's schema."""

    text: str
    output: Any = None


@dataclass(frozen=True)
class Again:
    """Nothing can be done with it. `texts` are told to the model, one for each of its calls, or one."""

    texts: list[str]
    why: str
    is_output: bool = False


def judge(response: "ModelResponse", agent: AgentDefinition) -> "Final | Again | list[ToolCallPart]":
    """What is to be done with an answer: calls are returned as they are.

    Raises DATA_ERROR for a part of an answer: it is never taken for all of it (rule 26).
    """
    calls = response.tool_calls
    text = (response.text or "").strip()
    if not calls and (why := _STOPPED.get(response.finish_reason or "")):
        raise Permanent(ErrorCode.DATA_ERROR, why, {"finish_reason": response.finish_reason})
    if agent.output_schema is not None and (not calls or any(call.tool_name == TOOL for call in calls)):
        if not calls and not text:
            return Again([_EMPTY], "the answer is empty")
        return _output(response, agent.output_schema, text)
    if calls:
        return list(calls)
    return Final(text) if text else Again([_EMPTY], "the answer is empty")


def end_of(response: "ModelResponse", agent: AgentDefinition) -> Final | None:
    """The end, if an answer is one."""
    judged = judge(response, agent)
    return judged if isinstance(judged, Final) else None


def _output(response: "ModelResponse", schema: Json, text: str) -> "Final | Again":
    calls = response.tool_calls
    try:
        return Final(text, read_output(response, schema))
    except (Unfitting, RecursionError) as error:
        told = f"This does not fit: {error}. Correct it and answer again with the tool {TOOL}."
        texts = [told if call.tool_name == TOOL else _NOT_DONE for call in calls] or [told]
        return Again(texts, str(error), is_output=True)


def _name_calls(parts: Sequence[Json]) -> None:
    """Some providers give no ids to calls, numbers, or one id to all of an answer. A result names its call by it."""
    calls = [part for part in parts if part["part_kind"] == "tool-call"]
    known: set[str] = set()
    for call in calls:
        given = call.get("tool_call_id")
        if isinstance(given, str) and given and given not in known:
            known.add(given)
        else:
            call["tool_call_id"] = next(name for n in count(1) if (name := f"call_{n}") not in known)
            known.add(call["tool_call_id"])


def vain_in_a_row(turns: Sequence[Turn]) -> list[Turn]:
    """The last turns of which nothing could be done, oldest first."""
    found: list[Turn] = []
    for turn in reversed(turns):
        if turn.results is None or any(was_made(call) for call in turn.calls or []):
            break
        found.append(turn)
    return found[::-1]


def stored(response: "ModelResponse") -> Json:
    """An answer as it is kept: as JSON, without what Postgres cannot hold, each call with an id of its own.

    Raises DATA_ERROR for one that is too large, or that could not be read again.
    """
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    try:
        (found,) = ModelMessagesTypeAdapter.dump_python([response], mode="json", warnings=False)
        kept: Json = storable(found)
        _name_calls(kept["parts"])
        ModelMessagesTypeAdapter.validate_python([kept])
        size = len(orjson.dumps(kept))
    except (TypeError, ValueError, RecursionError) as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The model's answer cannot be stored: {str(error)[:300]}.") from None
    if size > LARGEST_ANSWER:
        text = f"The model's answer has {size:,} bytes; {LARGEST_ANSWER:,} is the most."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"bytes": size})
    return kept


def shown(given: Any) -> Any:
    """Arguments of a call as they are shown: JSON where they are JSON."""
    if not isinstance(given, str):
        return given or {}
    try:
        found = orjson.loads(given) if given.strip() else {}
        return (
            given[:_SHOWN] if is_deeper(found, DEEPEST) else storable(numbers.kept(given) if given.strip() else found)
        )
    except orjson.JSONDecodeError:
        return given[:_SHOWN]
