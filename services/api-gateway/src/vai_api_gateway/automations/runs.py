"""/api/v1/automation-runs: the run of each trigger, step by step (document 002, "Automation Runs")."""

from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.automations import start as triggering
from vai_api_gateway.automations.graph import GRAPH, Format, answer_graph, graph_of
from vai_api_gateway.automations.shapes import (
    RUN_STATUSES,
    TRIGGERED_BY,
    AutomationRunsShape,
    RetryBody,
    WholeAutomationRunShape,
)
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, one_of, page, words
from vai_api_gateway.http.idempotency import TAKES_KEY, header_key
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LogsShape
from vai_api_gateway.http.streaming import Visit, answer_seen, answer_stream, stream_response
from vai_api_gateway.logs.routes import LINES, After, Entries, Keys, LeastLevel, Order, Part, answer_logs
from vai_api_gateway.logs.stream import SEEN, cursor_of, log_events
from vai_api_gateway.problems import not_found
from vai_api_gateway.runs.finding import LabelWords
from vai_records.automations import automations, run_reads
from vai_records.automations.run_reads import RunFilters

router = APIRouter(
    prefix="/api/v1/automation-runs", tags=["Automation runs"], route_class=JsonRoute, responses=PROBLEMS
)

StatusWords = Annotated[list[Annotated[str, one_of(RUN_STATUSES)]] | None, Query()]
TriggerWords = Annotated[list[Annotated[str, one_of(TRIGGERED_BY)]] | None, Query()]

_EXAMPLE = """: connected

id: 019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10-2
data: {"data":{"step":"extract","state":"running","runId":"019a9b4e-…"},"event":"step_started",…}

event: end
data: {"status":"completed"}
"""


