"""Draws charts of tiles as SVG."""

from typing import Any, Final

from vai_common.errors import ErrorCode, Permanent
from vai_drawing.chart_process import CannotDraw, ChartProcess
from vai_records.flashboards.tiles import COLUMNS, ChartTile
from vai_transform_worker.flashboards.chart_specs import NoSuchColumn, specification

Json = dict[str, Any]

CHART_SECONDS: Final = 60.0
NARROW: Final = 330
"""Pixels of a drawing on a telephone."""

_PAGE: Final = 1_232  # pixels of a page on a screen of 1,280
_GAP, _INSIDE = 16, 42  # between tiles, and between a tile's edge and its drawing


def drawings(charts: ChartProcess, tile: ChartTile, data: tuple[list[Json], list[Json]], columns: int) -> Json:
    """One for a screen, and one for a telephone where it would be too small there. Raises DATA_ERROR."""
    width = int(columns * (_PAGE + _GAP) / COLUMNS) - _GAP - _INSIDE
    found = {"wide": drawn(charts, tile, data, width, "wide")}
    if width > NARROW * 1.2:
        found["narrow"] = drawn(charts, tile, data, NARROW, "narrow")
    return found


def drawn(
    charts: ChartProcess, tile: ChartTile, data: tuple[list[Json], list[Json]], pixels: int, name: str = "narrow"
) -> str:
    """One drawing of columns and rows. Raises DATA_ERROR for what is no chart of its type."""
    try:
        return charts.svg(specification(tile, *data, pixels), f"{tile.key}-{name}-", tile.label)
    except (CannotDraw, NoSuchColumn) as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The chart cannot be drawn: {error}") from None
