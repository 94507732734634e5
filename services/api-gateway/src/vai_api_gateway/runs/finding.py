"""Reads from a request which runs are meant: filters in a query or a body, the order, and where a page begins."""

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import Field

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.answers import (
    KindWords,
    Limit,
    Offset,
    StatusWords,
    answer,
    check_range,
    one_of,
    users_named,
    words,
)
from vai_api_gateway.http.shapes import (
    KIND_NAMES,
    LONGEST_NAME,
    STATUS_NAMES,
    TRIGGER_METHODS,
    Body,
    KindName,
    Order,
    StatusName,
    TriggerMethod,
)
from vai_records.catalogue.labels import LabelFilter
from vai_records.refused import Place, refused
from vai_records.runs import runs
from vai_records.runs.filters import RunFilters
from vai_records.runs.lists import Cursor, SortBy, Sorting
from vai_records.runs.row import RunRow
from vai_records.strict import Id, Time, in_utc

TriggerWords = Annotated[list[Annotated[str, one_of(TRIGGER_METHODS)]] | None, Query()]
MOST_LABELS = 10

Text = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_NAME,
        description="A part of the action's name or slug, of a key, the trigger's source or the error's message",
    ),
]
LabelWords = Annotated[
    list[LabelFilter] | None,
    Query(max_length=MOST_LABELS, description="`key=value`, or `key` for any value; repeated: all of them"),
]
From = Annotated[Time | None, Query(description="Made at this time or later")]
Until = Annotated[Time | None, Query(description="Made before this time")]


def filters_of_query(
    action_id: Annotated[UUID | None, Query()] = None,
    kind: KindWords = None,
    status: StatusWords = None,
    parent_action_run_id: Annotated[UUID | None, Query()] = None,
    connection_id: Annotated[UUID | None, Query()] = None,
    automation_id: Annotated[UUID | None, Query(description="Runs of the steps of this automation")] = None,
    trigger_method: TriggerWords = None,
    trigger_source_id: Annotated[str | None, Query(min_length=1, max_length=LONGEST_NAME)] = None,
    created_by: Annotated[UUID | None, Query()] = None,
    created_from: From = None,
    created_until: Until = None,
    label: LabelWords = None,
    q: Text = None,
) -> RunFilters:
    """The filters of a list. Raises `Problem` 422."""
    check_range(created_from, created_until, ("query", "created_from"), "created_until")
    return RunFilters(
        action_id=action_id,
        parent_run_id=parent_action_run_id,
        kinds=words(kind, KIND_NAMES, "kind"),
        statuses=words(status, STATUS_NAMES, "status"),
        connection_id=connection_id,
        automation_id=automation_id,
        trigger_methods=words(trigger_method, TRIGGER_METHODS, "trigger_method"),
        trigger_source_id=trigger_source_id,
        created_by=created_by,
        created_from=created_from,
        created_until=created_until,
        labels=tuple(label or ()),
        text=q,
    )


Filters = Annotated[RunFilters, Depends(filters_of_query)]


def sorting_of_query(
    sort_by: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`nextCursor` of the page before; instead of `offset`")
    ] = None,
) -> Sorting:
    """Order and place of a page. Raises `Problem` 422."""
    if cursor is not None and offset:
        raise refused(("query", "cursor"), "give cursor or offset, not both")
    return Sorting(sort_by, order, cursor_of(cursor, ("query", "cursor"), sort_by, order), limit, offset)


Page = Annotated[Sorting, Depends(sorting_of_query)]


def cursor_behind(run: RunRow, sorting: Sorting) -> str:
    """The `cursor` of the next page. It has the order, so that it cannot be used with another one."""
    text = f"{sorting.by} {sorting.order} {run['id']} {run['updated_at'].isoformat()}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_of(cursor: str | None, loc: Place, by: SortBy = "created_at", order: Order = "desc") -> Cursor | None:
    """Read a cursor. Raises `Problem` 422 for one of another list."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        its_by, its_order, run_id, updated_at = text.split(" ")
        at = in_utc(datetime.fromisoformat(updated_at))
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        behind = Cursor(UUID(run_id), at)
    except (ValueError, binascii.Error) as error:
        message = "this is no cursor of this list; give nextCursor of the page before as it is"
        raise refused(loc, message) from error
    if (its_by, its_order) != (by, order):
        message = f"the cursor is of a list by {its_by} {its_order}; ask with sort_by={its_by} and order={its_order}"
        raise refused(loc, message)
    return behind


class FilterBody(Body):
    """The filters of the list of runs; a run matches all of them."""

    action_id: Id | None = None
    kind: list[KindName] = Field(default=[], max_length=len(KIND_NAMES))
    status: list[StatusName] = Field(default=[], max_length=len(STATUS_NAMES))
    parent_action_run_id: Id | None = None
    connection_id: Id | None = None
    automation_id: Id | None = None
    trigger_method: list[TriggerMethod] = Field(default=[], max_length=len(TRIGGER_METHODS))
    trigger_source_id: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME)
    created_by: Id | None = None
    created_from: Time | None = None
    created_until: Time | None = None
    label: list[LabelFilter] = Field(default=[], max_length=MOST_LABELS)
    q: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME)

    def filters(self) -> RunFilters:
        """Raises `Refused` where they can match nothing."""
        check_range(self.created_from, self.created_until, ("body", "filters", "createdFrom"), "createdUntil")
        return RunFilters(
            action_id=self.action_id,
            parent_run_id=self.parent_action_run_id,
            kinds=tuple(self.kind),
            statuses=tuple(self.status),
            connection_id=self.connection_id,
            automation_id=self.automation_id,
            trigger_methods=tuple(self.trigger_method),
            trigger_source_id=self.trigger_source_id,
            created_by=self.created_by,
            created_from=self.created_from,
            created_until=self.created_until,
            labels=tuple(self.label),
            text=self.q,
        )


async def listed(gateway: Gateway, org_id: UUID, filters: RunFilters, page: Sorting) -> Response:
    """A page of runs as every list shows it. Raises `Problem` 422 where searches of an organisation take too long."""
    found = await gateway.searches.page(org_id, filters, page)
    async with gateway.engine.connect() as conn:
        users = await users_named(conn, org_id, [run["created_by"] for run in found.runs])
    return answer(
        {
            "hasNext": found.has_next,
            "limit": page.limit,
            "nextCursor": cursor_behind(found.runs[-1], page) if found.has_next else None,
            "offset": page.offset,
            "runs": [runs.as_listed(run, gateway.fleet.kinds) for run in found.runs],
            "total": found.total,
            "totalIsExact": found.is_exact,
            "users": users,
        }
    )
