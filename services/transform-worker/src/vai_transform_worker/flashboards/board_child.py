"""Finds and draws what a flashboard shows, in the child process (rule 12, decision 69)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from vai_common.errors import ErrorCode, Permanent
from vai_drawing.chart_process import ChartProcess
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards import parameters
from vai_records.flashboards.tiles import ChartTile, TextTile, placed
from vai_records.flashboards.versions import MOST_BYTES, packed
from vai_transform_worker.asking.opened_tables import Limits, Tables, opened
from vai_transform_worker.flashboards import proposals, questions
from vai_transform_worker.flashboards.drawing import CHART_SECONDS
from vai_transform_worker.flashboards.drawing import drawings as drawings_of
from vai_transform_worker.flashboards.tile_rows import most_rows, of_tile
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import safety
from vai_worker.children.job import Job
from vai_worker.children.link import Link
from vai_worker.reading.sources import Source

Json = dict[str, Any]


@dataclass(frozen=True)
class _Told:
    """A definition with what its tiles found; `more` goes into the run's result."""

    definition: CreateFlashboard
    found: Mapping[str, Json]
    datasets: list[str]
    more: Json


def build(job: Job, link: Link) -> Json:
    """The entry of `create_flashboard`: returns the run's result."""
    definition = CreateFlashboard.model_validate(job.definition)
    with Watch(link, job.prepared["seconds"]) as watch:
        today = date.fromisoformat(job.prepared["today"])
        values = parameters.settled(definition.parameters, definition.values, today)
        limits = Limits(job.prepared["memory_mb"], job.prepared["spill_mb"])
        find = _said if definition.question is None else _proposed
        told = find(job, watch, definition, values, limits)
        kept = {"values": values, "datasets": list(dict.fromkeys(told.datasets)), "more": told.more}
        if told.definition is not definition:
            kept["definition"] = told.definition.stored()
        tiles = _drawn(told.definition, told.found, watch)
        return watch.ask("keep", kept | {"tiles": tiles, "seconds": watch.seconds})


def _proposed(job: Job, watch: Watch, definition: CreateFlashboard, values: Mapping[str, Any], limits: Limits) -> _Told:
    made = proposals.proposal(job, watch, definition, values, limits)
    return _Told(made.definition, made.found, made.datasets, made.told)


def _said(job: Job, watch: Watch, definition: CreateFlashboard, values: Mapping[str, Any], limits: Limits) -> _Told:
    queries = _queries(definition, values)
    named = {key: _named(key, sql) for key, sql in queries.items()}
    names = list(dict.fromkeys(name for found in named.values() for name in found))
    sources = [Source(**each) for each in watch.ask("tables", {"names": names})["sources"]]
    datasets = [each.dataset for each in sources]
    for key, sql in queries.items():
        with of_tile(key):
            safety.check_named(sql, datasets)
    answers = questions.answers(job, watch, definition, values, limits)
    with opened(job, watch, sources, limits) as tables:
        found = answers.found | _found(definition, queries, tables, watch)
    return _Told(definition, found, [*datasets, *answers.datasets], answers.used or {})


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
                    drawings = packed(drawings_of(charts, tile, (facts["columns"], rows), widths[position]))
            size += len(data) + len(drawings or b"")
            if size > MOST_BYTES:
                message = f"The flashboard shows more than {MOST_BYTES >> 20} MB: aggregate, or keep fewer rows"
                raise Permanent(ErrorCode.DATA_ERROR, message, {"tile": tile.key})
            tiles.append({"key": tile.key, "found": facts, "data": _as_text(data), "drawings": _as_text(drawings)})
    return tiles


def _as_text(packed_value: bytes | None) -> str | None:
    return None if packed_value is None else base64.b64encode(packed_value).decode()
