"""POST /api/v1/action-runs/batch: many runs at once. Each is checked alone; the good ones are one transaction."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError

from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.idempotency import TAKES_KEY, first_order, header_key
from vai_api_gateway.http.json_route import BatchRoute
from vai_api_gateway.http.shapes import Body, Json, RunBody, RunShape, Shape
from vai_api_gateway.problems import Problem, ProblemDetail, problem_detail, refusal
from vai_api_gateway.runs import request_orders
from vai_api_gateway.runs import start as starting
from vai_api_gateway.runs.intake import Created, KeyBusy, KeyReused
from vai_common.validation_messages import in_words
from vai_records.refused import Refused
from vai_records.runs import runs
from vai_records.runs.new_run import NewRun, own_key
from vai_records.runs.orders import Customer, Lookups

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=BatchRoute, responses=PROBLEMS)

MOST_RUNS = 1_000
# Each item is checked alone, so any value is accepted here. The document shows the right type.
_RUN = {"anyOf": [{"$ref": "#/components/schemas/RunBody"}, {}]}
MOST_FAULTS = 10
"""How many faults of one run the answer names."""

_BREATH = 20
"""Runs that are checked before other requests get a turn."""


class BatchBody(Body):
    """`runs` are bodies as `POST /action-runs` takes them."""

    runs: Annotated[list[Any], Field(min_length=1, max_length=MOST_RUNS, json_schema_extra={"items": _RUN})]


class BatchResultShape(Shape):
    """`status` is that of a single request: 201 made, 200 made before with the same key, else refused."""

    status: int
    run: RunShape | None = None
    detail: list[ProblemDetail] | None = None


class BatchShape(Shape):
    results: list[BatchResultShape]


@router.post("/batch", response_model=BatchShape, openapi_extra=TAKES_KEY, summary="Create many runs")
async def create_runs(request: Request, principal: Operator, body: BatchBody) -> Response:
    """Up to 1,000 runs; the answers are in their order, each with the status that it would have got alone.

    A bad one spoils no other; the good ones are made in one transaction. The whole is refused where the body cannot be
    read as JSON or stored as it is: a number of more than 64 bits, the character U+0000, more than 100 levels.

    It never waits, not for SYNC kinds either: follow the runs with their stream, or ask for them. The body may have
    8 MiB.

    `Idempotency-Key` makes the whole safe to repeat: a run without a key of its own gets this one and its place.
    """
    gateway = gateway_of(request)
    who = request_orders.customer(principal, request)
    judged: list[NewRun | Created | Problem] = []
    lookups, idempotency_key = Lookups(), header_key(request)
    for place, given in enumerate(body.runs):
        if place % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        key = None if idempotency_key is None else own_key(idempotency_key, place)
        judged.append(await _judge(gateway, who, given, lookups, key))
    made = iter(await gateway.intake.create_together([one for one in judged if isinstance(one, NewRun)]))
    results = [_result(gateway, next(made) if isinstance(one, NewRun) else one) for one in judged]
    return answer({"results": results})


async def _judge(
    gateway: Gateway, who: Customer, given: Any, lookups: Lookups, key: str | None
) -> NewRun | Created | Problem:
    """A run to make; or, if it cannot be made any more, the one that its key has made before."""
    try:
        body = RunBody.model_validate(given)
    except ValidationError as error:
        return _invalid(error)
    order = request_orders.of_body(body)
    order = replace(order, idempotency_key=body.idempotency_key or key)
    try:
        return await request_orders.make(gateway, who, order, lookups)
    except Refused as error:
        first = await first_order(gateway, who.org_id, order)
        return refusal(error) if first is None else Created(first, False)


def _invalid(error: ValidationError) -> Problem:
    faults = error.errors(include_url=False)
    return refusal(Refused([(("body", *one["loc"]), in_words(one["msg"]), one["type"]) for one in faults]))


def _result(gateway: Gateway, made: Created | KeyReused | KeyBusy | Problem) -> Json:
    if isinstance(made, Problem):
        return _refused(made)
    if not isinstance(made, Created):
        return _refused(starting.key_refusal(made))
    return {"status": 201 if made.is_new else 200, "run": runs.as_json(made.run, gateway.fleet.kinds)}


def _refused(problem: Problem) -> Json:
    """A batch names fewer faults of each run: a thousand times fifty would be an answer of many megabytes."""
    errors = problem.errors
    if len(errors) > MOST_FAULTS + 1:
        errors = [*errors[:MOST_FAULTS], problem_detail((), "and more; send this run alone to see them", "more")]
    return {"status": problem.status_code, "detail": errors}
