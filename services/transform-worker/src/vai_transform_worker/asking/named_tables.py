"""The worker's side: finds an organisation's tables by the names that queries use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.errors import ErrorCode, Permanent
from vai_common.queries import Queries
from vai_records.lake import manifest as lake
from vai_worker.owned import Owned

MOST_TABLES = 5_000
_MOST_NAMES = 50
_TABLES = """
SELECT id, layer, name, location, columns, row_count, write_epoch, updated_at FROM datasets
WHERE org_id = $1 AND row_count IS NOT NULL ORDER BY updated_at DESC LIMIT $2
"""


@dataclass(frozen=True)
class Table:
    """A table that has been written. `name` is `layer.name`, as queries have it."""

    name: str
    dataset: lake.Dataset
    updated_at: datetime


async def tables(conn: Queries, org_id: UUID) -> dict[str, Table]:
    """All tables that have been written, by their names in lower case. Those written last come first."""
    found = {}
    for row in await conn.fetch(_TABLES, org_id, MOST_TABLES):
        told = dict(row)
        updated_at = told.pop("updated_at")
        name = f"{told['layer']}.{told['name']}"
        found[name.lower()] = Table(name, lake.Dataset(**told), updated_at)
    return found


def chosen(there: dict[str, Table], names: Iterable[str]) -> list[Table]:
    """The named tables, or all. If a name is unknown, raises DATA_ERROR that lists the existing tables."""
    wanted = list(names)
    for name in wanted:
        if name.lower() not in there:
            raise unknown(name, there)
    return [there[name.lower()] for name in dict.fromkeys(wanted)] if wanted else list(there.values())


def unknown(name: str, there: dict[str, Table]) -> Permanent:
    names = [table.name for table in there.values()]
    shown = ", ".join(names[:_MOST_NAMES]) or "none yet: run an extraction or a transform first"
    message = f"There is no table {name[:300]} that may be read here. There are: {shown}"
    return Permanent(ErrorCode.DATA_ERROR, message, {"dataset": name[:300], "datasets": names[:_MOST_NAMES]})


async def sources(run: Owned, wanted: Sequence[Table]) -> list[dict[str, Any]]:
    """The values that the child needs to read the tables: fields of `Source`."""
    async with run.guarded() as conn:
        return [await _source(conn, each) for each in wanted]


async def _source(conn: Queries, table: Table) -> dict[str, Any]:
    found = table.dataset
    told: dict[str, Any] = {"name": table.name, "dataset": table.name, "ids": [str(found.id)]}
    if found.layer == "bronze":
        files = [each.path for each in await lake.visible_files(conn, found.id)]
        return told | {"files": files, "columns": found.columns}
    without_type = [each for each in found.columns if each["type"] == "NULL"]
    is_remembered = found.row_count == 0 and len(without_type) == len(found.columns)
    return told | {"columns": without_type} | ({} if is_remembered else {"location": found.location})
