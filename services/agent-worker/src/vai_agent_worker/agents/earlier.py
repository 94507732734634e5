"""What a model is told of the messages that stand before a question in a thread, within half of `contextTokens`.

A thread that is longer is shortened by these rules, one after the other, until it fits (docs/threads.md):

1. of one text, and of the calls of one answer, 20,000 characters are told, and 1,000 messages at most;
2. what calls came to is left out, the oldest first;
3. whole messages with their answers are left out, the oldest first, but for the last one;
4. what is left is cut.

It depends on nothing that changes while the question is answered, so each step is told the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vai_agent_worker.agents.marking import CHARACTERS_FOR_A_TOKEN, data
from vai_records.agents.definition import AgentDefinition
from vai_records.threads.history import CUT, MOST_MESSAGES, MOST_TEXT, Earlier, cut

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage

_LEFT_OUT = "(Earlier messages of this conversation are left out here.)"
_CALLS = "calls of the answer before"


@dataclass
class _Said:
    """One message, its answer, and its calls as they are told; empty: they are not."""

    text: str
    answer: str
    calls: str

    @property
    def size(self) -> int:
        return len(self.text) + len(self.answer) + len(self.calls)


@dataclass(frozen=True)
class Told:
    """What is told. `calls` of the last answer stand in the question's own message."""

    said: Sequence[_Said]
    is_shortened: bool

    @property
    def size(self) -> int:
        return sum(one.size for one in self.said)

    @property
    def calls(self) -> str:
        return _before(self.said[-1]) if self.said else ""

    def messages(self, instructions: str) -> "list[ModelMessage]":
        """Questions and answers in their order. What calls came to is never told as the model's own words."""
        from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

        built: list[ModelMessage] = []
        for place, one in enumerate(self.said):
            first = _before(self.said[place - 1]) if place else (f"{_LEFT_OUT}\n\n" if self.is_shortened else "")
            built.append(ModelRequest(parts=[UserPromptPart(first + one.text)], instructions=instructions))
            built.append(ModelResponse(parts=[TextPart(one.answer)]))
        return built


def room_of_earlier(agent: AgentDefinition) -> int:
    """Characters that earlier messages may take."""
    return agent.limits.context_tokens * CHARACTERS_FOR_A_TOKEN // 2


def told(earlier: Sequence[Earlier], room: int) -> Told:
    """Earlier messages, the newest last, shortened to so many characters."""
    said = [_Said(one.text, one.answer, data(_CALLS, one.calls, MOST_TEXT) if one.calls else "") for one in earlier]
    size = sum(one.size for one in said)
    shortened = size > room
    for one in said:
        if size <= room:
            break
        size -= len(one.calls)
        one.calls = ""
    first = 0
    while size > room and first < len(said) - 1:
        size -= said[first].size
        first += 1
    said = said[first:]
    if size > room and said:
        most = max(0, room // 2 - len(CUT))
        said[0].text, said[0].answer = cut(said[0].text, most), cut(said[0].answer, most)
    return Told(said, shortened or len(earlier) >= MOST_MESSAGES)


def _before(said: _Said) -> str:
    return f"{said.calls}\n\n" if said.calls else ""
