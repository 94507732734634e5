"""What a flashboard showed at a time: its definition, the values of its parameters, and the data of each tile."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from vai_common.ids import uuid7
from vai_common.queries import Queries, Row

Json = dict[str, Any]

MOST_BYTES = 24 << 20
"""Of a version's rows and drawings together, compressed."""

_GZIP = 31  # for zlib: a gzip header
_LARGEST = 64 << 20  # bytes of one tile's rows or drawings, once they are read

_MADE = """
SELECT b.id AS flashboard_id, v.number FROM flashboard_versions v JOIN flashboards b ON b.id = v.flashboard_id
WHERE v.run_id = $2 AND b.org_id = $1 AND b.slug = $3 AND b.deleted_at IS NULL
"""
_NEXT = """
INSERT INTO flashboards AS b (id, org_id, slug, title, description, number, last_run_id, created_by)
VALUES ($1, $2, $3, $4, $5, 1, $6, (SELECT created_by FROM runs WHERE id = $6))
ON CONFLICT (org_id, slug) WHERE deleted_at IS NULL DO UPDATE SET number = b.number + 1,
    title = CASE WHEN $7 THEN excluded.title ELSE b.title END,
    description = CASE WHEN $7 THEN excluded.description ELSE b.description END, updated_at = clock_timestamp()
RETURNING id, number
"""
_WRITE = """
INSERT INTO flashboard_versions
    (id, flashboard_id, number, run_id, definition, "values", datasets, bytes, seconds, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT created_by FROM runs WHERE id = $4))
"""
_WRITE_TILE = """
INSERT INTO flashboard_tiles (version_id, position, key, found, data, drawings)
SELECT $1::uuid, * FROM unnest($2::int[], $3::text[], $4::jsonb[], $5::bytea[], $6::bytea[])
"""
_SHOW = "UPDATE flashboards SET shown = number WHERE id = $1 AND ($2 OR shown IS NULL)"
_FORGET = """
DELETE FROM flashboard_versions v USING flashboards b
WHERE b.id = $1 AND v.flashboard_id = b.id AND v.number <= b.number - $2 AND v.number <> b.shown
    AND NOT EXISTS (SELECT FROM flashboard_shares s WHERE s.flashboard_id = b.id AND s.version = v.number
        AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp())
"""
_SUMMARY = """
v.id, v.number, v.run_id, v."values", v.datasets, v.bytes, v.seconds, v.created_by, v.created_at,
jsonb_array_length(v.definition -> 'tiles') AS tile_count, v.definition ->> 'title' AS title
"""
_LIST = f"""
SELECT {_SUMMARY} FROM flashboard_versions v WHERE flashboard_id = $1 ORDER BY number DESC LIMIT $2 OFFSET $3
"""
_COUNT = "SELECT count(*) FROM flashboard_versions WHERE flashboard_id = $1"
_GET = f"SELECT {_SUMMARY}, v.definition FROM flashboard_versions v WHERE flashboard_id = $1 AND number = $2"
_OF_RUN = "SELECT number FROM flashboard_versions WHERE flashboard_id = $1 AND run_id = $2"
_TILES = "SELECT position, key, found, data, drawings FROM flashboard_tiles WHERE version_id = $1 ORDER BY position"
_TILE = "SELECT position, key, found, data, drawings FROM flashboard_tiles WHERE version_id = $1 AND key = $2"
_REMOVE = "DELETE FROM flashboard_versions WHERE flashboard_id = $1 AND number = $2 RETURNING number"
_NEWEST_SHOWN = """
UPDATE flashboards SET shown = (SELECT max(number) FROM flashboard_versions WHERE flashboard_id = $1)
WHERE id = $1 AND shown = $2
"""


@dataclass(frozen=True)
class NewTile:
    """What a tile found, and its rows and drawings as they are stored (`packed`)."""

    key: str
    found: Json
    data: bytes
    drawings: bytes | None


@dataclass(frozen=True)
class NewVersion:
    """A version that a run has made; `current`: it is the one that is shown from now on."""

    slug: str
    definition: Json
    values: Json
    datasets: Sequence[str]
    tiles: Sequence[NewTile]
    seconds: float
    current: bool
    keep: int


