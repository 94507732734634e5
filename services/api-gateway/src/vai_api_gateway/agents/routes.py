"""/api/v1/agents: save, find, change and hide agents (docs/agents.md)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from vai_api_gateway.agents.shapes import AgentBody, AgentPatch, AgentShape, AgentsShape, agent_json
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.catalogue.slugs import SlugMet, with_slug
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, page
from vai_api_gateway.http.etags import CHANGED, IfMatch, expected, has_changed, tagged
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, Order
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_api_gateway.runs.finding import LabelWords
from vai_common.ids import uuid7
from vai_common.queries import Row
from vai_common.validation_messages import in_words
from vai_records.agents import agents, servers
from vai_records.agents.agents import Filters, InUse, Saved, SlugTaken
from vai_records.agents.definition import AgentDefinition
from vai_records.agents.servers import faults_in
from vai_records.agents.tools import check_agent
from vai_records.automations import automations
from vai_records.automations.inputs import BY_HAND
from vai_records.catalogue import actions
from vai_records.models.choice import NoModel, choose
from vai_records.refused import Refused, refused
from vai_records.variables import names

router = APIRouter(prefix="/api/v1/agents", tags=["Agents"], route_class=JsonRoute, responses=PROBLEMS)

Json = dict[str, Any]
SortBy = Literal["name", "created_at", "updated_at"]


@router.get("", response_model=AgentsShape, summary="List agents")
async def list_agents(
    request: Request,
    principal: Viewer,
    q: Annotated[str, Query(max_length=LONGEST_NAME, description="Search by name or slug")] = "",
    label: LabelWords = None,
    sort_by: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    gateway = gateway_of(request)
    filters = Filters(q, tuple(label or ()))
    found, total = await agents.list_page(gateway.pool, principal.org_id, filters, (sort_by, order), (limit, offset))
    people = [person for row in found for person in (row["created_by"], row["updated_by"])]
    items = [agent_json(row) for row in found]
    async with gateway.engine.connect() as conn:
        return answer(await page(conn, principal.org_id, "agents", items, people, (limit, offset, total)))


@router.post("", response_model=AgentShape, status_code=201, summary="Create an agent")
async def create_agent(request: Request, principal: Operator, body: AgentBody) -> Response:
    """What it names must be there, and what a model may set must be harmless to set: each fault with its place (422).

    Without a `slug` it gets one that is made of its name and is free. Run it with `POST /action-runs` and the kind
    `call_agent`.
    """
    gateway, agent_id = gateway_of(request), uuid7()
    given = body.model_dump(mode="json", by_alias=True, include=set(AgentDefinition.model_fields))
    definition = AgentDefinition.model_validate(given)

    async def save(slug: str) -> Row:
        await judge(gateway, principal, definition, slug)
        saved = Saved(body.name, slug, body.description, body.labels, definition)
        try:
            return await agents.create(gateway.pool, principal.org_id, agent_id, saved, principal.user_id)
        except SlugTaken as error:
            raise SlugMet(_slug_taken(slug)) from error

    made = await with_slug(gateway, "agents", principal.org_id, (body.slug, body.name, "agent"), save)
    return answer(agent_json(made), 201, {"Location": f"{router.prefix}/{agent_id}"})


@router.get("/slug/{slug}", response_model=AgentShape, summary="Get an agent by its slug")
async def get_agent_by_slug(request: Request, principal: Viewer, slug: str) -> Response:
    found = (await agents.named(gateway_of(request).pool, principal.org_id, [slug])).get(slug)
    if found is None or found.slug != slug:
        raise not_found("agent")
    row = await _get(gateway_of(request), principal, found.id)
    return tagged(request, answer(agent_json(row)), row["updated_at"])


@router.get("/{agent_id}", response_model=AgentShape, summary="Get an agent")
async def get_agent(request: Request, principal: Viewer, agent_id: UUID) -> Response:
    """`ETag` is what `If-Match` of a change may say."""
    row = await _get(gateway_of(request), principal, agent_id)
    return tagged(request, answer(agent_json(row)), row["updated_at"])


@router.patch("/{agent_id}", response_model=AgentShape, responses=CHANGED, summary="Update an agent")
async def update_agent(
    request: Request, principal: Operator, agent_id: UUID, body: AgentPatch, if_match: IfMatch = None
) -> Response:
    """Keys that are absent stay as they are. Runs that have begun go on with the agent as it was.

    With `If-Match` (the `ETag` of what you read) only if nobody has changed it since: 412 otherwise.
    """
    gateway = gateway_of(request)
    row = await _get(gateway, principal, agent_id)
    unchanged = expected(if_match, row["updated_at"])
    given = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
    columns: Json = {name: given.pop(name) for name in ("name", "slug", "description", "labels") if name in given}
    if given:
        definition = read_definition({**row["definition"], **given})
        await judge(gateway, principal, definition, columns.get("slug") or row["slug"])
        columns["definition"] = definition.stored()
    columns["updated_by"] = principal.user_id
    try:
        changed = await agents.change(gateway.pool, principal.org_id, agent_id, columns, unchanged)
    except SlugTaken as error:
        raise _slug_taken(columns["slug"]) from error
    if changed is None:
        raise not_found("agent") if unchanged is None else has_changed(None)
    return tagged(request, answer(agent_json(changed)), changed["updated_at"])


@router.delete("/{agent_id}", status_code=204, response_class=Response, summary="Delete an agent")
async def delete_agent(request: Request, principal: Operator, agent_id: UUID) -> Response:
    """Hides the agent. Its runs stay readable, and those that have begun come to their end."""
    gateway = gateway_of(request)
    row = await _get(gateway, principal, agent_id)
    try:
        if not await agents.delete(gateway.pool, principal.org_id, agent_id, row["slug"]):
            raise not_found("agent")
    except InUse as error:
        raise conflict(f"{', '.join(error.users)} have it as a tool: change them first") from error
    return nothing()


def read_definition(definition: Json) -> AgentDefinition:
    """Raises `Refused` with each place that is wrong."""
    try:
        return AgentDefinition.model_validate(definition)
    except ValidationError as error:
        raise Refused([(("body", *one["loc"]), in_words(one["msg"]), one["type"]) for one in error.errors()]) from error


async def judge(gateway: Gateway, principal: Principal, definition: AgentDefinition, slug: str) -> None:
    """Raises `Refused` with each tool that cannot be, and a model that cannot be used."""
    org_id = principal.org_id
    async with gateway.pool.acquire() as conn:
        saved = await actions.named(conn, org_id, [tool.action for tool in definition.tools if tool.action])
        others = await agents.named(conn, org_id, [tool.agent for tool in definition.tools if tool.agent])
        known = await automations.named(conn, org_id, [one.automation for one in definition.tools if one.automation])
        faults = faults_in(definition, await servers.named(conn, org_id, definition))
        if definition.model is not None:
            try:
                await choose(conn, org_id, definition.model)
            except NoModel as error:
                raise refused(("body", "model"), str(error), "no_model") from error
    for number, tool in enumerate(definition.tools):
        place = ("body", "tools", number)
        if tool.agent and tool.agent not in others and tool.agent != slug:
            faults.append(((*place, "agent"), f"there is no agent {tool.agent!r}", "unknown_agent"))
        if tool.automation and tool.automation not in known:
            faults.append(((*place, "automation"), f"there is no automation {tool.automation!r}", "unknown_automation"))
        if tool.automation and tool.automation in known and known[tool.automation]["needs_secret"]:
            message = f"the automation {tool.automation!r} needs a secret input, and {BY_HAND}"
            faults.append(((*place, "automation"), message, "unmet"))
    if faults:
        raise Refused(faults)
    check_agent(definition, {name: action.kind for name, action in saved.items()})
    for number, tool in enumerate(definition.tools):
        if tool.kind is not None:
            fixed_at = ("body", "tools", number, "fixed")
            await names.check(gateway.pool, org_id, tool.kind, dict(tool.fixed), fixed_at)


async def _get(gateway: Gateway, principal: Principal, agent_id: UUID) -> Row:
    found = await agents.get(gateway.pool, principal.org_id, agent_id)
    if found is None:
        raise not_found("agent")
    return found


def _slug_taken(slug: str) -> Problem:
    return conflict(f"another agent has the slug {slug!r}; give this one another", ("body", "slug"))
