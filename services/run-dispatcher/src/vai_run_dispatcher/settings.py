"""The settings of the run-dispatcher."""

from pydantic import Field

from vai_common.settings import Settings as ServiceSettings


class Settings(ServiceSettings):
    """What the run-dispatcher can measure in addition."""

    metrics_organisations: bool = Field(
        default=False, description="Whether the live runs of the 50 largest organisations are metrics of their own."
    )
