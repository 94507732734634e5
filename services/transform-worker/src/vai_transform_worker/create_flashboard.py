"""`create_flashboard` in the worker: gives the child its tables, and keeps what it has found as a version (rule 12)."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

from vai_common.clock import now
from vai_records.definitions.create_flashboard import USUAL_SECONDS
from vai_records.definitions.create_flashboard import CreateFlashboard as Definition
from vai_records.flashboards import boards, versions
from vai_records.flashboards.versions import NewTile, NewVersion
from vai_transform_worker.asking import named_tables
from vai_transform_worker.asking.named_tables import Table
from vai_transform_worker.asking.writing import Asked, written
from vai_transform_worker.flashboards.designing import designed
from vai_transform_worker.flashboards.questions import of_proposed, wanted
from vai_transform_worker.metrics import flashboard_bytes, flashboard_versions
from vai_worker.owned import Owned

Json = dict[str, Any]


class CreateFlashboard:
    """The kind, which runs in a child process. `child_memory_mb` is what a child may use; DuckDB gets half of it."""

    name = "create_flashboard"
    reads = Definition
    entry = "vai_transform_worker.flashboards.board_child:build"
    pauses_after: str | None = None  # nothing is kept before all is found

    def __init__(self, child_memory_mb: int = 2048, spill_mb: int = 10_240) -> None:
        self._memory_mb = max(128, child_memory_mb // 2)
        self._spill_mb = spill_mb

    async def prepare(self, run: Owned) -> Json:
        definition = run.definition_as(Definition)
        seconds = definition.timeout_seconds or USUAL_SECONDS
        run.deadline = run.claimed + seconds
        if definition.current and (slug := definition.slug_or_made) is not None:
            async with run.guarded() as conn:
                await boards.worked_on(conn, run.org_id, slug, run.id)
        return {
            "memory_mb": self._memory_mb,
            "spill_mb": self._spill_mb,
            "seconds": seconds,
            "today": now().date().isoformat(),
        }

    async def answer(self, run: Owned, question: str, payload: Json) -> Json:
        if question == "tables":
            return await _tables(run, payload["names"])
        if question == "write":
            return await _written(run, payload)
        if question == "design":
            return await _designed(run)
        if question == "mend":
            return await _mended(run, payload)
        return await _kept(run, payload)


async def _tables(run: Owned, names: list[str]) -> Json:
    """What the child needs to read the named tables. Raises DATA_ERROR for one that does not exist."""
    if not names:
        return {"sources": []}
    async with run.guarded() as conn:
        there = await named_tables.tables(conn, run.org_id)
    return {"sources": await named_tables.sources(run, named_tables.chosen(there, names))}


async def _written(run: Owned, payload: Json) -> Json:
    """The query that a model writes for a tile's question."""
    definition = run.definition_as(Definition)
    tile = next(each for each in definition.questions.values() if each.key == payload["tile"])
    asked = Asked(tile.question or "", definition.model, wanted(definition, tile))
    return await written(run, await _there(run), asked, payload["tried"])


async def _designed(run: Owned) -> Json:
    """What a model proposes for the question of the whole."""
    return await designed(run, await _there(run), run.definition_as(Definition))


async def _mended(run: Owned, payload: Json) -> Json:
    """Another query for a proposed tile, whose earlier ones failed."""
    definition = run.definition_as(Definition)
    return await written(run, await _there(run), of_proposed(definition, payload["tile"]), payload["tried"])


async def _there(run: Owned) -> dict[str, Table]:
    async with run.guarded() as conn:
        return await named_tables.tables(conn, run.org_id)


async def _kept(run: Owned, payload: Json) -> Json:
    asked = run.definition_as(Definition)
    definition = Definition.model_validate(payload["definition"]) if "definition" in payload else asked
    tiles = await asyncio.to_thread(_unwrapped, payload["tiles"])
    made = NewVersion(
        slug=definition.slug_or_made or "",
        definition=definition.stored(),
        values=payload["values"],
        datasets=payload["datasets"],
        tiles=tiles,
        seconds=payload["seconds"],
        current=definition.current,
        keep=definition.keep_versions,
    )
    async with run.guarded() as conn:
        if asked.slug_or_made is None:  # a title that a model has said replaces nobody's flashboard
            made = replace(made, slug=await boards.free_slug(conn, run.org_id, made.slug, run.id))
        board_id, number = await versions.write(conn, run.org_id, run.id, made)
    size = sum(len(each.data) + len(each.drawings or b"") for each in tiles)
    flashboard_versions.inc()
    flashboard_bytes.inc(size)
    await run.log("flashboard_written", f"Version {number} of {made.slug} shows {len(tiles)} tiles", {"bytes": size})
    return {
        "flashboard": str(board_id),
        "slug": made.slug,
        "version": number,
        "path": f"/flashboards/{made.slug}" + ("" if made.current else f"?version={number}"),
        "tiles": len(tiles),
        "datasets": made.datasets,
        "bytes": size,
        **payload.get("more", {}),
    }


def _unwrapped(tiles: list[Json]) -> list[NewTile]:
    return [
        NewTile(
            tile["key"],
            tile["found"],
            base64.b64decode(tile["data"]),
            base64.b64decode(tile["drawings"]) if tile["drawings"] else None,
        )
        for tile in tiles
    ]
