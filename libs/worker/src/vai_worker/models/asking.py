"""Asks a model one question, for kinds that need no agent. The answer is a text, or JSON that fits a schema."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vai_common.errors import ErrorCode, Permanent
from vai_worker.models.faults import fault_of_answer
from vai_worker.models.opened import OpenModel, Said, opened
from vai_worker.models.outputs import Unfitting, output_tool, read_output, storable
from vai_worker.owned import Owned

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

MOST_TRIES = 3
"""How often an answer that does not fit its schema is asked for, each time with what was wrong."""


@dataclass
class Answer:
    """`data` is set if a schema was given. Tokens and US dollars count all tries. None: the price is unknown."""

    text: str = ""
    data: Any = None
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = 0.0
    tries: int = field(default=0)


async def ask(
    run: Owned,
    prompt: str,
    *,
    instructions: str = "",
    model: str | None = None,
    schema: dict[str, Any] | None = None,
    earlier: Sequence[tuple[str, str]] = (),
    max_tokens: int | None = None,
) -> Answer:
    """Ask a model (`connection/model`; None: the organisation's default) one question.

    `earlier` are the questions and answers before this one. With a JSON Schema the question is repeated if the answer
    does not fit, `MOST_TRIES` times at most, then it raises DATA_ERROR. Raises `Permanent` if no model can be used, and
    the errors that the provider's errors mean. Each answer is counted for the organisation's day. Do not pass secrets:
    they are not hidden.
    """
    async with opened(run, model) as model_at_work:
        conversation = _conversation(prompt, instructions, earlier)
        once = _once(model_at_work, prompt, instructions, schema, earlier)
        return await _asked(model_at_work, conversation, instructions, schema, max_tokens, once)


async def _asked(
    model: OpenModel,
    messages: "list[ModelMessage]",
    instructions: str,
    schema: dict[str, Any] | None,
    max_tokens: int | None,
    once: str,
) -> Answer:
    from pydantic_ai.models import ModelRequestParameters

    answer = Answer(model=model.choice.name)
    tools = [] if schema is None else [output_tool(schema)]
    parameters = ModelRequestParameters(
        output_mode="tool" if tools else "text", output_tools=tools, allow_text_output=not tools
    )
    while True:
        said = await model.say(messages, parameters, once=f"{once}-{answer.tries}", max_tokens=max_tokens)
        await model.count(model.run.pool, said)
        _add(answer, said)
        if schema is None:
            _check(said, model)
            return answer
        try:
            answer.data = storable(read_output(said.response, schema))
            return answer
        except Unfitting as fault:
            _check(said, model)
            if answer.tries >= MOST_TRIES:
                text = f"{answer.model} gave no answer that fits the schema, {MOST_TRIES} times: {fault}."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"model": answer.model}) from None
            messages += [said.response, fault.correction(said.response, instructions)]


def _once(
    model: OpenModel, prompt: str, instructions: str, schema: dict[str, Any] | None, earlier: Sequence[tuple[str, str]]
) -> str:
    """The name of this question for providers that know idempotency keys.

    A worker that takes the run over asks by the same one; another question of the run, or another attempt, has another.
    """
    content = repr((model.choice.name, prompt, instructions, schema, list(earlier))).encode("utf-8", "replace")
    return f"{model.run.id}-{model.run.attempt}-{hashlib.sha256(content).hexdigest()[:16]}"


def _check(said: Said, model: OpenModel) -> None:
    if (fault := fault_of_answer(said.response, model.choice)) is not None:
        raise fault


def _add(answer: Answer, said: Said) -> None:
    answer.tries += 1
    answer.text = storable(said.response.text or "")
    answer.input_tokens += said.input_tokens
    answer.output_tokens += said.output_tokens
    known = answer.dollars is not None and said.dollars is not None
    answer.dollars = (answer.dollars or 0.0) + (said.dollars or 0.0) if known else None


def _conversation(prompt: str, instructions: str, earlier: Sequence[tuple[str, str]]) -> "list[ModelMessage]":
    from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

    messages: list[ModelMessage] = []
    for question, answered in earlier:
        messages.append(ModelRequest(parts=[UserPromptPart(question)], instructions=instructions or None))
        messages.append(ModelResponse(parts=[TextPart(answered)]))
    messages.append(ModelRequest(parts=[UserPromptPart(prompt)], instructions=instructions or None))
    return messages
