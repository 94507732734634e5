"""The settings of the transform-worker."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from vai_transform_worker.query.bounds import Bounds
from vai_worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """The settings that every worker has."""

    slots: int = Field(default=4, ge=1, le=1000, description="Runs held at once.")
    transform_seconds: float = Field(
        default=3_600, gt=0, le=604_800, description="The time limit of a transform that names none."
    )
    most_transform_seconds: float = Field(
        default=86_400, gt=0, le=604_800, description="The time limit of a transform, whatever it names."
    )
    spill_mb: int = Field(default=10_240, ge=1, description="What a query may spill to disk.")
    output_mb: int = Field(default=51_200, ge=1, description="What a transform may write, before it is compressed.")
    upkeep_seconds: float = Field(
        default=300, ge=0, le=86_400, description="How often it looks for tables that need upkeep; 0: never."
    )

    spark_url: str = Field(
        default="",
        description="The Spark cluster of `engine: spark`: sc://HOST:15002, for TLS sc://HOST:443/;use_ssl=true.",
    )
    spark_token: SecretStr = Field(default=SecretStr(""), description="The bearer token for it; needs TLS.")

    @field_validator("spark_url")
    @classmethod
    def _is_spark_connect(cls, url: str) -> str:
        place = urlsplit(url)
        if url and (place.scheme != "sc" or not place.hostname or "token=" in url):
            raise ValueError("must be sc://HOST:PORT, without a token: VAI_SPARK_TOKEN has that")
        return url

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.transform_seconds > self.most_transform_seconds:
            raise ValueError(
                f"VAI_TRANSFORM_SECONDS ({self.transform_seconds:g}) is more than VAI_MOST_TRANSFORM_SECONDS"
                f" ({self.most_transform_seconds:g})"
            )
        return self

    @property
    def spark(self) -> dict[str, str]:
        """What a run needs to reach the Spark cluster. Empty if there is none."""
        if not self.spark_url:
            return {}
        return {"url": self.spark_url, "token": self.spark_token.get_secret_value()}

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.transform_seconds, self.most_transform_seconds, self.spill_mb, self.output_mb)
