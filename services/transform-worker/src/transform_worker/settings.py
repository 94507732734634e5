"""The settings of the transform-worker."""

from pydantic import Field

from transform_worker.bounds import Bounds
from worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """What every worker has."""

    slots: int = Field(default=4, ge=1, le=1000, description="Runs held at once.")
    transform_seconds: float = Field(
        default=3_600, gt=0, le=604_800, description="The time limit of a transform that names none."
    )
    most_transform_seconds: float = Field(
        default=86_400, gt=0, le=604_800, description="The time limit of a transform, whatever it names."
    )
    spill_mb: int = Field(default=10_240, ge=1, description="What a query may spill to disk.")
    output_mb: int = Field(default=51_200, ge=1, description="What a transform may write, before it is compressed.")

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.transform_seconds, self.most_transform_seconds, self.spill_mb, self.output_mb)
