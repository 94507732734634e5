"""Work that is given to an agent (document 000, "ActionKind Reference"; docs/agents.md). Waiting holds no slot."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from vai_records.definitions.base import Definition
from vai_records.strict import short


class CallAgent(Definition):
    """A question to a saved agent. The run is the agent's run: its calls of tools are its children."""

    kind: Literal["call_agent"] | None = None
    agent: Annotated[str, Field(min_length=1, max_length=255, description="Its slug or its id.")]
    question: Annotated[str, Field(min_length=1, max_length=50_000, pattern=r"\S")] = Field(
        description="What it is to do or to answer."
    )
    inputs: Annotated[dict[str, JsonValue], Field(max_length=1_000), short(1_000)] = Field(
        default={}, description="Values that belong to the question; the model reads them as data."
    )
