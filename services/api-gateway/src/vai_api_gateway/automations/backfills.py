"""/api/v1/automations/{id}/backfills: where past times that are made up for stand, and an end to all at once."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.automations.routes import get_automation_row
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, answer, users_named
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Shape, UserShape
from vai_api_gateway.problems import conflict, not_found
from vai_api_gateway.runs.deciding import decisions
from vai_common.queries import Row
from vai_records.automations import backfills
from vai_records.automations.backfills import status_of

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)

Json = dict[str, Any]


class MadeBackfillShape(Shape):
    """A request that made up for past times, and how many of its automation runs stand where.

    `completed` counts those, too, whose conditions did not hold.
    """

    automation_id: UUID
    cancelled: int
    cancelled_at: datetime | None
    cancelled_by: UUID | None
    completed: int
    created_at: datetime
    created_by: UUID | None
    failed: int
    id: UUID
    made: int = Field(description="Automation runs that it made.")
    running: int
    since: datetime
    status: Literal["running", "cancelling", "cancelled", "failed", "completed"]
    until: datetime
    waiting: int = Field(description="Those that have not begun.")


class MadeBackfillsShape(Shape):
    backfills: list[MadeBackfillShape]
    has_next: bool
    limit: int
    next_cursor: str | None
    users: dict[str, UserShape]


@router.get("/{automation_id}/backfills", response_model=MadeBackfillsShape, summary="List an automation's backfills")
async def list_automation_backfills(
    request: Request,
    principal: Viewer,
    automation_id: UUID,
    limit: Limit = 100,
    cursor: Annotated[UUID | None, Query(description="`nextCursor` of the page before")] = None,
) -> Response:
    """Newest first. Their automation runs have `backfillId`."""
    gateway = gateway_of(request)
    await get_automation_row(gateway, principal, automation_id)
    rows = await backfills.list_page(gateway.pool, principal.org_id, automation_id, cursor, limit + 1)
    shown, more = rows[:limit], len(rows) > limit
    async with gateway.engine.connect() as conn:
        users = await users_named(conn, principal.org_id, [row["created_by"] for row in shown])
    told = {"backfills": list(map(_shown, shown)), "hasNext": more, "limit": limit, "users": users}
    return answer(told | {"nextCursor": str(shown[-1]["id"]) if more else None})


@router.get("/{automation_id}/backfills/{backfill_id}", response_model=MadeBackfillShape, summary="Get a backfill")
async def get_automation_backfill(
    request: Request, principal: Viewer, automation_id: UUID, backfill_id: UUID
) -> Response:
    return answer(_shown(await _get(gateway_of(request), principal, automation_id, backfill_id)))


@router.post(
    "/{automation_id}/backfills/{backfill_id}/cancel", response_model=MadeBackfillShape, summary="Cancel a backfill"
)
async def cancel_automation_backfill(
    request: Request, principal: Operator, automation_id: UUID, backfill_id: UUID
) -> Response:
    """Those of its automation runs that have not ended are cancelled, at once or not at all; it may be repeated.

    A time whose automation run had not begun may be made up for again.
    """
    gateway = gateway_of(request)
    row = await _get(gateway, principal, automation_id, backfill_id)
    if status_of(row) not in ("running", "cancelling"):
        raise conflict(f"the backfill has ended: it is {status_of(row)}")
    stopped = await backfills.cancel(gateway.pool, principal.org_id, backfill_id, principal.user_id)
    await decisions(gateway, principal).stop_automation_runs(stopped)
    return answer(_shown(await _get(gateway, principal, automation_id, backfill_id)))


async def _get(gateway: Gateway, principal: Principal, automation_id: UUID, backfill_id: UUID) -> Row:
    row = await backfills.get(gateway.pool, principal.org_id, automation_id, backfill_id)
    if row is None:
        raise not_found("backfill")
    return row


def _shown(row: Row) -> Json:
    counts = {name: row[name] for name in ("made", "waiting", "running", "completed", "failed", "cancelled")}
    return {
        "automationId": row["automation_id"],
        "cancelledAt": row["cancelled_at"],
        "cancelledBy": row["cancelled_by"],
        "createdAt": row["created_at"],
        "createdBy": row["created_by"],
        "id": row["id"],
        "since": row["since"],
        "status": status_of(row),
        "until": row["until"],
        **counts,
    }
