"""Finds and draws what a flashboard shows, in the child process (rule 12, decision 69)."""

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from vai_common.errors import ErrorCode, Permanent
from vai_drawing.chart_process import CannotDraw, ChartProcess
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards import parameters
from vai_records.flashboards.tiles import COLUMNS, ChartTile, TextTile, placed
from vai_records.flashboards.versions import MOST_BYTES, packed
from vai_transform_worker.asking.opened_tables import Limits, Tables, opened
from vai_transform_worker.flashboards import questions
from vai_transform_worker.flashboards.chart_specs import NoSuchColumn, specification
from vai_transform_worker.flashboards.tile_rows import most_rows, of_tile
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import safety
from vai_worker.children.job import Job
from vai_worker.children.link import Link
from vai_worker.reading.sources import Source

Json = dict[str, Any]

CHART_SECONDS: Final = 60.0
NARROW: Final = 330
"""Pixels of a drawing on a telephone."""

_PAGE: Final = 1_232  # pixels of a page on a screen of 1,280
_GAP, _INSIDE = 16, 42  # between tiles, and between a tile's edge and its drawing


def build(job: Job, link: Link) -> Json:
    """The entry of `create_flashboard`: returns the run's result."""
    definition = CreateFlashboard.model_validate(job.definition)
    with Watch(link, job.prepared["seconds"]) as watch:
        today = date.fromisoformat(job.prepared["today"])
        values = parameters.settled(definition.parameters, definition.values, today)
        queries = _queries(definition, values)
        named = {key: _named(key, sql) for key, sql in queries.items()}
        names = list(dict.fromkeys(name for found in named.values() for name in found))
        limits = Limits(job.prepared["memory_mb"], job.prepared["spill_mb"])
        sources = [Source(**each) for each in watch.ask("tables", {"names": names})["sources"]]
        datasets = [each.dataset for each in sources]
        for key, sql in queries.items():
            with of_tile(key):
                safety.check_named(sql, datasets)
        answers = questions.answers(job, watch, definition, values, limits)
        with opened(job, watch, sources, limits) as tables:
            found = answers.found | _found(definition, queries, tables, watch)
        tiles = _drawn(definition, found, watch)
        datasets = list(dict.fromkeys([*datasets, *answers.datasets]))
        told = {"values": values, "datasets": datasets, "tiles": tiles, "seconds": watch.seconds}
        return watch.ask("keep", told | {"used": answers.used})


def _queries(definition: CreateFlashboard, values: Mapping[str, Any]) -> dict[str, str]:
    """The SQL of each tile that has some, with the values of the parameters."""
    return {
        tile.key: safety.without_end(parameters.filled(tile.sql, definition.parameters, values))
        for tile in definition.tiles
        if not isinstance(tile, TextTile) and tile.sql is not None
    }


def _named(key: str, sql: str) -> list[str]:
    with of_tile(key):
        return safety.tables_of(sql)


def _found(definition: CreateFlashboard, queries: Mapping[str, str], tables: Tables, watch: Watch) -> dict[str, Json]:
    found = {}
    for number, tile in enumerate(definition.tiles, 1):
        if not isinstance(tile, TextTile) and tile.key in queries:
            with of_tile(tile.key):
                found[tile.key] = tables.rows(queries[tile.key], most_rows(tile))
            rows, total = found[tile.key]["row_count"], found[tile.key]["total_rows"]
            cut = f", {rows:,} of {total:,} rows are kept" if rows < total else ""
            watch.log("tile_read", f"Tile {tile.key}: {total:,} rows{cut}", {"tile": tile.key, "rows": total})
        watch.progress(_progress(number, len(definition.tiles)))
    return found


def _progress(done: int, tiles: int) -> Json:
    return {"schema_version": 2, "overall_percent": int(90 * done / tiles), "tiles": tiles, "tiles_read": done}


def _drawn(definition: CreateFlashboard, found: Mapping[str, Json], watch: Watch) -> list[Json]:
    """The tiles as they are kept: facts, rows and drawings, packed."""
    widths = dict(placed([tile.model_dump() for tile in definition.tiles], definition.layout))
    tiles, size = [], 0
    with ChartProcess(CHART_SECONDS, watch.check) as charts:
        for position, tile in enumerate(definition.tiles):
            facts = dict(found.get(tile.key, {}))
            rows = facts.pop("rows", [])
            data, drawings = packed(rows), None
            if isinstance(tile, ChartTile) and rows:
                with of_tile(tile.key):
                    drawings = packed(_drawings(charts, tile, (facts["columns"], rows), widths[position]))
            size += len(data) + len(drawings or b"")
            if size > MOST_BYTES:
                message = f"The flashboard shows more than {MOST_BYTES >> 20} MB: aggregate, or keep fewer rows"
                raise Permanent(ErrorCode.DATA_ERROR, message, {"tile": tile.key})
            tiles.append({"key": tile.key, "found": facts, "data": _as_text(data), "drawings": _as_text(drawings)})
    return tiles


def _drawings(charts: ChartProcess, tile: ChartTile, data: tuple[list[Json], list[Json]], columns: int) -> Json:
    """One for a screen, and one for a telephone where it would be too small there."""
    width = int(columns * (_PAGE + _GAP) / COLUMNS) - _GAP - _INSIDE
    label = tile.label
    found = {}
    try:
        for name, pixels in (("wide", width), ("narrow", NARROW)):
            if name == "wide" or width > NARROW * 1.2:
                found[name] = charts.svg(specification(tile, *data, pixels), f"{tile.key}-{name}-", label)
    except (CannotDraw, NoSuchColumn) as error:
        raise Permanent(ErrorCode.DATA_ERROR, f"The chart cannot be drawn: {error}") from None
    return found


def _as_text(packed_value: bytes | None) -> str | None:
    return None if packed_value is None else base64.b64encode(packed_value).decode()
