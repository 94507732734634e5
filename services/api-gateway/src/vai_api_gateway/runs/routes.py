"""/api/v1/action-runs: make, find, hide and decide about runs (document 003)."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, Words, answer, nothing, page, words
from vai_api_gateway.http.idempotency import REPEATED, TAKES_KEY, first_order, header_key, key_of, mark_of
from vai_api_gateway.http.requests import JsonRoute
from vai_api_gateway.http.shapes import KIND_NAMES, STATUS_NAMES, RejectBody, RunBody, RunShape, RunsShape
from vai_api_gateway.lifecycle import Decisions
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_api_gateway.runs import request_orders
from vai_api_gateway.runs import retry as retrying
from vai_api_gateway.runs import start as starting
from vai_api_gateway.runs.limits import limits_of
from vai_records.automations import run_reads
from vai_records.refused import Refused
from vai_records.runs import lists as run_lists
from vai_records.runs import runs
from vai_records.runs.lists import RunFilters
from vai_records.runs.row import RunRow

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=JsonRoute, responses=PROBLEMS)

Json = dict[str, Any]
Defer = Annotated[bool, Query(description="Only create the run; `execute` starts it")]


# First, since routes are tried in this order: nothing is asked more often.
@router.post(
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


@router.get("", response_model=RunsShape, summary="List runs")
async def list_runs(
    request: Request,
    principal: Viewer,
    action_id: Annotated[UUID | None, Query()] = None,
    kind: Words = None,
    status: Words = None,
    parent_action_run_id: Annotated[UUID | None, Query()] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Newest first."""
    gateway = gateway_of(request)
    filters = RunFilters(
        action_id, parent_action_run_id, words(kind, KIND_NAMES, "kind"), words(status, STATUS_NAMES, "status")
    )
    rows, total = await run_lists.list_page(gateway.pool, principal.org_id, filters, limit, offset)
    items = [runs.as_listed(row, gateway.fleet.kinds) for row in rows]
    people = [row["created_by"] for row in rows]
    async with gateway.engine.connect() as conn:
        return answer(await page(conn, principal.org_id, "runs", items, people, (limit, offset, total)))


@router.get("/{run_id}", response_model=RunShape, summary="Get a run")
async def get_run(request: Request, principal: Viewer, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await _run(gateway, principal, run_id))


@router.delete("/{run_id}", status_code=204, response_class=Response, summary="Delete a run")
async def delete_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """Hides the run; its record stays. A live run is 409."""
    gateway = gateway_of(request)
    if not await run_lists.hide(gateway.pool, principal.org_id, run_id):
        run = await _run(gateway, principal, run_id)
        raise conflict(f"the run is {run['status']}; cancel it or wait for its end, then delete it")
    return nothing()


@router.post("/{run_id}/approve", response_model=RunShape, summary="Approve a run")
async def approve_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    run = await _run(gateway, principal, run_id)
    if principal.settings.get("forbid_self_approval") is True:
        await _refuse_own(gateway, principal, run)
    limits = await limits_of(gateway, principal, run["connection_id"])
    run = await _decisions(gateway, principal).approve(run_id, principal.user_id, limits)
    return await starting.moved(gateway, request, run)


async def _refuse_own(gateway: Gateway, principal: Principal, run: RunRow) -> None:
    """Raises `Problem` 403 for who started the run, or wrote or started the automation that it is a step of."""
    people = {run["created_by"]}
    if run["trigger_source_type"] == "automation_run":
        people |= await run_reads.people_behind(gateway.pool, principal.org_id, UUID(run["trigger_source_id"]))
    if principal.user_id in people:
        raise Problem(403, "forbidden", "the organisation wants somebody else to approve what you started or wrote")


@router.post("/{run_id}/reject", response_model=RunShape, summary="Reject a run")
async def reject_run(
    request: Request, principal: Operator, run_id: UUID, body: Annotated[RejectBody | None, Body()] = None
) -> Response:
    gateway = gateway_of(request)
    reason = body.reason if body else None
    run = await _decisions(gateway, principal).reject(run_id, principal.user_id, reason)
    return await starting.show(gateway, request, run)


@router.post("/{run_id}/cancel", response_model=RunShape, summary="Cancel a run")
async def cancel_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """At once where no worker holds it; else the worker stops within 5 s. Children are cancelled, too."""
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await _decisions(gateway, principal).cancel(run_id))


@router.post("/{run_id}/pause", response_model=RunShape, summary="Pause a run")
async def pause_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    return await starting.show(gateway, request, await _decisions(gateway, principal).pause(run_id))


@router.post("/{run_id}/resume", response_model=RunShape, summary="Resume a run")
async def resume_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    gateway = gateway_of(request)
    run = await _run(gateway, principal, run_id)
    limits = await limits_of(gateway, principal, run["connection_id"])
    return await starting.moved(gateway, request, await _decisions(gateway, principal).resume(run_id, limits))


@router.post("/{run_id}/execute", response_model=RunShape, summary="Execute a run")
async def execute_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """Starts a waiting run; one that has started or ended is answered as it is."""
    gateway = gateway_of(request)
    run = await _run(gateway, principal, run_id)
    limits = await limits_of(gateway, principal, run["connection_id"])
    return await starting.moved(gateway, request, await _decisions(gateway, principal).execute(run_id, limits))


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
    idempotency_key = header_key(request)
    new = await retrying.retry_of(gateway, principal, await _run(gateway, principal, run_id))
    if idempotency_key is not None:
        new = replace(new, idempotency_key=idempotency_key, fingerprint=mark_of("retry", str(run_id)))
    created = await starting.create(gateway, new)
    return await starting.moved(gateway, request, created.run, 201 if created.is_new else 200)


def _decisions(gateway: Gateway, principal: Principal) -> Decisions:
    return Decisions(gateway.changes, gateway.bell, gateway.publisher, gateway.process_id, principal.org_id)


async def _run(gateway: Gateway, principal: Principal, run_id: UUID) -> RunRow:
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("run")
    return run
