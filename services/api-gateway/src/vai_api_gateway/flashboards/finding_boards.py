"""Finds flashboards and their versions for whoever asks."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.answers import InDigits
from vai_api_gateway.problems import not_found
from vai_common.queries import Row
from vai_records.flashboards import boards, versions
from vai_records.flashboards.versions import Shown, Tile

Name = Annotated[str, Path(max_length=255, description="The flashboard's id or slug")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number"), InDigits]
WhichVersion = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="The one that is shown, if not given"), InDigits
]


async def board_of(gateway: Gateway, org_id: UUID, name: str) -> Row:
    """By its id or slug. Raises `Problem` 404, also for one of another organisation."""
    found = await boards.get(gateway.pool, org_id, name)
    if found is None:
        raise not_found("flashboard")
    return found


async def version_of(gateway: Gateway, board: Row, number: int | None) -> Row:
    """That version, or the one that is shown. Raises `Problem` 404."""
    wanted = board["shown"] if number is None else number
    found = None if wanted is None else await versions.get(gateway.pool, board["id"], wanted)
    if found is None:
        raise not_found("version")
    return found


async def whole(gateway: Gateway, version: Row) -> Shown:
    """The version with all its tiles."""
    stored = await versions.stored_tiles(gateway.pool, version["id"])
    return await asyncio.to_thread(versions.whole, version, stored)


async def one_tile(gateway: Gateway, version: Row, key: str) -> Tile:
    """Raises `Problem` 404."""
    stored = await versions.stored_tiles(gateway.pool, version["id"], key)
    if not stored:
        raise not_found("tile")
    return await asyncio.to_thread(versions.tile_of, version, stored[0])
