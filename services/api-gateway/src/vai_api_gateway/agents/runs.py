"""/api/v1/agents/runs: the runs of agents, what they said and did, live and afterwards (decision 48)."""

from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from vai_api_gateway.agents.transcript import AgentRunShape, transcript_json
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, InDigits, StatusWords, answer, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, STATUS_NAMES, RunsShape
from vai_api_gateway.http.streaming import Visit, answer_seen, answer_stream, stream_response
from vai_api_gateway.logs.stream import SEEN, cursor_of, log_events
from vai_api_gateway.problems import not_found
from vai_api_gateway.runs.finding import LabelWords, Page, Text, listed
from vai_records.agents import agents, turns
from vai_records.catalogue.naming import id_in
from vai_records.refused import refused
from vai_records.runs import runs
from vai_records.runs.filters import OfAgent, RunFilters
from vai_records.runs.row import RunRow

router = APIRouter(prefix="/api/v1/agents/runs", tags=["Agents"], route_class=JsonRoute, responses=PROBLEMS)

_KIND = "call_agent"
_STATUSES = "SELECT id, status FROM runs WHERE parent_run_id = $1 AND org_id = $2"

_EXAMPLE = """: connected

id: 019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10-3
data: {"data":{"offset":0,"turn":1},"event":"model_text","message":"Let me see.",…}

event: end
data: {"status":"completed"}
"""


@router.get("", response_model=RunsShape, summary="List runs of agents")
async def list_agent_runs(
    request: Request,
    principal: Viewer,
    page: Page,
    status: StatusWords = None,
    agent: Annotated[
        str | None, Query(min_length=1, max_length=LONGEST_NAME, description="Only of this agent: its slug or id")
    ] = None,
    label: LabelWords = None,
    q: Text = None,
) -> Response:
    """The runs of the kind `call_agent`, as `GET /action-runs` lists them. Cancel and pause them there. A run that
    ended before it began is of no agent.
    """
    gateway, statuses = gateway_of(request), words(status, STATUS_NAMES, "status")
    whose = None if agent is None else await _agent_of(gateway, principal, agent)
    filters = RunFilters(kinds=(_KIND,), statuses=statuses, agent=whose, labels=tuple(label or ()), text=q)
    return await listed(gateway, principal.org_id, filters, page)


@router.get("/{run_id}", response_model=AgentRunShape, summary="Get the transcript of an agent's run")
async def get_agent_run(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: Annotated[int, Query(ge=0, le=1_000_000, description="Turns behind this one"), InDigits] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Turns at most"), InDigits] = 100,
) -> Response:
    """What the model said, the calls of its tools with their runs, what it read of them, tokens and cost."""
    gateway = gateway_of(request)
    run = await _run_of(gateway, principal, run_id)
    begun = await turns.begun(gateway.pool, run_id)
    found = await turns.read(gateway.pool, run_id)
    rows = await gateway.pool.fetch(_STATUSES, run_id, principal.org_id)
    statuses = {str(row["id"]): row["status"] for row in rows}
    shown = runs.as_json(run, gateway.fleet.kinds)
    return answer(transcript_json(shown, begun, found, statuses, (after, limit)))


@router.get(
    "/{run_id}/stream",
    response_class=StreamingResponse,
    responses=stream_response("The entries, and the end", _EXAMPLE, ("message", "end"), has_id=True) | SEEN,
    summary="Stream an agent's run",
)
async def stream_agent_run(
    request: Request,
    principal: Viewer,
    run_id: UUID,
    after: Annotated[str | None, Query(description="Cursor: start streaming after this ID")] = None,
    last_event_id: Annotated[str | None, Header(description="Resumes like `after`, and goes before it")] = None,
) -> Response:
    """The run's log as it is written: `model_text` is what the model says while it says it (`data.offset` 0 begins an
    answer anew); `tool_called` and `tool_ended` name the run of a call. It resumes and ends as that of any run's log.
    """
    gateway = gateway_of(request)
    run = await _run_of(gateway, principal, run_id)
    sequence = cursor_of(run_id, after, last_event_id)
    if run["phase"] == "done" and 0 < run["log_seq"] <= sequence:
        return answer_seen()
    chunks = log_events(gateway.tail, Visit(gateway, request), run, sequence, attrgetter("camel"))
    return answer_stream(request, chunks)


async def _agent_of(gateway: Gateway, principal: Principal, name: str) -> OfAgent:
    """The agent by slug or id; by its id also one that was removed. Raises `Refused` where there is none."""
    known = (await agents.named(gateway.pool, principal.org_id, [name])).get(name)
    if known is not None:
        return OfAgent(known.id, (str(known.id), known.slug))
    if (found := id_in(name)) is not None:
        return OfAgent(found, (str(found),))
    raise refused(("query", "agent"), f"there is no agent {name!r}: name one by its slug or id", "unknown_agent")


async def _run_of(gateway: Gateway, principal: Principal, run_id: UUID) -> RunRow:
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None or run["kind"] != _KIND:
        raise not_found("run of an agent")
    return run
