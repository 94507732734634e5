"""How many rows a tile keeps, and errors that name it."""

from collections.abc import Iterator
from contextlib import contextmanager

from vai_common.errors import RunError
from vai_records.flashboards.tiles import MOST_CHART_ROWS, ChartTile, NumberTile, QueryTile


def most_rows(tile: QueryTile) -> int:
    """How many rows of its query are kept."""
    if isinstance(tile, NumberTile):
        return 1
    return MOST_CHART_ROWS if isinstance(tile, ChartTile) else tile.max_rows


@contextmanager
def of_tile(key: str) -> Iterator[None]:
    """Errors name the tile."""
    try:
        yield
    except RunError as error:
        told = type(error)(error.code, f"Tile {key}: {error.message}", {**(error.details or {}), "tile": key})
        raise told from error.__cause__