@dataclass(frozen=True)
class Tile:
    """A tile of a version: its definition, what it found, its rows and its drawings by their name."""

    definition: Json
    found: Json
    rows: list[Json]
    drawings: dict[str, str]


@dataclass(frozen=True)
class Shown:
    """A whole version, as a page shows it."""

    number: int
    definition: Json
    values: Json
    created_at: datetime
    tiles: list[Tile]
    datasets: list[str]
    run_id: UUID


def packed(value: Any) -> bytes:
    """A JSON value as it is stored."""
    return gzip.compress(orjson.dumps(value), 6, mtime=0)


def unpacked(data: bytes | None) -> Any:
    """Raises ValueError for what is larger than anything that we write."""
    if data is None:
        return None
    text = zlib.decompressobj(_GZIP).decompress(data, _LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError("a tile is larger than any that is written")
    return orjson.loads(text)


async def write(conn: Queries, org_id: UUID, run_id: UUID, made: NewVersion) -> tuple[UUID, int]:
    """The flashboard's id and the version's number. In a transaction of the caller; a run makes one version only."""
    if (there := await conn.fetchrow(_MADE, org_id, run_id, made.slug)) is not None:
        return there["flashboard_id"], there["number"]
    said = made.definition
    named = (uuid7(), org_id, made.slug, said["title"], said.get("description", ""), run_id, made.current)
    row = await conn.fetchrow(_NEXT, *named)
    assert row is not None
    version_id, size = uuid7(), sum(len(each.data) + len(each.drawings or b"") for each in made.tiles)
    told = (said, made.values, list(made.datasets), size, made.seconds)
    await conn.execute(_WRITE, version_id, row["id"], row["number"], run_id, *told)
    columns = zip(*((place, t.key, t.found, t.data, t.drawings) for place, t in enumerate(made.tiles)), strict=True)
    await conn.execute(_WRITE_TILE, version_id, *map(list, columns))
    await conn.execute(_SHOW, row["id"], made.current)
    await conn.execute(_FORGET, row["id"], made.keep)
    return row["id"], row["number"]


async def list_page(conn: Queries, board_id: UUID, limit: int, offset: int) -> tuple[list[Row], int]:
    """Newest first, and how many there are."""
    rows = list(await conn.fetch(_LIST, board_id, limit, offset))
    return rows, int(await conn.fetchval(_COUNT, board_id))


async def get(conn: Queries, board_id: UUID, number: int) -> Row | None:
    return await conn.fetchrow(_GET, board_id, number)


async def of_run(conn: Queries, board_id: UUID, run_id: UUID) -> int | None:
    """The number of the version that a run has made."""
    found: int | None = await conn.fetchval(_OF_RUN, board_id, run_id)
    return found


async def stored_tiles(conn: Queries, version_id: UUID, key: str | None = None) -> list[Row]:
    """Its tiles, or one of them, as they are stored: `whole` and `tile_of` read them."""
    return list(await (conn.fetch(_TILES, version_id) if key is None else conn.fetch(_TILE, version_id, key)))


def whole(version: Row, stored: Sequence[Row]) -> Shown:
    """The version with its tiles. It unpacks them, which takes time: not in the event loop."""
    tiles = [tile_of(version, each) for each in stored]
    told = (version["number"], version["definition"], version["values"], version["created_at"])
    return Shown(*told, tiles, version["datasets"], version["run_id"])


def tile_of(version: Row, stored: Row) -> Tile:
    definition = version["definition"]["tiles"][stored["position"]]
    return Tile(definition, stored["found"], unpacked(stored["data"]), unpacked(stored["drawings"]) or {})


async def delete(conn: Queries, board_id: UUID, number: int) -> bool:
    """Removes one; where it was shown, the newest that is left is shown. In a transaction of the caller."""
    if await conn.fetchval(_REMOVE, board_id, number) is None:
        return False
    await conn.execute(_NEWEST_SHOWN, board_id, number)
    return True
