"""Tiles with a question: a model writes their query, which is judged and run as that of `generate_query`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.create_flashboard import CreateFlashboard
from vai_records.definitions.sql_text import look
from vai_records.flashboards import parameters
from vai_records.flashboards.tiles import ChartTile, NumberTile, QueryTile
from vai_transform_worker.asking import query_child
from vai_transform_worker.asking.opened_tables import Limits
from vai_transform_worker.asking.writing import Asked
from vai_transform_worker.flashboards.tile_rows import most_rows, of_tile
from vai_transform_worker.interruption import Watch
from vai_worker.children.job import Job

Json = dict[str, Any]

_PROPOSED: Final = TypeAdapter[QueryTile](Annotated[QueryTile, Field(discriminator="type")])
_KEPT = ("columns", "rows", "row_count", "total_rows", "truncated", "sql", "explanation", "assumptions", "model")


@dataclass
class Answers:
    """What the tiles found, by their keys; the tables that they read; what the models used, None: there were none."""

    found: dict[str, Json] = field(default_factory=dict)
    datasets: list[str] = field(default_factory=list)
    used: Json | None = None


def answers(job: Job, watch: Watch, definition: CreateFlashboard, values: Mapping[str, Any], limits: Limits) -> Answers:
    """Asks for each tile with a question. Errors name their tile."""
    made = Answers()
    for tile in definition.questions.values():

        def write(tried: list[dict[str, str]], tile: QueryTile = tile) -> Json:
            return watch.ask("write", {"tile": tile.key, "tried": tried})

        def queried(sql: str, tile: QueryTile = tile) -> Json:
            text = filled(definition, sql, values)
            return query_child.read(job, watch, text, limits, most_rows(tile)) | {"sql": sql}

        with of_tile(tile.key):
            told = query_child.answered(watch, write, queried)
        made.found[tile.key] = {name: told[name] for name in _KEPT}
        made.datasets += told["datasets"]
        made.used = told if made.used is None else query_child.together(made.used, told)
        watch.log("tile_read", f"Tile {tile.key}: {told['total_rows']:,} rows", {"tile": tile.key})
    if made.used is not None:
        made.used = {name: made.used[name] for name in ("tokens", "dollars")}
    return made


def filled(definition: CreateFlashboard, sql: str, values: Mapping[str, Any]) -> str:
    """The query with the values of the parameters that it names. One that is not there is an error for the model."""
    there = [each.name for each in definition.parameters]
    for name in look(sql).names:
        if name not in there:
            message = f"{{{{ {name[:100]} }}}} is no parameter; there are: {', '.join(there) or 'none'}"
            raise Permanent(ErrorCode.DATA_ERROR, message)
    return parameters.filled(sql, definition.parameters, values)


def wanted(definition: CreateFlashboard, tile: QueryTile) -> str:
    """What the model is told of the tile that shows the result, and of the parameters that its query may name."""
    return "\n".join([_shape(tile), *([of_parameters(definition)] if definition.parameters else [])])


def of_proposed(definition: CreateFlashboard, said: Json) -> Asked:
    """What the model is asked for a tile that it has proposed, and whose query failed."""
    tile: QueryTile = _PROPOSED.validate_python({**said, "sql": said.get("sql") or "SELECT 1"})
    about = f"{definition.question}\n\nIt is about one tile of the answer: {tile.title}. {tile.note or ''}"
    return Asked(about, definition.model, wanted(definition, tile))


def of_parameters(definition: CreateFlashboard) -> str:
    """What the model is told of the parameters, of which there is at least one."""
    named = ", ".join(f"{each.name} ({each.type})" for each in definition.parameters)
    return (
        "Whoever looks sets parameters. Where the question depends on one, write its name in double braces in "
        f"place of the value, without quotes, as in {{{{ {definition.parameters[0].name} }}}}: {named}."
    )


def _shape(tile: QueryTile) -> str:
    if isinstance(tile, NumberTile):
        names = [name for name in (tile.value, tile.compare) if name]
        text = (
            "The result is one row: the number that is shown, then, if the question compares, what it is compared with."
        )
    elif isinstance(tile, ChartTile):
        names = [name for name in (tile.x, tile.y, tile.series) if name]
        text = (
            f"The result is drawn as a chart of the type {tile.chart}: the first column is x, the second y, which is a "
            f"number, and a third, if the question needs it, the series. At most {most_rows(tile):,} rows, in order."
        )
    else:
        names = [each.name for each in tile.columns]
        text = f"The result is shown as a table of at most {most_rows(tile):,} rows."
    return f"{text} It has columns of these names: {', '.join(names)}." if names else text
