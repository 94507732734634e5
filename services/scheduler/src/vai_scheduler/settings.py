"""The settings of the scheduler."""

from pydantic import Field, field_validator

from vai_common.settings import public_address
from vai_records.automations.causes import DEFAULT_MOST
from vai_worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """The settings that every worker has."""

    slots: int = Field(default=32, ge=1, le=1000, description="Runs held at once.")
    pool_size: int = Field(default=8, ge=2, le=100)
    most_from_one_cause: int = Field(
        default=DEFAULT_MOST, ge=1, le=1_000_000, description="Automation runs that one cause may lead to."
    )
    public_url: str = Field(default="", description="Where people find the console: alerts link to it.")

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        return public_address(given)
