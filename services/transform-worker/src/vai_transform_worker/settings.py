"""The settings of the transform-worker."""

from typing import Self

from pydantic import Field, model_validator

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

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.transform_seconds > self.most_transform_seconds:
            raise ValueError(
                f"VAI_TRANSFORM_SECONDS ({self.transform_seconds:g}) is more than VAI_MOST_TRANSFORM_SECONDS"
                f" ({self.most_transform_seconds:g})"
            )
        return self

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.transform_seconds, self.most_transform_seconds, self.spill_mb, self.output_mb)
