"""What the platform answers about the files that runs keep, typed; see `answers.py`."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from .answers import Answer


@dataclass(frozen=True, kw_only=True)
class Artifact(Answer):
    """A file in the lake; `size` in bytes. `folder` is None for a file of the run alone, as its list of changes.

    What was replaced or removed has `removed_at`; it can be had for a day after that.
    """

    id: str
    name: str
    size: int
    sha256: str
    run_id: str
    created_at: datetime
    folder: str | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ArtifactLink(Answer):
    """Where whoever has it downloads one file. `path` is below the platform's address."""

    identity: ClassVar[str] = "path"

    path: str
    expires_at: datetime
