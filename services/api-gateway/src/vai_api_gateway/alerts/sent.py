"""/api/v1/alerts: what the rules have told, what is on its way, and what could not be delivered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.alerts.shapes import AlertShape, AlertsShape, alert_json
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, one_of, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.problems import conflict, not_found
from vai_records.alerts import alerts
from vai_records.alerts.alerts import STATUSES, Filters

router = APIRouter(prefix="/api/v1/alerts", tags=["Alerts"], route_class=JsonRoute, responses=PROBLEMS)

AlertStatusWords = Annotated[list[Annotated[str, one_of(STATUSES)]] | None, Query()]


@router.get("", response_model=AlertsShape, summary="List alerts")
async def list_alerts(
    request: Request,
    principal: Viewer,
    rule: Annotated[UUID | None, Query(description="Of this rule")] = None,
    status: AlertStatusWords = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Newest first, of the last 30 days. `status=given_up` are those that could not be delivered; `error` says why."""
    filters = Filters(rule, words(status, STATUSES, "status"))
    rows, total = await alerts.list_page(gateway_of(request).pool, principal.org_id, filters, limit, offset)
    bounds = {"hasNext": offset + len(rows) < total, "limit": limit, "offset": offset, "total": total, "users": {}}
    return answer({"alerts": list(map(alert_json, rows)), **bounds})


@router.get("/{alert_id}", response_model=AlertShape, summary="Get an alert")
async def get_alert(request: Request, principal: Viewer, alert_id: UUID) -> Response:
    row = await alerts.get(gateway_of(request).pool, principal.org_id, alert_id)
    if row is None:
        raise not_found("alert")
    return answer(alert_json(row))


@router.post("/{alert_id}/send-again", response_model=AlertShape, summary="Send an alert again")
async def send_alert_again(request: Request, principal: Operator, alert_id: UUID) -> Response:
    """One that was given up, once its receiver works again; it has all its attempts anew."""
    pool = gateway_of(request).pool
    again = await alerts.send_again(pool, principal.org_id, alert_id)
    row = await alerts.get(pool, principal.org_id, alert_id)
    if row is None:
        raise not_found("alert")
    if not again:
        raise conflict(f"the alert is {row['status']}, or its rule is gone: only one that was given up is sent again")
    return answer(alert_json(row))
