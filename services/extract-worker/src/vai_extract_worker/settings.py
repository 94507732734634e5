"""The settings of the extract-worker."""

from pathlib import Path

from pydantic import Field, field_validator

from vai_worker.settings import WorkerSettings


class Settings(WorkerSettings):
    """The settings that every worker has."""

    slots: int = Field(default=8, ge=1, le=1000, description="Runs held at once.")
    files_root: str = Field(
        default="",
        description="Folder that `filesystem` and `file_sync` may read; {org} in it is the organisation's id.",
    )
    files_push: bool = Field(default=False, description="Whether `file_sync` may also write below VAI_FILES_ROOT.")

    @field_validator("files_root")
    @classmethod
    def _is_there(cls, given: str) -> str:
        folder = Path(given.partition("{org}")[0] or "/")
        if given and not (folder.is_absolute() and folder.is_dir()):
            raise ValueError(f"{str(folder)!r} is not a folder of this machine: give its whole path, or nothing")
        return given
