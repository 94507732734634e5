"""A step that runs another automation and waits for its end (document 002, "Step Types")."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from vai_records.definitions.base import Definition
from vai_records.strict import short


class CallAutomation(Definition):
    """The called automation gets `inputs`; its steps' results are the run's result. Waiting holds no slot."""

    kind: Literal["call_automation"] | None = None
    automation: Annotated[str, Field(min_length=1, max_length=255, description="Its id or its slug.")]
    inputs: Annotated[dict[str, JsonValue], Field(max_length=1_000), short(1_000)] = Field(
        default={}, description="What the automation declares as its inputs."
    )
