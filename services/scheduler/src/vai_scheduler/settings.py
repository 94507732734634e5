"""The settings of the scheduler."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

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

    openlineage_url: str = Field(
        default="",
        description="Where OpenLineage events are posted: http://marquez:5000/api/v1/lineage.",
    )
    openlineage_api_key: str = Field(default="", repr=False, description="Sent there as a bearer token.")
    openlineage_topic: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,249}$",
        description="Or the topic that they are written to.",
    )
    openlineage_namespace: str = Field(
        default="vai",
        min_length=1,
        max_length=200,
        description="Of their names, before the organisation's slug.",
    )

    @field_validator("openlineage_url")
    @classmethod
    def _is_posted_to(cls, given: str) -> str:
        if given and (not given.startswith(("http://", "https://")) or "@" in urlsplit(given).netloc):
            raise ValueError("the whole address, such as http://marquez:5000/api/v1/lineage, without user and password")
        return given

    @model_validator(mode="after")
    def _one_receiver(self) -> "Settings":
        if self.openlineage_url and self.openlineage_topic:
            raise ValueError("give VAI_OPENLINEAGE_URL or VAI_OPENLINEAGE_TOPIC, not both")
        return self

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        return public_address(given)
