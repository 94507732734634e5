"""What the platform answers about chat threads and their messages, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from .answers import Answer, Json, RunError


@dataclass(frozen=True, kw_only=True)
class Thread(Answer):
    """A conversation with an agent. `agent` has id, slug and name; slug and name are None where the thread has a model
    and tools of its own. `head` is the last message of the branch that is shown, `messages` how many that has.
    """

    id: str
    name: str
    agent: Json
    messages: int
    created_at: datetime
    updated_at: datetime
    head: str | None = None
    model: str | None = None
    instructions: str | None = None
    tools: list[Json] | None = None
    limits: Json | None = None
    allowed_domains: list[str] | None = None
    datasets: list[str] = field(default_factory=list)
    created_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessageAnswer(Answer):
    """The run that answers a message; `text` is None before its end."""

    run_id: str
    status: str
    text: str | None = None
    truncated: bool = False
    output: object = None
    error: RunError | None = None
    model: str | None = None
    calls: int | None = None
    tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, kw_only=True)
class Message(Answer):
    """What a person said. `answer` is None where its run is gone; `versions` are the messages in its place."""

    id: str
    place: int
    text: str
    created_at: datetime
    parent_id: str | None = None
    answer: MessageAnswer | None = None
    versions: list[str] = field(default_factory=list)
    created_by: str | None = None
