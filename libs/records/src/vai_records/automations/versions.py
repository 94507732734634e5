"""What an automation said at a time: it never changes, so it is read once and remembered."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from vai_common.queries import Queries, Row
from vai_records.automations import saved_definition
from vai_records.automations.plan import Plan

_READ = "SELECT definition, secrets FROM automation_versions WHERE id = $1"
_WRITE = """
INSERT INTO automation_versions (id, automation_id, org_id, definition, secrets, created_by)
VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True)
class Version:
    """One version: its plan, its steps by key, and the sealed write-only values of these.

    `fault` says why it has no steps: what is stored cannot be read (`vai_records.automations.saved_definition`).
    """

    id: UUID
    definition: dict[str, Any]
    secrets: bytes | None
    plan: Plan
    fault: str | None = None

    @property
    def conditions(self) -> list[dict[str, Any]]:
        return list(self.definition["conditions"])

    @property
    def inputs(self) -> dict[str, Any]:
        """The declared inputs by name."""
        return dict(self.definition["inputs"])

    @cached_property
    def steps(self) -> dict[str, dict[str, Any]]:
        """The steps by key, as they are stored (`vai_records.automations.saved_steps`)."""
        return {step["key"]: step for step in self.definition["steps"]}


class Versions:
    """Reads versions, and remembers the last ones."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._known: OrderedDict[UUID, Version] = OrderedDict()

    async def get(self, conn: Queries, version_id: UUID) -> Version:
        """Raises LookupError where there is none."""
        if version_id not in self._known:
            row = await conn.fetchrow(_READ, version_id)
            if row is None:
                raise LookupError(f"there is no version {version_id}")
            found = saved_definition.read(row["definition"])
            self._remember(Version(version_id, found.definition, row["secrets"], found.plan, found.fault))
        self._known.move_to_end(version_id)
        return self._known[version_id]

    def _remember(self, version: Version) -> None:
        self._known[version.id] = version
        if len(self._known) > self._most:
            self._known.popitem(last=False)


@dataclass(frozen=True)
class NewVersion:
    """A version to be written; `secrets` ({step key: values}) are sealed for its id."""

    id: UUID
    automation_id: UUID
    org_id: UUID
    definition: dict[str, Any]
    secrets: bytes | None
    created_by: UUID | None


async def write(conn: Queries, new: NewVersion) -> None:
    """Writes a version, in the transaction that names it in its automation."""
    values = (new.id, new.automation_id, new.org_id, new.definition, new.secrets, new.created_by)
    await conn.execute(_WRITE, *values)


# What people look at -------------------------------------------------------------------------------------------------

_NUMBERED = """
SELECT id, created_by, created_at, row_number() OVER (ORDER BY created_at, id) AS number, count(*) OVER () AS total
FROM automation_versions WHERE automation_id = $1 AND org_id = $2
"""
_STEPS = (
    "CASE jsonb_typeof(v.definition->'steps') WHEN 'array' THEN jsonb_array_length(v.definition->'steps') ELSE 0 END"
)
_PAGE = f"""
SELECT page.*, {_STEPS} AS steps FROM ({_NUMBERED} ORDER BY number DESC LIMIT $3 OFFSET $4) page
JOIN automation_versions v ON v.id = page.id ORDER BY page.number DESC
"""
_WHOLE = f"""
SELECT numbered.*, v.definition, v.secrets FROM ({_NUMBERED}) numbered JOIN automation_versions v ON v.id = numbered.id
"""
_COUNT = "SELECT count(*) FROM automation_versions WHERE automation_id = $1 AND org_id = $2"


async def list_page(conn: Queries, org_id: UUID, automation_id: UUID, limit: int, offset: int) -> tuple[list[Row], int]:
    """A page of versions (`id`, `number`, `steps`, …), the newest first, and how many there are."""
    rows = await conn.fetch(_PAGE, automation_id, org_id, limit, offset)
    return list(rows), rows[0]["total"] if rows else int(await conn.fetchval(_COUNT, automation_id, org_id))


async def get(conn: Queries, org_id: UUID, automation_id: UUID, version_id: UUID) -> Row | None:
    """One version with its definition (`fault` says why it cannot be read) and its sealed secrets, or None."""
    return _readable(await conn.fetchrow(f"{_WHOLE} WHERE numbered.id = $3", automation_id, org_id, version_id))


async def before(conn: Queries, org_id: UUID, automation_id: UUID, number: int) -> Row | None:
    """The version before the one of this number, as `get`; None before the first."""
    return _readable(await conn.fetchrow(f"{_WHOLE} WHERE numbered.number = $3", automation_id, org_id, number - 1))


def _readable(row: Row | None) -> Row | None:
    if row is None:
        return None
    found = saved_definition.read(row["definition"])
    definition: dict[str, Any] = found.definition
    return {**row, "definition": definition, "fault": found.fault}
