"""POST /api/v1/action-runs/{id}/run-again: a new run of what an ended one did, the same or with changes."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import Field

from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS
from vai_api_gateway.http.idempotency import REPEATED, TAKES_KEY, first_run, key_of, mark_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Body as RequestBody
from vai_api_gateway.http.shapes import Json, Key, RunShape, ScheduledFor
from vai_api_gateway.problems import conflict
from vai_api_gateway.runs import deciding, request_orders
from vai_api_gateway.runs import start as starting
from vai_records.catalogue.labels import Labels
from vai_records.lifecycle.transitions import Phase
from vai_records.runs import lists as run_lists
from vai_records.runs import orders

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=JsonRoute, responses=PROBLEMS)


class RunAgainBody(RequestBody):
    definition_overrides: Json | None = Field(default=None, description="An RFC 7396 merge into the run's definition.")
    labels: Labels | None = Field(default=None, description="Those of the run, where none are given.")
    scheduled_for: ScheduledFor = None
    idempotency_key: Key | None = None


@router.post(
    "/{run_id}/run-again",
    response_model=RunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Run an ended run again",
)
async def run_again(
    request: Request,
    principal: Operator,
    run_id: UUID,
    body: Annotated[RunAgainBody | None, Body()] = None,
    defer: Annotated[bool, Query(description="Only create the run; `execute` starts it")] = False,
) -> Response:
    """A new run from the beginning, whatever became of the first; `retry` goes on from where a failed one ended.

    It does what the run did, also where its action has changed since. With an idempotency key (header, or
    `idempotencyKey`) a repeat starts nothing.
    """
    gateway = gateway_of(request)
    body = body or RunAgainBody()
    key = key_of(request, body.idempotency_key)
    at, words = request_orders.start_of(body.scheduled_for, deferred=defer)
    beside = [*words, *([] if body.labels is None else [body.labels])]
    mark = mark_of("again", str(run_id), body.definition_overrides, *beside)
    if (first := await first_run(gateway, principal.org_id, key, mark)) is not None:
        return await starting.show(gateway, request, first)
    run = await deciding.run_of(gateway, principal, run_id)
    if run["phase"] != Phase.DONE:
        raise conflict(f"the run is {run['status']}; wait for its end or cancel it, then run it again")
    sealed = await run_lists.sealed_secrets(gateway.pool, principal.org_id, run_id)
    stored = None if sealed is None else gateway.keyring.decrypt_json(sealed, principal.org_id, run_id)
    given = run["labels"] if body.labels is None else body.labels
    order = orders.of_run(run, stored, body.definition_overrides, given or {}, deferred=defer)
    order = replace(order, scheduled_for=at)
    made = await request_orders.make(gateway, request_orders.customer(principal, request), order)
    made = replace(made, action_id=run["action_id"])
    if key is not None:
        made = replace(made, idempotency_key=key, fingerprint=mark)
    return await starting.start(gateway, request, made)
