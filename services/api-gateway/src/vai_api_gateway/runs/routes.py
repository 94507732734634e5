"""/api/v1/action-runs: make, find, hide and decide about runs (document 003)."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, nothing
from vai_api_gateway.http.idempotency import REPEATED, TAKES_KEY, first_order, header_key, key_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import ApproveBody, RejectBody, RunBody, RunShape, RunsShape
from vai_api_gateway.runs import deciding, request_orders
from vai_api_gateway.runs import start as starting
from vai_api_gateway.runs.finding import Filters, Page, listed
from vai_api_gateway.runs.limit_settings import limits_of
from vai_records.refused import Refused

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=JsonRoute, responses=PROBLEMS)
collection = APIRouter(prefix=router.prefix, tags=router.tags, route_class=JsonRoute, responses=PROBLEMS)
"""The routes without an id. They are tried before all others: nothing is asked more often than for a new run."""

Json = dict[str, Any]
Defer = Annotated[bool, Query(description="Only create the run; `execute` starts it")]


@collection.post(
    "",
    response_model=RunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Create a run",
)
async def create_run(request: Request, principal: Operator, body: RunBody, defer: Defer = False) -> Response:
    """Creates the run and starts it. With an idempotency key (header, or `idempotencyKey`) a repeat starts nothing."""
    gateway = gateway_of(request)
    order = request_orders.of_body(body, deferred=defer)
    if (key := key_of(request, body.idempotency_key)) != order.idempotency_key:
        order = replace(order, idempotency_key=key)
    try:
        made = await request_orders.make(gateway, request_orders.customer(principal, request), order)
    except Refused:
        first = await first_order(gateway, principal.org_id, order)
        if first is None:
            raise
        return await starting.show(gateway, request, first)
    return await starting.start(gateway, request, made)


@collection.get("", response_model=RunsShape, summary="List runs")
async def list_runs(request: Request, principal: Viewer, filters: Filters, page: Page) -> Response:
    """Newest first, if not asked otherwise. Page by `cursor`: it is as fast for the last page as for the first.

    While you page by `updated_at`, a run that changes moves: it may come twice, or behind you.
    """
    return await listed(gateway_of(request), principal.org_id, filters, page)


@router.get("/{run_id}", response_model=RunShape, summary="Get a run")
async def get_run(request: Request, principal: Viewer, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await deciding.run_of(gateway, principal, run_id))


@router.delete("/{run_id}", status_code=204, response_class=Response, summary="Delete a run")
async def delete_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """Hides the run; its record stays. A live run is 409."""
    await deciding.hide(gateway_of(request), principal, run_id)
    return nothing()


@router.post("/{run_id}/approve", response_model=RunShape, summary="Approve a run")
async def approve_run(
    request: Request, principal: Operator, run_id: UUID, body: Annotated[ApproveBody | None, Body()] = None
) -> Response:
    """`values` are for the fields that the run's definition asks for (`approval_fields`)."""
    gateway = gateway_of(request)
    values = body.values if body else {}
    return await starting.moved(gateway, request, await deciding.approve(gateway, principal, run_id, values))


@router.post("/{run_id}/reject", response_model=RunShape, summary="Reject a run")
async def reject_run(
    request: Request, principal: Operator, run_id: UUID, body: Annotated[RejectBody | None, Body()] = None
) -> Response:
    gateway = gateway_of(request)
    reason = body.reason if body else None
    run = await deciding.decisions(gateway, principal).reject(run_id, principal.user_id, reason)
    return await starting.show(gateway, request, run)


@router.post("/{run_id}/cancel", response_model=RunShape, summary="Cancel a run")
async def cancel_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """At once where no worker holds it; else the worker stops within 5 s. Children are cancelled, too."""
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await deciding.decisions(gateway, principal).cancel(run_id))


@router.post("/{run_id}/pause", response_model=RunShape, summary="Pause a run")
async def pause_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await deciding.decisions(gateway, principal).pause(run_id))


@router.post("/{run_id}/resume", response_model=RunShape, summary="Resume a run")
async def resume_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    return await starting.moved(gateway, request, await deciding.resume(gateway, principal, run_id))


@router.post("/{run_id}/execute", response_model=RunShape, summary="Execute a run")
async def execute_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """Starts a waiting run; one that has started or ended is answered as it is."""
    gateway = gateway_of(request)
    run = await deciding.run_of(gateway, principal, run_id)
    limits = await limits_of(gateway, principal, run["connection_id"])
    return await starting.moved(gateway, request, await deciding.decisions(gateway, principal).execute(run_id, limits))


@router.post(
    "/{run_id}/retry",
    response_model=RunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Retry a run",
)
async def retry_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """A new run that goes on from where the failed one ended. While it is live, another retry answers with it."""
    gateway = gateway_of(request)
    created = await deciding.retry(gateway, principal, run_id, header_key(request))
    return await starting.moved(gateway, request, created.run, 201 if created.is_new else 200)
