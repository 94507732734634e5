"""A step that waits for a human (decision 22)."""

from typing import Annotated, Literal

from pydantic import Field

from vai_records.definitions.base import Definition
from vai_records.strict import ReallyTrue


class ApprovalGate(Definition):
    """It always requires approval: the run is held before any worker may claim it, and completes once approved.

    `approval_timeout_seconds` rejects it by itself. Ports: approved, rejected.
    """

    kind: Literal["approval_gate"] | None = None
    requires_approval: Annotated[Literal[True], ReallyTrue] = True
    title: str | None = Field(default=None, max_length=255, description="What is asked, in one line.")
    message: str | None = Field(default=None, max_length=10_000, description="What the approver should know.")
