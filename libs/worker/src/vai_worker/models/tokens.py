"""How many tokens a call has used: what the provider says, within reason, else an estimate from the texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

MOST_TOKENS = 1_000_000_000
"""Of one call. No model reads so many; what a provider says above it counts as this."""

CHARACTERS_EACH = 4
"""Characters of a token, where the provider does not say how many there were."""


@dataclass(frozen=True)
class Tokens:
    """Of one call; `input` holds those of the provider's cache."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0


def tokens_of(messages: "Sequence[ModelMessage]", response: "ModelResponse") -> Tokens:
    """Never negative, and never nothing: a limit of a day counts calls of providers that tell no usage, too."""
    used = response.usage
    said = _sane(used.input_tokens), _sane(used.output_tokens)
    if any(said):
        return Tokens(*said, min(_sane(used.cache_read_tokens), said[0]), min(_sane(used.cache_write_tokens), said[0]))
    return Tokens(_estimated(messages), _estimated([response]))


def _sane(value: Any) -> int:
    return int(min(max(value, 0), MOST_TOKENS)) if isinstance(value, int | float) and value == value else 0


def _estimated(messages: "Sequence[ModelMessage]") -> int:
    texts = [getattr(message, "instructions", None) or "" for message in messages]
    texts += [str(_content(part)) for message in messages for part in message.parts]
    return -(-sum(map(len, texts)) // CHARACTERS_EACH)


def _content(part: Any) -> Any:
    return getattr(part, "content", None) or getattr(part, "args", None) or ""
