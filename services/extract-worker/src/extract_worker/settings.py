"""The settings of the extract-worker."""

from pydantic import Field

from worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """What every worker has."""

    slots: int = Field(default=8, ge=1, le=1000, description="Runs held at once.")
    files_root: str = Field(
        default="", description="What the source `filesystem` may read; {org} in it is the organisation's id."
    )