@router.get("", response_model=AutomationRunsShape, summary="List automation runs")
async def list_automation_runs(
    request: Request,
    principal: Viewer,
    automation_id: Annotated[UUID | None, Query()] = None,
    status: StatusWords = None,
    triggered_by: TriggerWords = None,
    label: LabelWords = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Newest first; `actionRuns` without their results."""
    gateway = gateway_of(request)
    of_words = words(status, RUN_STATUSES, "status"), words(triggered_by, TRIGGERED_BY, "triggered_by")
    filters = RunFilters(automation_id, *of_words, tuple(label or ()))
    rows, total = await run_reads.list_page(gateway.pool, principal.org_id, filters, limit, offset)
    action_runs: dict[UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    for step in await run_reads.runs_of(gateway.pool, list(action_runs)):
        action_runs[step["automation_run_id"]].append(run_reads.action_run_json(step))
    items = [run_reads.as_json(row, action_runs[row["id"]]) for row in rows]
    people = [row["created_by"] for row in rows]
    async with gateway.engine.connect() as conn:
        return answer(await page(conn, principal.org_id, "automationRuns", items, people, (limit, offset, total)))


@router.get("/{run_id}", response_model=WholeAutomationRunShape, summary="Get an automation run")
async def get_automation_run(request: Request, principal: Viewer, run_id: UUID) -> Response:
    """With every step: its state, its run, its result or why it was skipped."""
    gateway = gateway_of(request)
    return await triggering.show(gateway, request, await _get(gateway, principal, run_id))


@router.post("/{run_id}/cancel", response_model=WholeAutomationRunShape, summary="Cancel an automation run")
async def cancel_automation_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """No further step starts, running steps are cancelled, those that await approval are rejected; then it ends."""
    gateway = gateway_of(request)
    await triggering.cancel(gateway, principal, await _get(gateway, principal, run_id))
    return await triggering.show(gateway, request, await _get(gateway, principal, run_id))


@router.post("/{run_id}/execute", response_model=WholeAutomationRunShape, summary="Start a scheduled automation run")
async def execute_automation_run(request: Request, principal: Operator, run_id: UUID) -> Response:
    """Starts one that waits for its `scheduledFor`, before that time; one that has begun or ended is answered as it is.

    `scheduledFor` stays as it was asked for.
    """
    gateway = gateway_of(request)
    await triggering.begin_now(gateway, await _get(gateway, principal, run_id))
    return await triggering.show(gateway, request, await _get(gateway, principal, run_id))


@router.post(
    "/{run_id}/retry",
    response_model=WholeAutomationRunShape,
    status_code=201,
    responses={200: {"model": WholeAutomationRunShape, "description": "The key had made this automation run"}},
    openapi_extra=TAKES_KEY,
    summary="Retry an automation run",
)
async def retry_automation_run(
    request: Request,
    principal: Operator,
    run_id: UUID,
    body: Annotated[RetryBody | None, Body()] = None,
) -> Response:
    """A new automation run from the steps that failed. Steps that succeeded are kept.

    With `fromStep` that step and all after it are done again, too, also of a run that completed.

    It goes by the version that the run had, whatever was changed since; with `version: latest` by the automation as it
    is now, and steps that were changed are done again. `versionId` of the answer says which one it is.
    """
    gateway = gateway_of(request)
    idempotency_key = header_key(request)
    run = await _get(gateway, principal, run_id)
    body = body or RetryBody()
    asked: Any = {"latest": body.version == "latest", "from_step": body.from_step}
    if (first := await triggering.retried_before(gateway, run, idempotency_key, **asked)) is not None:
        return await triggering.show(gateway, request, first)
    made = await triggering.retry(gateway, principal, run, idempotency_key, **asked)
    return await triggering.show(gateway, request, made, 201)


@router.get("/{run_id}/logs", response_model=LogsShape, responses=LINES, summary="Get an automation run's log")
async def get_automation_run_logs(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: After = None,
    limit: Entries = 100,
    level: LeastLevel = None,
    order: Order = "asc",
    format: Keys = "camel",
) -> Response:
    """Page by page, or as lines of JSON, as the log of a run: each change of a step is an entry."""
    run = await _get(gateway_of(request), principal, run_id)
    return await answer_logs(request, run, Part(after, limit, level, order), format)


@router.get(
    "/{run_id}/stream",
    response_class=StreamingResponse,
    responses=stream_response("The changes of its steps, and the end", _EXAMPLE, ("message", "end"), has_id=True)
    | SEEN,
    summary="Stream an automation run",
)
async def stream_automation_run(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: Annotated[str | None, Query(description="Cursor: start streaming after this ID")] = None,
    last_event_id: Annotated[str | None, Header(description="Resumes like `after`, and goes before it")] = None,
) -> Response:
    """Each change of a step as `id` and `data`, every one once and in order; `event: end` closes the stream.

    It resumes as the stream of a run's log does: connect again with the last id.
    """
    gateway = gateway_of(request)
    run = await _get(gateway, principal, run_id)
    sequence = cursor_of(run_id, after, last_event_id)
    if run["status"] != "running" and 0 < run["log_seq"] <= sequence:
        return answer_seen()
    chunks = log_events(gateway.automation_tail, Visit(gateway, request), run, sequence, attrgetter("camel"))
    return answer_stream(request, chunks)


@router.get("/{run_id}/graph", response_class=Response, responses=GRAPH, summary="Draw an automation run")
async def draw_automation_run(request: Request, principal: Viewer, run_id: UUID, format: Format = None) -> Response:
    """The steps with their states and durations, and the ways that were taken."""
    gateway = gateway_of(request)
    run = await _get(gateway, principal, run_id)
    steps = await run_reads.states(gateway.pool, run_id)
    version = await gateway.versions.get(gateway.pool, run["version_id"])
    title = await automations.name_of(gateway.pool, run["automation_id"])
    states = {step["key"]: step for step in steps}
    return await answer_graph(request, partial(graph_of, title, version.definition["steps"], states), format)


async def _get(gateway: Gateway, principal: Principal, run_id: UUID) -> Any:
    run = await run_reads.get(gateway.pool, principal.org_id, run_id)
    if run is None:
        raise not_found("automation run")
    return run
