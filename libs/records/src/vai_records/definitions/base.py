"""What every kind's definition may say."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from vai_records.approvals.fields import MOST_FIELDS, ApprovalField
from vai_records.strict import Id, Number, Strict

ConnectionName = Annotated[str, Field(max_length=255)]
"""A connection's id or slug."""


class ConnectionReference(Strict):
    """A connection by id, by slug or by provider (document 000, "Connection Resolution"); just one of the three."""

    model_config = ConfigDict(frozen=True)

    id: Id | None = None
    slug: str | None = Field(default=None, max_length=255)
    provider: str | None = Field(default=None, max_length=255)

    @model_validator(mode="after")
    def _just_one(self) -> "ConnectionReference":
        if sum(value is not None for value in (self.id, self.slug, self.provider)) != 1:
            raise ValueError("name the connection by one of id, slug or provider")
        return self


class Retry(Strict):
    """Automatic retries of retryable errors within one run (decision 18); `max_attempts` counts the first, too."""

    model_config = ConfigDict(frozen=True)

    max_attempts: int = Field(default=3, ge=1, le=100)
    initial_interval_seconds: Number = Field(default=1.0, gt=0, le=86_400)
    max_interval_seconds: Number = Field(default=300.0, gt=0, le=86_400)
    multiplier: Number = Field(default=2.0, ge=1, le=100)


class Definition(Strict):
    """The fields that all kinds share; a kind adds its own."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    kind: Annotated[str, Field(max_length=100)] | None = None
    connection: ConnectionName | ConnectionReference | None = Field(
        default=None, description="By id or slug, or as {id}, {slug} or {provider}; its credentials are used."
    )
    connection_ref: ConnectionName | ConnectionReference | None = Field(default=None, alias="connectionRef")
    requires_approval: bool = Field(default=False, description="Whether a run waits until somebody approves it.")
    approval_timeout_seconds: Number | None = Field(
        default=None, gt=0, le=31_536_000, description="A run that nobody approves in this time is rejected."
    )
    approval_fields: list[ApprovalField] | None = Field(
        default=None, min_length=1, max_length=MOST_FIELDS, description="What whoever approves fills in."
    )
    retry: Retry = Field(default=Retry(), description="How often, and after which waits, a run is tried again.")
    timeout_seconds: Number | None = Field(default=None, gt=0, le=604_800, description="The run's own time limit.")

    @field_validator("approval_fields")
    @classmethod
    def _are_asked_for(cls, fields: list[ApprovalField] | None, info: ValidationInfo) -> list[ApprovalField] | None:
        if fields is not None and info.data.get("requires_approval") is False:
            raise ValueError("nobody is asked: approval_fields are for a run with requires_approval")
        names = [field.name for field in fields or ()]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two fields have the name {twice!r}")
        return fields

    @property
    def on_lost(self) -> Literal["rerun", "fail"]:
        """What becomes of a run whose worker was lost before its end (decision 24)."""
        return "rerun"

    def stored(self) -> dict[str, Any]:
        """The definition as JSON, only what was given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
