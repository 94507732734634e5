"""POST /api/v1/action-runs/bulk: one decision about many runs, by their ids or by the filters of the list."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator

from vai_api_gateway.auth.needs import judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.idempotency import TAKES_KEY, header_key
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Body, Json, ListedRunShape, Shape
from vai_api_gateway.problems import ProblemDetail, problem_of
from vai_api_gateway.runs import deciding
from vai_api_gateway.runs.finding import FilterBody, cursor_behind, cursor_of
from vai_records.audit.entries import What
from vai_records.refused import refused
from vai_records.runs import runs
from vai_records.runs.filters import RunFilters
from vai_records.runs.lists import Sorting
from vai_records.runs.new_run import own_key
from vai_records.runs.row import RunRow
from vai_records.strict import Id

router = APIRouter(prefix="/api/v1/action-runs", tags=["Action runs"], route_class=JsonRoute, responses=PROBLEMS)

MOST_RUNS = 1_000
_LARGEST_SHOWN = 4_096
"""Bytes of a definition, result, … in the answer: a thousand runs of a megabyte each would fill the memory."""

_AT_ONCE = 4
"""How many runs of one request are handled at the same time. Few, since other requests need connections, too."""

Operation = Literal["cancel", "retry", "approve", "reject", "pause", "resume", "delete"]

_POSSIBLE: dict[str, tuple[str, ...]] = {
    "cancel": ("pending", "running"),
    "retry": ("failed",),
    "approve": ("awaiting_approval",),
    "reject": ("awaiting_approval",),
    "pause": ("pending", "running"),
    "resume": ("pending", "running"),
    "delete": ("completed", "failed", "cancelled", "rejected"),
}
"""The statuses that are meant if the filters name none."""


class BulkBody(Body):
    """`runIds`, or `filters`: those that match now, newest first."""

    operation: Operation
    run_ids: list[Id] | None = Field(default=None, min_length=1, max_length=MOST_RUNS)
    filters: FilterBody | None = Field(
        default=None, description="As the list's; without `status` those for which the operation is possible."
    )
    reason: str | None = Field(default=None, max_length=10_000, description="Of a rejection.")
    limit: Annotated[int, Field(ge=1, le=MOST_RUNS)] = MOST_RUNS
    cursor: str | None = Field(default=None, max_length=200, description="`nextCursor` of the answer before.")

    @model_validator(mode="after")
    def _means_some(self) -> "BulkBody":
        if (self.run_ids is None) == (self.filters is None):
            raise ValueError("name the runs by runIds or by filters; one of them")
        if self.filters is not None and self.filters.filters().empty:
            raise ValueError("filters that say nothing mean every run; name at least one, for example createdUntil")
        if self.cursor is not None and self.filters is None:
            raise ValueError("a cursor belongs to filters")
        if self.reason is not None and self.operation != "reject":
            raise ValueError("only a rejection has a reason")
        return self


class BulkResultShape(Shape):
    """`status` is that of the request for this run alone; `run` as it is then, of `retry` the new one.

    What is larger than 4 KiB is left out of `run` and said to be; `GET` of the run has it.
    """

    id: UUID
    status: int
    run: ListedRunShape | None = None
    detail: list[ProblemDetail] | None = None


class BulkShape(Shape):
    """`nextCursor`: more runs match; ask again with it."""

    results: list[BulkResultShape]
    next_cursor: str | None


@router.post("/bulk", response_model=BulkShape, openapi_extra=TAKES_KEY, summary="Decide about many runs")
async def decide_about_runs(request: Request, principal: Operator, body: BulkBody) -> Response:
    """Cancels, retries, approves, rejects, pauses, resumes or deletes up to 1,000 runs.

    Each is decided alone: what is not possible for one is its result, and spoils no other. With `Idempotency-Key` a
    repeat of `retry` makes no second run; the other operations are safe to repeat by themselves. It waits for none.
    """
    gateway = gateway_of(request)
    if body.operation in ("approve", "reject"):
        judge(principal, "runs:approve")
    ids, next_cursor = await _meant(gateway, principal, body)
    entries = await gateway.audit.add_many(
        gateway.audit.who(request, principal), What(f"{body.operation}.run", "run"), list(map(str, ids))
    )
    key, gate = header_key(request), asyncio.Semaphore(_AT_ONCE)

    async def one(run_id: UUID) -> Json:
        async with gate:
            own = None if key is None else own_key(key, run_id)
            return await _result(request, principal, body, run_id, own)

    results = await asyncio.gather(*map(one, ids))
    statuses = [result["status"] for result in results]
    await asyncio.shield(gateway.audit.end_many(dict(zip(entries, statuses, strict=True))))
    return answer({"results": results, "nextCursor": next_cursor})


async def _meant(gateway: Gateway, principal: Principal, body: BulkBody) -> tuple[Sequence[UUID], str | None]:
    """The ids, and the cursor where more match."""
    if body.filters is None:
        return list(dict.fromkeys(body.run_ids or ())), None
    filters = _possible(body.operation, body.filters.filters())
    sorting = Sorting(after=cursor_of(body.cursor, ("body", "cursor")), limit=body.limit)
    page = await gateway.searches.page(principal.org_id, filters, sorting)
    behind = cursor_behind(page.runs[-1], sorting) if page.has_next else None
    return [run["id"] for run in page.runs], behind


def _possible(operation: str, filters: RunFilters) -> RunFilters:
    return filters if filters.statuses else filters.with_statuses(_POSSIBLE[operation])


async def _result(request: Request, principal: Principal, body: BulkBody, run_id: UUID, key: str | None) -> Json:
    """The result for one run. An error of one run is not an error of the request, since other runs may be changed
    already.
    """
    gateway = gateway_of(request)
    try:
        status, run = await _decide(gateway, principal, body, run_id, key)
    except Exception as error:
        problem = problem_of(request, error)
        return {"id": run_id, "status": problem.status_code, "detail": problem.errors}
    shown = None if run is None else runs.as_shortened(run, gateway.fleet.kinds, _LARGEST_SHOWN)
    return {"id": run_id, "status": status, "run": shown}


async def _decide(
    gateway: Gateway, principal: Principal, body: BulkBody, run_id: UUID, key: str | None
) -> tuple[int, RunRow | None]:
    decisions = deciding.decisions(gateway, principal)
    match body.operation:
        case "cancel":
            return 200, await decisions.cancel(run_id)
        case "approve":
            return 200, await deciding.approve(gateway, principal, run_id)
        case "reject":
            return 200, await decisions.reject(run_id, principal.user_id, body.reason)
        case "pause":
            return 200, await decisions.pause(run_id)
        case "resume":
            return 200, await deciding.resume(gateway, principal, run_id)
        case "retry":
            made = await deciding.retry(gateway, principal, run_id, key)
            return 201 if made.is_new else 200, made.run
        case "delete":
            await deciding.hide(gateway, principal, run_id)
            return 204, None
    raise refused(("body", "operation"), f"{body.operation} is no operation")
