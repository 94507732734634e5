"""What a scripted model says, and what it was asked, whatever the protocol."""

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A tool call that the model asks for. `arguments` that are a text go out as they are, also when they are no JSON.

    Without an `id` the server gives one.
    """

    name: str
    arguments: Json | str = field(default_factory=dict)
    id: str = ""

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Turn:
    """One answer. With a `status` that is no 200 it is an error of the provider, in its own words.

    `cut_after` bytes of the answer the connection breaks; `raw` goes out instead of an answer. The server waits `hold`
    seconds before it answers, and `between` seconds before each piece of a stream. Behind `falls_silent_after` events
    of a stream it says nothing more, until the server stops.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    status: int = 200
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut_after: int | None = None
    hold: float = 0.0
    between: float = 0.0
    falls_silent_after: int | None = None
    stop: str = ""

    @property
    def pieces(self) -> list[str]:
        """The text in pieces as a stream brings them: word by word."""
        return [word + " " for word in self.text.split(" ")[:-1]] + self.text.split(" ")[-1:] if self.text else []


@dataclass(frozen=True)
class Result:
    """What a tool call came to, as the model was told."""

    call_id: str
    text: str


@dataclass(frozen=True)
class Asked:
    """One request for an answer: the protocol, the conversation, and the tools that were offered."""

    protocol: str
    body: Json
    headers: dict[str, str]
    system: str
    texts: tuple[str, ...]
    """What users said, in order."""
    calls: tuple[Call, ...]
    """What the model had asked for earlier in the conversation."""
    results: tuple[Result, ...]
    tools: tuple[Json, ...]
    """Name, description and schema (`name`, `description`, `parameters`)."""

    @property
    def model(self) -> str:
        return str(self.body.get("model"))

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True

    @property
    def tool_names(self) -> list[str]:
        return [tool["name"] for tool in self.tools]

    def result_of(self, number: int) -> Any:
        """What the call of this place came to, as JSON where it is JSON."""
        text = self.results[number].text
        try:
            return json.loads(text)
        except ValueError:
            return text


class Unfit(Exception):
    """A request that the provider refuses with 400, and why."""


def check_pairs(calls: list[Call], results: list[Result]) -> None:
    """Each call must be answered once, and nothing else: providers refuse a conversation that does not pair them."""
    asked, told = [call.id for call in calls], [result.call_id for result in results]
    if unasked := [one for one in told if one not in asked]:
        raise Unfit(f"tool result for {unasked[0]!r}, which no preceding tool call asked for")
    if open_calls := [one for one in asked if one not in told]:
        raise Unfit(f"tool call {open_calls[0]!r} must be followed by its result")
    if len(set(told)) != len(told):
        raise Unfit("a tool call has more than one result")


def text_of(content: Any) -> str:
    """The text of a content that is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
