"""What the platform answers about agents and their runs, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from .answers import Answer, Json, Run, etag_of
from .automations import Automation


@dataclass(frozen=True, kw_only=True)
class Agent(Answer):
    """A model with instructions, tools and limits. `etag` is what `if_match` of a change says."""

    id: str
    name: str
    slug: str
    instructions: str
    updated_at: datetime
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    model: str | None = None
    tools: list[Json] = field(default_factory=list)
    output_schema: Json | None = None
    limits: Json = field(default_factory=dict)
    allowed_domains: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)

    @property
    def etag(self) -> str:
        """For `update(…, if_match=…)`."""
        return etag_of(self.updated_at)


@dataclass(frozen=True, kw_only=True)
class ToolCall(Answer):
    """A call that a model asked for. `run_id` is its run, `refused` why there is none; `result` what the model read.

    `connection`: an MCP server does it, and there is no run.
    """

    id: str
    tool: str
    run_id: str | None = None
    status: str | None = None
    connection: str | None = None
    refused: str | None = None
    result: str | None = None
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class Turn(Answer):
    """One answer of the model."""

    identity: ClassVar[str] = "turn"

    turn: int
    model: str
    text: str
    input_tokens: int
    output_tokens: int
    created_at: datetime
    dollars: float | None = None
    truncated: bool = False
    told: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Transcript(Answer):
    """What an agent's run said and did. `agent` (id, slug, name) is None before it has begun."""

    identity: ClassVar[str] = "question"

    run: Run
    used: Json
    question: str | None = None
    agent: Json | None = None
    inputs: Json = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    has_more: bool = False


@dataclass(frozen=True, kw_only=True)
class Crystallized(Answer):
    """An agent's run as an automation. `body` is what `automations.create` takes; `automation` is what was saved, None
    after a dry run; `report` says why each part is as it is (docs/crystallization.md).
    """

    identity: ClassVar[str] = "body"

    body: Json
    report: Json
    automation: Automation | None = None
    warnings: list[Json] = field(default_factory=list)
