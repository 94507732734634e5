"""A whole flashboard from one question (decision 84), in the child: each proposed tile is judged, run and drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from vai_common.errors import ErrorCode, Permanent, RunError
from vai_drawing.chart_process import ChartProcess
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.flashboards.tiles import ChartTile, QueryTile, TextTile, Tile
from vai_transform_worker.asking import query_child
from vai_transform_worker.asking.opened_tables import Limits
from vai_transform_worker.flashboards.drawing import CHART_SECONDS, NARROW, drawn
from vai_transform_worker.flashboards.questions import filled
from vai_transform_worker.flashboards.tile_rows import most_rows
from vai_transform_worker.interruption import Watch
from vai_worker.children.job import Job

Json = dict[str, Any]

_FOUND = ("columns", "rows", "row_count", "total_rows", "truncated")
_LONGEST_ERROR = 500  # characters, of a tile that is left out


@dataclass
class Proposal:
    """The flashboard as it is kept, with what its tiles found. `told` goes into the run's result."""

    definition: CreateFlashboard
    found: dict[str, Json] = field(default_factory=dict)
    datasets: list[str] = field(default_factory=list)
    told: Json = field(default_factory=dict)


class _Making:
    """Makes the tiles, one after the other."""

    def __init__(self, job: Job, watch: Watch, asked: CreateFlashboard, values: Mapping[str, Any], limits: Limits):
        self._job, self._watch, self._asked, self._values, self._limits = job, watch, asked, values, limits
        self.tiles: list[Tile] = []
        self.found: dict[str, Json] = {}
        self.datasets: list[str] = []
        self.left_out: list[Json] = []

    def make(self, said: Json, used: Json, charts: ChartProcess) -> Json:
        """Takes a tile in, or leaves it out. Answers what the models have used by now."""
        if said["type"] == "text":
            self._take(said, None)
            return used
        spent = used

        def write(tried: list[dict[str, str]]) -> Json:
            nonlocal spent
            if not tried:
                return {"sql": said.get("sql", ""), "tokens": {"input": 0, "output": 0}, "dollars": 0.0}
            written = self._watch.ask("mend", {"tile": said, "tried": tried})
            spent = query_child.together(spent, written)
            return written

        def queried(sql: str) -> Json:
            return self._queried(said | {"sql": sql}, charts)

        try:
            found = query_child.answered(self._watch, write, queried)
        except RunError as error:
            if error.code != ErrorCode.DATA_ERROR:
                raise
            self._leave(said, error.message)
        else:
            self._take(said | {"sql": found["sql"]}, found)
        return spent

    def _queried(self, said: Json, charts: ChartProcess) -> Json:
        tile = self._judged(said)
        assert not isinstance(tile, TextTile)
        text = filled(self._asked, tile.sql or "", self._values)
        found = query_child.read(self._job, self._watch, text, self._limits, most_rows(tile))
        if isinstance(tile, ChartTile) and found["rows"]:
            drawn(charts, tile, (found["columns"], found["rows"]), NARROW)
        return found | {"sql": tile.sql}

    def _judged(self, said: Json) -> Tile:
        """The tile, if it is one that anybody might have written. Raises DATA_ERROR, for the model."""
        alone = {"title": "x", "parameters": [each.model_dump() for each in self._asked.parameters], "tiles": [said]}
        try:
            return CreateFlashboard.model_validate(alone).tiles[0]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise Permanent(ErrorCode.DATA_ERROR, f"It is no tile: {first['msg']}") from None

    def _take(self, said: Json, found: Json | None) -> None:
        try:
            tile = self._judged(said)
        except Permanent as error:  # a text; queries were judged
            self._leave(said, error.message)
            return
        self.tiles.append(tile)
        if found is not None:
            self.found[tile.key] = {name: found[name] for name in _FOUND}
            self.datasets += found["datasets"]
            self._watch.log("tile_read", f"Tile {tile.key}: {found['total_rows']:,} rows", {"tile": tile.key})

    def _leave(self, said: Json, why: str) -> None:
        told = {"key": said["key"], "title": said["title"], "error": why[:_LONGEST_ERROR]}
        self.left_out.append(told)
        self._watch.warn("tile_left_out", f"Tile {told['title'] or told['key']} is left out: {told['error']}", told)


def proposal(job: Job, watch: Watch, asked: CreateFlashboard, values: Mapping[str, Any], limits: Limits) -> Proposal:
    """Has the flashboard made. Raises DATA_ERROR if nothing that the model proposes can be shown."""
    said = watch.ask("design", {})
    names = ", ".join(tile["title"] or tile["key"] for tile in said["tiles"])
    watch.log("flashboard_designed", f"{said['model']} proposes {said['title']}: {names}")
    making, used = _Making(job, watch, asked, values, limits), {name: said[name] for name in ("tokens", "dollars")}
    with ChartProcess(CHART_SECONDS, watch.check) as charts:
        for number, tile in enumerate(said["tiles"], 1):
            used = making.make(tile, used, charts)
            watch.progress(_progress(number, len(said["tiles"])))
    if not making.found:
        reasons = "; ".join(f"{each['title']}: {each['error']}" for each in making.left_out) or "it has no query"
        message = f"Nothing that {said['model']} proposed can be shown: {reasons}"
        raise Permanent(ErrorCode.DATA_ERROR, message, {"left_out": making.left_out})
    told = {"question": asked.question, "model": said["model"], "left_out": making.left_out, **used}
    return Proposal(_kept(asked, said, making.tiles), making.found, making.datasets, told)


def _kept(asked: CreateFlashboard, said: Json, tiles: list[Tile]) -> CreateFlashboard:
    """What was asked for with SQL in place of the question: refreshing it needs no model."""
    given = {name: value for name, value in asked.stored().items() if name not in ("question", "model")}
    made = {"title": asked.title or said["title"], "description": asked.description or said["description"]}
    return CreateFlashboard.model_validate(given | made | {"tiles": [_stored(tile) for tile in tiles]})


def _stored(tile: QueryTile | TextTile) -> Json:
    return tile.model_dump(mode="json", exclude_unset=True)


def _progress(done: int, tiles: int) -> Json:
    return {"schema_version": 2, "overall_percent": int(90 * done / tiles), "tiles": tiles, "tiles_read": done}
