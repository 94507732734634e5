"""What the platform answers about flashboards, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from .answers import Answer, Json

BoardFormat = Literal["html", "pdf", "csv", "svg", "png"]
"""html and pdf are of the whole, the others of a tile."""


@dataclass(frozen=True, kw_only=True)
class Flashboard(Answer):
    """A page of tiles that is kept. `path` is where people open it, `version` the one that is shown.

    `definition` is there where one flashboard was asked for.
    """

    id: str
    slug: str
    title: str
    path: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    version: int | None = None
    version_created_at: datetime | None = None
    tile_count: int = 0
    last_run: Json | None = None
    definition: Json | None = None


@dataclass(frozen=True, kw_only=True)
class FlashboardVersion(Answer):
    """What it showed at a time. `tiles` have the rows, where one version was asked for."""

    identity: ClassVar[str] = "number"

    number: int
    title: str
    run_id: str
    created_at: datetime
    is_shown: bool = False
    values: Json = field(default_factory=dict)
    datasets: list[str] = field(default_factory=list)
    tile_count: int = 0
    bytes: int = 0
    tiles: list[Json] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class FlashboardLink(Answer):
    """A link that shows a flashboard. `path` is told only when it is made."""

    id: str
    expires_at: datetime
    created_at: datetime
    version: int | None = None
    note: str = ""
    revoked_at: datetime | None = None
    path: str | None = None
