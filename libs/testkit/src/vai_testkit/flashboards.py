"""A version of a flashboard, as if a worker had made it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Pool
from vai_records.flashboards import versions
from vai_records.flashboards.versions import NewTile, NewVersion, packed

Json = dict[str, Any]

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0,0h9"/></svg>'
TILES: Sequence[tuple[Json, list[Json], Sequence[tuple[str, str]]]] = (
    (
        {"key": "orders", "type": "number", "title": "Orders", "sql": "SELECT 1250 AS n, 1000 AS before"},
        [{"n": 1250, "before": 1000}],
        (("n", "BIGINT"), ("before", "BIGINT")),
    ),
    (
        {"key": "days", "type": "chart", "title": "By day", "chart": "line", "sql": "SELECT 1 AS a, 2 AS b"},
        [{"a": 1, "b": 2}],
        (("a", "INTEGER"), ("b", "INTEGER")),
    ),
    ({"key": "words", "type": "text", "text": "Hello **there**"}, [], ()),
)
PARAMETERS: list[Json] = [{"name": "region", "type": "text", "default": "all", "label": "Region"}]


async def flashboard(
    pool: Pool,
    org_id: UUID,
    slug: str = "sales",
    tiles: Sequence[tuple[Json, list[Json], Sequence[tuple[str, str]]]] = TILES,
    *,
    run_id: UUID | None = None,
    **fields: Any,
) -> int:
    """`tiles`: of each its definition, its rows, its columns with their types. Answers the version's number."""
    definition = {
        "title": "Sales",
        "slug": slug,
        "parameters": PARAMETERS,
        "tiles": [each[0] for each in tiles],
    } | fields
    values = {each["name"]: each["default"] for each in definition["parameters"]} | definition.get("values", {})
    made = [_tile(*each) for each in tiles]
    told = (slug, definition, values, ["gold.sales"], made, 1.5)
    new = NewVersion(*told, definition.get("current", True), definition.get("keep_versions", 50))
    async with pool.acquire() as conn, conn.transaction():
        return (await versions.write(conn, org_id, run_id or uuid7(), new))[1]


def _tile(definition: Json, rows: list[Json], columns: Sequence[tuple[str, str]]) -> NewTile:
    if definition["type"] == "text":
        return NewTile(definition["key"], {}, packed([]), None)
    found = {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "row_count": len(rows),
        "total_rows": len(rows),
        "truncated": False,
    }
    drawings = packed({"wide": DRAWING}) if definition["type"] == "chart" and rows else None
    return NewTile(definition["key"], found, packed(rows), drawings)
