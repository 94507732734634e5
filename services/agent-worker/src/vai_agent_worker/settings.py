"""The settings of the agent-worker."""

from pydantic import Field

from vai_worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """The settings that every worker has."""

    slots: int = Field(default=32, ge=1, le=1000, description="Runs held at once.")
