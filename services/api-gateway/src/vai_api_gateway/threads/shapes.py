"""The REST shapes of chat threads and of their messages (docs/threads.md)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from vai_api_gateway.agents.transcript import MOST_TEXT
from vai_api_gateway.http.shapes import LONGEST_NAME, Body, Json, Key, Patch, Shape, StatusName, UserShape
from vai_common.queries import Row
from vai_records.agents.definition import MOST_TOOLS, AgentDefinition, Limits, Tool
from vai_records.definitions.dataset_names import DatasetNames
from vai_records.definitions.web_addresses import Domain
from vai_records.models.settings import ModelName
from vai_records.strict import Id, short

MOST_MESSAGE = 50_000
"""Characters, as of an agent's question."""
HELPFUL = "You are a helpful assistant. Answer in the language of the message, shortly and to the point."
"""The instructions of a thread that has none."""
OWN = ("instructions", "model", "tools", "limits", "allowed_domains")
"""What a thread says itself if it has no saved agent."""

_Instructions = Annotated[str, Field(min_length=1, max_length=MOST_MESSAGE, pattern=r"\S")]
_Tools = Annotated[list[Tool], Field(max_length=MOST_TOOLS), short(MOST_TOOLS)]
_Domains = Annotated[list[Domain], Field(max_length=300), short(300)]
_Datasets = Annotated[
    DatasetNames | None,
    Field(description="Tables that are attached: of those that the agent may read; without an agent, what it reads."),
]


class _Own(Body):
    """The agent that a thread has of its own, as `POST /agents` takes it."""

    instructions: _Instructions | None = None
    model: ModelName | None = Field(default=None, description="`connection/model`; else the organisation's default.")
    tools: _Tools | None = None
    limits: Limits | None = None
    allowed_domains: _Domains | None = None

    def own(self) -> Json:
        """What is given of it, as an agent's definition has it."""
        return self.model_dump(mode="json", by_alias=True, include=set(OWN), exclude_unset=True)


class ThreadBody(_Own):
    """With `agent`, or with a model and tools of its own."""

    agent: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME, description="By its slug or id.")
    name: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_NAME, pattern=r"\S", description="Else its first message's."
    )
    datasets: _Datasets = None

    @model_validator(mode="after")
    def _is_one_agent(self) -> "ThreadBody":
        if self.agent is not None and (both := [name for name in OWN if name in self.model_fields_set]):
            raise ValueError(f"the agent has {both[0]} of its own: leave out agent, or {both[0]}")
        return self


class ThreadPatch(Patch, _Own):
    """Keys that are absent stay as they are."""

    clears = frozenset(_Own.model_fields) - {"instructions", "tools", "limits", "allowed_domains"}

    name: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME, pattern=r"\S")
    head: Id | None = Field(default=None, description="The last message of the branch that is to be shown.")
    datasets: _Datasets = None


class MessageBody(Body):
    """A message behind the last one; `after` or `replaces` begins another branch, and the old one stays."""

    text: str | None = Field(
        default=None, min_length=1, max_length=MOST_MESSAGE, pattern=r"\S", description="Needed but with `replaces`."
    )
    after: Id | None = Field(default=None, description="The message that it follows.")
    replaces: Id | None = Field(default=None, description="The message in whose place it is; without `text` the same.")
    idempotency_key: Key | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "MessageBody":
        if self.after is not None and self.replaces is not None:
            raise ValueError("give after or replaces, not both")
        if self.text is None and self.replaces is None:
            raise ValueError("text is missing; only with replaces the same text is answered again")
        return self


class AgentOfThreadShape(Shape):
    """`slug` is null for the agent that the thread has of its own."""

    id: UUID
    slug: str | None
    name: str | None


class ThreadShape(Shape):
    """`instructions` to `allowedDomains` are null where the thread has a saved agent."""

    id: UUID
    name: str
    agent: AgentOfThreadShape
    instructions: str | None
    model: str | None
    tools: list[Json] | None
    limits: Json | None
    allowed_domains: list[str] | None
    datasets: list[str] = Field(description="Attached tables; none: all that the agent may read.")
    head: UUID | None = Field(description="The last message of the branch that is shown.")
    messages: int = Field(description="How many the branch has that is shown.")
    created_at: datetime
    created_by: UUID | None
    updated_at: datetime


class ThreadsShape(Shape):
    threads: list[ThreadShape]
    has_next: bool
    limit: int
    next_cursor: str | None
    users: dict[str, UserShape]


class AnswerShape(Shape):
    """The run that answers a message. `text` is null before its end; what it says meanwhile is in its stream."""

    run_id: UUID
    status: StatusName
    text: str | None
    truncated: bool = Field(description="Whether the run's answer is longer than shown, 20,000 characters.")
    output: JsonValue
    error: Json | None
    model: str | None
    calls: int | None
    tokens: int | None
    dollars: float | None


class MessageShape(Shape):
    """`versions` are the messages that stand in its place, itself among them, the oldest first, 100 at most."""

    id: UUID
    parent_id: UUID | None
    place: int = Field(description="From 1 on, along its branch.")
    text: str
    answer: AnswerShape | None = Field(description="Null: its run is gone.")
    versions: list[UUID]
    created_at: datetime
    created_by: UUID | None


class MessagesShape(Shape):
    """The newest first."""

    messages: list[MessageShape]
    has_next: bool
    limit: int
    next_cursor: str | None
    users: dict[str, UserShape]


def thread_json(row: Row) -> Json:
    own = AgentDefinition.model_validate(row["agent"]).stored() if row["is_own"] else None
    agent = {"id": row["agent_id"], "slug": row["agent_slug"], "name": row["agent_name"]}
    shown = {to: own and own[to] for to in ("instructions", "model", "tools", "limits", "allowedDomains")}
    return {
        "id": row["id"],
        "name": row["name"],
        "agent": agent | {"slug": None, "name": None} if own else agent,
        **shown,
        "datasets": own["datasets"] if own else row["datasets"],
        "head": row["head"],
        "messages": row["messages"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "updatedAt": row["updated_at"],
    }


def message_json(row: Row, versions: Sequence[UUID]) -> Json:
    """`row` as `messages.line` gives it."""
    return {
        "id": row["id"],
        "parentId": row["parent_id"],
        "place": row["place"],
        "text": row["text"],
        "answer": None if row["status"] is None else _answer(row),
        "versions": list(versions),
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
    }


def _answer(row: Row) -> Json:
    result: Json = row["result"] or {}
    text = result.get("answer")
    return {
        "runId": row["run_id"],
        "status": row["status"],
        "text": text and text[:MOST_TEXT],
        "truncated": len(text or "") > MOST_TEXT or (row["status"] == "completed" and not result),
        "output": result.get("output"),
        "error": row["error"],
        **{name: result.get(name) for name in ("model", "calls", "tokens", "dollars")},
    }
