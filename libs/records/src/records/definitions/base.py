"""What every kind's definition may say."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ConnectionReference(BaseModel):
    """A connection by id, by slug or by provider (document 000, "Connection Resolution"); just one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID | None = None
    slug: str | None = Field(default=None, max_length=255)
    provider: str | None = Field(default=None, max_length=255)

    @model_validator(mode="after")
    def _just_one(self) -> "ConnectionReference":
        if sum(value is not None for value in (self.id, self.slug, self.provider)) != 1:
            raise ValueError("name the connection by one of id, slug or provider")
        return self


class Retry(BaseModel):
    """Automatic retries of retryable errors within one run (decision 18); `max_attempts` counts the first, too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_attempts: int = Field(default=3, ge=1, le=100)
    initial_interval_seconds: float = Field(default=1.0, gt=0, le=86_400)
    max_interval_seconds: float = Field(default=300.0, gt=0, le=86_400)
    multiplier: float = Field(default=2.0, ge=1, le=100)


class Definition(BaseModel):
    """The fields that all kinds share; a kind adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    kind: str | None = None
    connection: str | ConnectionReference | None = None
    connection_ref: str | ConnectionReference | None = Field(default=None, alias="connectionRef")
    requires_approval: bool = False
    approval_timeout_seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    retry: Retry = Retry()
    timeout_seconds: float | None = Field(default=None, gt=0, le=604_800, description="The run's own time limit.")

    @property
    def on_lost(self) -> Literal["rerun", "fail"]:
        """What becomes of a run whose worker was lost before its end (decision 24)."""
        return "rerun"

    def stored(self) -> dict[str, Any]:
        """The definition as JSON, only what was given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
