"""What an automation said at a time: it never changes, so it is read once and remembered."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
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
