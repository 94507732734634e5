"""The audit log as its readers see it: newest first, filtered, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_common.ids import least_of
from vai_records.schema.tables import audit_entries

_E = audit_entries.c

UNKNOWN: Final = "unknown"
"""The word for an entry without an outcome."""


@dataclass(frozen=True)
class Filters:
    """What entries must match; what is None or empty says nothing. `outcomes` may hold `UNKNOWN`."""

    actor_id: UUID | None = None
    key_id: UUID | None = None
    action: str | None = None
    target_types: tuple[str, ...] = ()
    target_id: str | None = None
    outcomes: tuple[str, ...] = ()
    address: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        same = {
            _E.actor_id: self.actor_id,
            _E.key_id: self.key_id,
            _E.action: self.action,
            _E.target_id: self.target_id,
            _E.address: self.address,
            _E.request_id: self.request_id,
        }
        found = [column == value for column, value in same.items() if value is not None]
        if self.target_types:
            found.append(_E.target_type.in_(self.target_types))
        if self.outcomes:
            known = _E.outcome.in_([word for word in self.outcomes if word != UNKNOWN])
            found.append(or_(known, _E.outcome.is_(None)) if UNKNOWN in self.outcomes else known)
        # Ids begin with the time, and have the index.
        if self.since is not None:
            found.append(and_(_E.id >= least_of(self.since), _E.occurred_at >= self.since))
        if self.until is not None:
            found.append(_E.occurred_at < self.until)
        return found


async def page(
    conn: AsyncConnection, org_id: UUID, filters: Filters, after: UUID | None, limit: int
) -> tuple[list[Row[Any]], bool]:
    """A page, newest first, from behind the entry `after`; and whether there are more."""
    wanted = select(audit_entries).where(_E.org_id == org_id, *filters.conditions())
    if after is not None:
        wanted = wanted.where(_E.id < after)
    rows = (await conn.execute(wanted.order_by(_E.id.desc()).limit(limit + 1))).all()
    return list(rows[:limit]), len(rows) > limit
