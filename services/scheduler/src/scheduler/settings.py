"""The settings of the scheduler."""

from pydantic import Field

from worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """What every worker has."""

    slots: int = Field(default=32, ge=1, le=1000, description="Runs held at once.")
    pool_size: int = Field(default=8, ge=2, le=100)
