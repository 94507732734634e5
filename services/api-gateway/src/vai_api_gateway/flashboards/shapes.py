"""The REST shapes of flashboards (docs/flashboards.md)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from vai_api_gateway.http.shapes import Body, Json, Key, PageShape, Shape, StatusName
from vai_common.queries import Row
from vai_records.flashboards.parameters import Values
from vai_records.flashboards.versions import Tile

LONGEST_DAYS = 366
"""How long a link may be good."""


class LastFlashboardRunShape(Shape):
    """The newest run that was to make the version that is shown: where it did not, it says why."""

    id: UUID
    status: StatusName
    completed_at: datetime | None
    error: Json | None


class FlashboardShape(Shape):
    id: UUID
    slug: str
    title: str
    description: str
    path: str = Field(description="Where people open it.")
    version: int | None = Field(description="The version that is shown where nobody asks for another.")
    version_created_at: datetime | None
    tile_count: int
    last_run: LastFlashboardRunShape | None
    created_at: datetime
    created_by: str | None
    updated_at: datetime


class FlashboardsShape(PageShape):
    flashboards: list[FlashboardShape]


class FlashboardDetailShape(FlashboardShape):
    definition: Json = Field(description="Of the version that is shown.")


class FlashboardVersionShape(Shape):
    number: int
    title: str
    is_shown: bool
    run_id: UUID
    values: Json = Field(description="Of its parameters.")
    datasets: list[str]
    tile_count: int
    bytes: int = Field(description="What its rows and drawings take, compressed.")
    seconds: float
    created_at: datetime
    created_by: str | None


class FlashboardVersionsShape(Shape):
    versions: list[FlashboardVersionShape]
    has_next: bool
    limit: int
    offset: int
    total: int


class FlashboardTileShape(Shape):
    key: str
    type: str
    title: str
    columns: list[Json] = Field(description="Name and type of each, as DuckDB calls it.")
    rows: list[Json]
    row_count: int
    total_rows: int
    truncated: bool
    sql: str | None = Field(description="The query that a model wrote, where the tile has a question.")
    explanation: str | None = Field(description="What that query does, as the model says.")
    model: str | None


class FlashboardVersionDetailShape(FlashboardVersionShape):
    definition: Json
    tiles: list[FlashboardTileShape]


class RefreshBody(Body):
    values: Values = Field(default={}, description="Of parameters; those that are not named stay as they were.")
    current: bool | None = Field(
        default=None,
        description="Whether the new version is the one that is shown from then on: if not given, only without values.",
    )
    idempotency_key: Key | None = None


class FlashboardLinkBody(Body):
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = Field(default=7, description="How long it is good.")
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="That one alone; the one that is shown at the time, if not given."
    )
    note: str = Field(default="", max_length=200, description="For whom or what for.")


class FlashboardLinkShape(Shape):
    id: UUID
    version: int | None
    note: str
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime
    created_by: str | None


class MadeFlashboardLinkShape(FlashboardLinkShape):
    path: str = Field(description="Whoever has it sees the flashboard. It is told only now.")


class FlashboardLinksShape(Shape):
    links: list[FlashboardLinkShape]
    has_next: bool
    limit: int
    offset: int
    total: int


def board_json(row: Row) -> Json:
    last = None
    if row["last_run_id"] is not None and row["last_run_status"] is not None:
        told = (row["last_run_id"], row["last_run_status"], row["last_run_at"], row["last_run_error"])
        last = dict(zip(("id", "status", "completedAt", "error"), told, strict=True))
    return {
        "id": row["id"],
        "slug": row["slug"],
        "title": row["title"],
        "description": row["description"],
        "path": f"/flashboards/{row['slug']}",
        "version": row["shown"],
        "versionCreatedAt": row["shown_at"],
        "tileCount": row["tile_count"] or 0,
        "lastRun": last,
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "updatedAt": row["updated_at"],
    }


def version_json(row: Row, shown: int | None) -> Json:
    return {
        "number": row["number"],
        "title": row["title"],
        "isShown": row["number"] == shown,
        "runId": row["run_id"],
        "values": row["values"],
        "datasets": row["datasets"],
        "tileCount": row["tile_count"],
        "bytes": row["bytes"],
        "seconds": row["seconds"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
    }


def tile_json(tile: Tile) -> Json:
    found: dict[str, Any] = tile.found
    return {
        "key": tile.definition["key"],
        "type": tile.definition["type"],
        "title": tile.definition.get("title") or (tile.definition.get("question") or "")[:200],
        "columns": found.get("columns", []),
        "rows": tile.rows,
        "rowCount": found.get("row_count", 0),
        "totalRows": found.get("total_rows", 0),
        "truncated": found.get("truncated", False),
        **{name: found.get(name) for name in ("sql", "explanation", "model")},
    }


def link_json(row: Row) -> Json:
    return {
        "id": row["id"],
        "version": row["version"],
        "note": row["note"],
        "expiresAt": row["expires_at"],
        "revokedAt": row["revoked_at"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
    }


def page_json(name: str, items: list[Json], bounds: tuple[int, int, int]) -> Json:
    """A page of a list; `bounds` are limit, offset and total."""
    limit, offset, total = bounds
    return {name: items, "hasNext": offset + len(items) < total, "limit": limit, "offset": offset, "total": total}
