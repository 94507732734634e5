"""A page of numbers, charts, tables and texts that is kept (document 000, "ActionKind Reference"; docs/flashboards.md).

SQL is only looked at as text here: which parameters it names. Whether it may run is judged where it runs.
"""

import re
from collections import Counter
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from vai_records.definitions.base import Definition
from vai_records.definitions.sql_text import STRAY_REFERENCE, look
from vai_records.flashboards.parameters import Parameters, Values, fault_in
from vai_records.flashboards.tiles import Layout, QueryTile, TextTile, Tiles
from vai_records.models.settings import ModelName
from vai_records.strict import Number

LONGEST_SECONDS: Final = 600.0
"""Of all queries and drawings of one run together."""

USUAL_SECONDS: Final = 300.0
SLUG: Final = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"


class CreateFlashboard(Definition):
    """Makes a flashboard, or a new version of it where there is one with its slug."""

    kind: Literal["create_flashboard"] | None = None
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] | None = Field(
        default=None, description="Needed, unless a question is given: then a model says it, if it is absent."
    )
    question: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"\S")] | None = Field(
        default=None, description="Instead of tiles: what the whole is about, in words. A model makes the tiles, once."
    )
    slug: str | None = Field(
        default=None, pattern=SLUG, max_length=100, description="Its name in addresses; made of the title, if absent."
    )
    description: str = Field(default="", max_length=2_000, description="A line under the title.")
    parameters: Parameters = Field(default=[], description="Values that its SQL names, with their defaults.")
    values: Values = Field(default={}, description="Of parameters, for this run; the defaults for the others.")
    tiles: Tiles = Field(default=[], description="What is shown, at most 50. Needed, unless a question is given.")
    model: ModelName | None = Field(
        default=None, description="For questions, of the whole or of a tile; the organisation's default if absent."
    )
    layout: Layout = Field(default=[], description="Rows of keys of tiles, which share the row; by width, if absent.")
    current: bool = Field(
        default=True, description="Whether the new version is the one that is shown when nobody asks for another."
    )
    keep_versions: int = Field(default=50, ge=1, le=500, description="Older ones are removed, with their data.")
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS, description="300 if not given.")

    @model_validator(mode="after")
    def _says_or_asks(self) -> "CreateFlashboard":
        if self.question is None:
            if not self.tiles:
                raise PydanticCustomError("missing", "give tiles, or a question of which a model makes them")
            if self.title is None:
                raise PydanticCustomError("missing", "give a title")
        elif self.tiles or self.layout:
            raise ValueError("a question stands in place of tiles and their layout: give the one or the other")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> "CreateFlashboard":
        keys = Counter(tile.key for tile in self.tiles)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise ValueError(f"two tiles have the key {twice[0]!r}: give each one of its own")
        for row in self.layout:
            for key in row:
                if key not in keys:
                    raise ValueError(f"layout names {key!r}, which is no tile; there are: {', '.join(keys)}")
        placed = Counter(key for row in self.layout for key in row)
        if again := [key for key, count in placed.items() if count > 1]:
            raise ValueError(f"layout names {again[0]!r} twice")
        return self

    @model_validator(mode="after")
    def _names_what_is_there(self) -> "CreateFlashboard":
        names = Counter(each.name for each in self.parameters)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two parameters have the name {twice[0]!r}: give each one of its own")
        if (fault := fault_in(self.parameters, self.values)) is not None:
            raise ValueError(f"values.{fault[0]}: {fault[1]}")
        for position, tile in enumerate(self.tiles):
            if isinstance(tile, TextTile):
                continue
            found, place = look(tile.sql or ""), f"tiles.{position}.sql"
            if found.unclosed is not None:
                raise ValueError(f"{place}: {found.unclosed}")
            if found.strays:
                raise ValueError(f"{place}: {STRAY_REFERENCE}")
            for name in found.names:
                if name not in names:
                    there = ", ".join(names) or "none"
                    raise ValueError(f"{place}: {{{{ {name[:100]} }}}} is no parameter; there are: {there}")
        return self

    @model_validator(mode="after")
    def _has_a_model_for_questions(self) -> "CreateFlashboard":
        if self.model is not None and self.question is None and not self.questions:
            raise ValueError("a model is for a question, of the whole or of a tile: sql needs none")
        return self

    @property
    def questions(self) -> dict[int, QueryTile]:
        """The tiles that a model answers, by their positions."""
        return {
            position: tile
            for position, tile in enumerate(self.tiles)
            if not isinstance(tile, TextTile) and tile.question is not None
        }

    @property
    def place_of_question(self) -> tuple[str | int, ...] | None:
        """Where the first question stands, which needs a model. None: nobody is asked."""
        if self.question is not None:
            return ("question",)
        return ("tiles", min(self.questions), "question") if self.questions else None

    @property
    def slug_or_made(self) -> str | None:
        """The slug that was given, or one that is made of the title. None: a model has yet to say the title."""
        if self.slug is None and self.title is None:
            return None
        return self.slug or slug_of(self.title or "")


def slug_of(title: str) -> str:
    """The slug that is made of a title."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:100].strip("-") or "flashboard"


def is_tile_sql(place: tuple[str | int, ...]) -> bool:
    """Whether a definition of this kind has SQL at this place."""
    return len(place) == 3 and place[0] == "tiles" and place[2] == "sql"
