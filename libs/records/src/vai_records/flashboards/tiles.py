"""The tiles of a flashboard: a number, a chart, a table, or a text (docs/flashboards.md)."""

from itertools import groupby
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from vai_records.flashboards import vega_specs
from vai_records.strict import Strict, Text, short

MOST_TILES: Final = 50
MOST_CHART_ROWS: Final = 5_000
MOST_TABLE_ROWS: Final = 1_000
MOST_COLUMNS: Final = 100
COLUMNS: Final = 12
"""How many columns the grid of a page has."""

TileKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
Column = Annotated[str, Field(min_length=1, max_length=255)]
Chart = Literal["line", "area", "bar", "horizontal_bar", "point", "pie"]


class _Tile(Strict):
    model_config = ConfigDict(frozen=True)

    key: TileKey = Field(description="Its name within the flashboard: in exports, and in `layout`.")
    title: str = Field(default="", max_length=200)
    note: str | None = Field(default=None, max_length=1_000, description="A line under it.")
    width: int | None = Field(default=None, ge=1, le=COLUMNS, description="Of the page's 12 columns.")


class _Query(_Tile):
    sql: Text | None = Field(
        default=None,
        description="One query (SELECT …) of DuckDB over silver.orders, gold.sales, bronze.shop.orders; `{{ name }}` "
        "is the value of a parameter.",
    )
    question: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"\S")] | None = Field(
        default=None, description="Instead of sql: what is to be shown, in words. A model turns it into a query."
    )

    @model_validator(mode="after")
    def _asks(self) -> "_Query":
        if self.sql is None and self.question is None:
            raise PydanticCustomError("missing", "give sql, or a question that a model turns into sql")
        if self.sql is not None and self.question is not None:
            raise ValueError("give sql or a question, not both")
        if self.sql is not None and not self.sql.strip():
            raise ValueError("sql is empty: give a query")
        return self

    @property
    def label(self) -> str:
        """What it is called where it has no title."""
        return self.title or (self.question or self.key)[:200]


class Shown(Strict):
    """How a number is written."""

    model_config = ConfigDict(frozen=True)

    format: Literal["number", "percent", "compact", "plain"] | None = Field(
        default=None, description="percent: 0.25 is 25 %. compact: 1.2M. plain: as it comes, for years and ids."
    )
    decimals: int | None = Field(default=None, ge=0, le=10)
    prefix: str = Field(default="", max_length=20, description="For example $.")
    suffix: str = Field(default="", max_length=20, description="For example ' min'.")


class NumberTile(_Query, Shown):
    """One number: the first row's first column. Its second column, if there is one, is what it is compared with."""

    type: Literal["number"]
    value: Column | None = Field(default=None, description="The column of the number; the first, if not given.")
    compare: Column | None = Field(default=None, description="The column to compare with; the second, if not given.")
    compare_label: str = Field(default="before", max_length=100, description="What it is compared with, in words.")
    good: Literal["up", "down", "neither"] = Field(default="up", description="Which direction is good news.")


class ChartTile(_Query):
    """A chart: of a type and up to three columns, or by a specification of Vega-Lite without data."""

    type: Literal["chart"]
    chart: Chart | None = None
    x: Column | None = Field(default=None, description="The first column, if not given.")
    y: Column | None = Field(default=None, description="The second column, if not given.")
    series: Column | None = Field(default=None, description="The third column, if there is one and none is given.")
    spec: Annotated[dict[str, JsonValue], Field(max_length=100), short(100)] | None = Field(
        default=None, description="Vega-Lite, without data, addresses and expressions."
    )
    height: int = Field(default=260, ge=80, le=1_000, description="In pixels, of the drawing without its axes.")

    @model_validator(mode="after")
    def _is_either(self) -> "ChartTile":
        if (self.chart is None) == (self.spec is None):
            raise ValueError("give chart (line, area, bar, horizontal_bar, point, pie) or a spec of Vega-Lite")
        if self.spec is not None and (self.x or self.y or self.series):
            raise ValueError("x, y and series are for a chart by its type; a spec names its fields itself")
        if self.spec is not None and self.question is not None:
            raise ValueError("a spec names columns, which nobody knows before a model has answered: give sql, or chart")
        if self.spec is not None and (fault := vega_specs.fault_of(self.spec)) is not None:
            raise ValueError(fault)
        return self


class TableColumn(Shown):
    """A column as it is shown."""

    name: Column
    title: str | None = Field(default=None, max_length=200)


class TableTile(_Query):
    """The rows of a query."""

    type: Literal["table"]
    columns: Annotated[list[TableColumn], Field(max_length=MOST_COLUMNS), short(MOST_COLUMNS)] = Field(
        default=[], description="Which columns are shown, in this order, and how; all, if none is named."
    )
    max_rows: int = Field(default=MOST_TABLE_ROWS, ge=1, le=MOST_TABLE_ROWS, description="How many are kept.")


class TextTile(_Tile):
    """A text in Markdown, without HTML and images."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=50_000)]


QueryTile = NumberTile | ChartTile | TableTile
Tile = Annotated[NumberTile | ChartTile | TableTile | TextTile, Field(discriminator="type")]

Tiles = Annotated[list[Tile], Field(min_length=1, max_length=MOST_TILES), short(MOST_TILES)]
Layout = Annotated[
    list[Annotated[list[TileKey], Field(min_length=1, max_length=COLUMNS), short(COLUMNS)]],
    Field(max_length=MOST_TILES),
    short(MOST_TILES),
]

_USUAL = {"number": 3, "chart": 6, "table": 12, "text": 12}


def placed(tiles: list[dict[str, Any]], layout: list[list[str]]) -> list[tuple[int, int]]:
    """The order of stored tiles and their widths: pairs of position and columns of the grid.

    The tiles of a row of the layout share it; what it does not name comes after, in its own order. Where no width is
    given, rows are full.
    """
    positions = {tile["key"]: position for position, tile in enumerate(tiles)}
    found = {}
    for row in layout:
        for key in row:
            if key in positions:
                found[positions[key]] = max(1, COLUMNS // len(row))
    rest = [position for position in range(len(tiles)) if position not in found]
    found |= dict(zip(rest, _widths([tiles[position] for position in rest]), strict=True))
    return [(position, tiles[position].get("width") or width) for position, width in found.items()]


def _widths(tiles: list[dict[str, Any]]) -> list[int]:
    """Of tiles that follow each other. Those of a type share rows in equal parts, so that a number is never as high as
    a chart, and no row has a gap. Whoever gives a width says the others, too: then each has what is usual.
    """
    if any(tile.get("width") for tile in tiles):
        return [_USUAL[tile["type"]] for tile in tiles]
    found: list[int] = []
    for kind, alike in groupby(tile["type"] for tile in tiles):
        left = len(list(alike))
        for rows in range(-(-left // (COLUMNS // _USUAL[kind])), 0, -1):
            share = -(-left // rows)
            found += [COLUMNS // share] * share
            left -= share
    return found
