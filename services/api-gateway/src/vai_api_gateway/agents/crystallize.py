"""POST /api/v1/agents/runs/{id}/crystallize: an agent's run as an automation (document 002)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import Field, JsonValue, ValidationError

from vai_api_gateway.auth.needs import judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator
from vai_api_gateway.automations import saving
from vai_api_gateway.automations.routes import create, shown
from vai_api_gateway.automations.shapes import AutomationShape
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http import shapes
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, SLUG_PATTERN, Json, Shape
from vai_api_gateway.problems import ProblemDetail, conflict, details, not_found
from vai_common.queries import Row
from vai_records.agents import turns
from vai_records.agents.definition import AgentDefinition
from vai_records.automations.body import AutomationBody, InputName
from vai_records.crystallization.automation import Crystallized, NothingToKeep, crystallize
from vai_records.crystallization.recording import joined, recorded
from vai_records.crystallization.referring import Unwritable
from vai_records.runs import runs
from vai_records.runs.row import RunRow
from vai_records.strict import Name, short
from vai_records.validation import beside

router = APIRouter(prefix="/api/v1/agents/runs", tags=["Agents"], route_class=JsonRoute, responses=PROBLEMS)

_KIND = "call_agent"
_MOST_PARAMETERS = 200
_MOST_RESULT = 1 << 20
"""Bytes, as Postgres keeps them, of a result in which values are looked for."""

_CALLS = f"""
SELECT r.id, r.kind, r.status, r.error, a.slug AS action,
    CASE WHEN pg_column_size(r.result) <= {_MOST_RESULT} THEN r.result END AS result
FROM runs r LEFT JOIN actions a ON a.id = r.action_id WHERE r.parent_run_id = $1 AND r.org_id = $2
"""


class CrystallizeBody(shapes.Body):
    """What the automation is called, and the names of values that are to be inputs."""

    name: Name | None = None
    slug: str | None = Field(default=None, pattern=SLUG_PATTERN, max_length=LONGEST_NAME)
    description: str | None = Field(default=None, max_length=10_000)
    parameters: Annotated[dict[InputName, JsonValue], Field(max_length=_MOST_PARAMETERS), short(_MOST_PARAMETERS)] = (
        Field(default={}, description="Values of the run, by the names of the inputs that they become.")
    )


class ReportShape(Shape):
    """Why each part of the automation is as it is."""

    steps: list[Json] = Field(description="Each step that a call has become: key, tool, turn, runId.")
    references: list[Json] = Field(description="Each value that is a reference now: step, place, value, why.")
    inputs: list[Json] = Field(description="Each input, and where its value came from.")
    unused_parameters: list[str] = Field(description="Parameters whose values stand in no call.")
    left_out: list[Json] = Field(description="Calls that are no steps, and why.")
    unsure: list[Json] = Field(
        description="Values that equal one of a result, perhaps by chance, and stay as they are."
    )
    lacks: list[Json] = Field(description="Calls that an MCP server did, and no step can: turn, tool, connection.")
    needs_model: list[Json] = Field(description="Steps that still need a model.")
    notes: list[str]


class CrystallizedShape(Shape):
    """`body` is what `POST /automations` takes; `automation` is what was saved, null after a dry run."""

    body: Json
    automation: AutomationShape | None
    report: ReportShape
    warnings: list[ProblemDetail] = Field(description="What may be saved and cannot work as it is.")


SAVED: dict[int | str, dict[str, Any]] = {
    200: {"model": CrystallizedShape, "description": "What would be saved (`dry_run`)"}
}


@router.post(
    "/{run_id}/crystallize",
    response_model=CrystallizedShape,
    status_code=201,
    responses=SAVED,
    summary="Turn an agent's run into an automation",
)
async def crystallize_agent_run(
    request: Request,
    principal: Operator,
    run_id: UUID,
    body: Annotated[CrystallizeBody | None, Body()] = None,
    dry_run: Annotated[bool, Query(description="Show the automation and the report, and save nothing")] = False,
) -> Response:
    """The calls that the agent made become steps; values that came from results, the question or the inputs become
    references and inputs. The run must have completed (409). It may be done again: each time makes another automation.
    """
    judge(principal, "runs:read")
    gateway, given = gateway_of(request), body or CrystallizeBody()
    run = await runs.get(gateway.pool, principal.org_id, run_id)
    if run is None or run["kind"] != _KIND:
        raise not_found("run of an agent")
    begun = await turns.begun(gateway.pool, run_id)
    if run["status"] != "completed" or begun is None:
        raise conflict(f"the run is {run['status']}: only one that has completed can become an automation")
    made = await crystallized("run", gateway, principal, [await did(gateway, run, begun)], given)
    name = given.name or f"{begun['agent']['name']}: {run['definition']['question'].strip()}"[:LONGEST_NAME]
    return await told(gateway, principal, (name, run_id), given, made, dry_run=dry_run)


@dataclass(frozen=True)
class Did:
    """What one run did, as `recorded` takes it, and how large the results of its calls are."""

    parts: tuple[Any, ...]
    results: list[Any]

    @property
    def day(self) -> date:
        """On which it began, in UTC."""
        return cast("date", self.parts[-1])


async def did(gateway: Gateway, run: RunRow, begun: Row) -> Did:
    """Of a run that is over; `begun` is what its agent was."""
    found = await turns.read(gateway.pool, run["id"])
    rows = await gateway.pool.fetch(_CALLS, run["id"], run["org_id"])
    agent = (begun["agent"]["slug"], AgentDefinition.model_validate(begun["agent"]["definition"]))
    asked = {**run["definition"], **(run["result"] or {})}
    day = (run["started_at"] or run["created_at"]).date()
    children = {str(row["id"]): row for row in rows}
    return Did((agent, asked, found, children, day), [row["result"] for row in rows])


async def crystallized(
    what: str, gateway: Gateway, principal: Principal, done: Sequence[Did], given: CrystallizeBody
) -> Crystallized:
    """What runs did, one after the other, as one automation; `what` they are. Raises `Problem` 409."""
    make = partial(_made, [one.parts for one in done], given.parameters)
    try:
        return await beside.judged(principal.org_id, [one.results for one in done], make)
    except (NothingToKeep, Unwritable) as error:
        raise conflict(f"the {what} cannot become an automation: {error}") from error


async def told(
    gateway: Gateway,
    principal: Principal,
    named: tuple[str, UUID],
    given: CrystallizeBody,
    made: Crystallized,
    *,
    dry_run: bool,
) -> Response:
    """The answer, after the automation was saved unless it is a dry run. `named`: its name, and what it was made of."""
    name, source_id = named
    whole = {"name": name, "slug": given.slug, "description": given.description, **made.automation}
    body = {key: value for key, value in whole.items() if value is not None}
    try:
        automation = AutomationBody.model_validate(body)
    except ValidationError as error:
        raise conflict(f"it is more than an automation can have: {error.errors()[0]['msg']}") from error
    shown_first = {"body": body, "report": made.report}
    if dry_run:
        draft = await saving.draft(gateway, principal, automation, given.slug or "draft")
        return answer(shown_first | {"automation": None, "warnings": details(draft.warnings)})
    draft, row = await create(gateway, principal, automation, source_id)
    saved = shown(gateway, row, draft.secret)
    location = {"Location": f"/api/v1/automations/{row['id']}"}
    return answer(shown_first | {"automation": saved, "warnings": details(draft.warnings)}, 201, location)


def _made(parts: Sequence[tuple[Any, ...]], parameters: Json) -> Crystallized:
    return crystallize(joined([recorded(*one) for one in parts]), parameters)
