"""/api/v1/automations: save, find, change, pause and start automations (document 002)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.automations import saving as automation_saving
from vai_api_gateway.automations import start as triggering
from vai_api_gateway.automations.graph import GRAPH, Format, answer_graph, graph_of
from vai_api_gateway.automations.saving import Draft
from vai_api_gateway.automations.shapes import (
    AUTOMATION_STATUSES,
    TRIGGER_TYPES,
    AutomationCopyShape,
    AutomationPatch,
    AutomationShape,
    AutomationsShape,
    SortBy,
    TriggerBody,
    WholeAutomationRunShape,
    automation_json,
    copy_json,
)
from vai_api_gateway.automations.trigger_columns import due_after_now
from vai_api_gateway.catalogue.slugs import SlugMet, with_slug
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, one_of, page, words
from vai_api_gateway.http.etags import CHANGED, IfMatch, etag_of, expected, has_changed, tagged
from vai_api_gateway.http.idempotency import TAKES_KEY, key_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import LONGEST_NAME, Order
from vai_api_gateway.problems import Problem, conflict, details, not_found
from vai_api_gateway.runs.finding import LabelWords
from vai_common.queries import Row
from vai_records.automations import automations
from vai_records.automations.automations import BOUNDED, Called, Filters, InUse, Saved, Taken
from vai_records.automations.body import AutomationBody
from vai_records.automations.versions import NewVersion
from vai_records.listing.bounded import marks
from vai_records.refused import Refused

router = APIRouter(prefix="/api/v1/automations", tags=["Automations"], route_class=JsonRoute, responses=PROBLEMS)

StatusWords = Annotated[list[Annotated[str, one_of(AUTOMATION_STATUSES)]] | None, Query()]
TriggerWords = Annotated[list[Annotated[str, one_of(TRIGGER_TYPES)]] | None, Query()]

Json = dict[str, Any]

REPEATED: dict[int | str, dict[str, Any]] = {
    200: {"model": WholeAutomationRunShape, "description": "The key had made this automation run"}
}


@router.get("", response_model=AutomationsShape, summary="List automations")
async def list_automations(
    request: Request,
    principal: Viewer,
    q: Annotated[str, Query(max_length=LONGEST_NAME, description="Search by name or slug")] = "",
    statuses: StatusWords = None,
    triggers: TriggerWords = None,
    label: LabelWords = None,
    expose: Annotated[bool | None, Query(description="Those that are tools over MCP")] = None,
    sort_by: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    gateway = gateway_of(request)
    of_words = words(statuses, AUTOMATION_STATUSES, "statuses"), words(triggers, TRIGGER_TYPES, "triggers")
    filters = Filters(q, *of_words, tuple(label or ()), expose)
    bounds = (limit, offset)
    rows, total = await automations.list_page(gateway.pool, principal.org_id, filters, (sort_by, order), bounds)
    people = [person for row in rows for person in (row["created_by"], row["updated_by"])]
    items = [shown(gateway, row, times=1) | marks({name: row[f"{name}_cut"] for name in BOUNDED}) for row in rows]
    async with gateway.engine.connect() as conn:
        return answer(await page(conn, principal.org_id, "automations", items, people, (limit, offset, total)))


@router.post("", response_model=AutomationShape, status_code=201, summary="Create an automation")
async def create_automation(request: Request, principal: Operator, body: AutomationBody) -> Response:
    """All that can be seen to be wrong is refused now, each fault with its place; `warnings` say what cannot work yet.

    A webhook without a `secret` gets one, which only this answer shows. Without a `slug` it gets one that is made of
    its name and is free.
    """
    gateway = gateway_of(request)
    made, row = await create(gateway, principal, body)
    told = shown(gateway, row, made.secret) | {"warnings": details(made.warnings)}
    return answer(told, 201, {"Location": f"{router.prefix}/{row['id']}"})


@router.get("/slug/{slug}", response_model=AutomationShape, summary="Get an automation by its slug")
async def get_automation_by_slug(request: Request, principal: Viewer, slug: str) -> Response:
    gateway = gateway_of(request)
    found = _there(await automations.by_slug(gateway.pool, principal.org_id, slug))
    return tagged(request, answer(shown(gateway, found)), found["updated_at"])


@router.get("/{automation_id}", response_model=AutomationShape, summary="Get an automation")
async def get_automation(request: Request, principal: Viewer, automation_id: UUID) -> Response:
    """`ETag` is what `If-Match` of a change may say."""
    gateway = gateway_of(request)
    found = await get_automation_row(gateway, principal, automation_id)
    return tagged(request, answer(shown(gateway, found)), found["updated_at"])


@router.get("/{automation_id}/body", response_model=AutomationCopyShape, summary="Get an automation to copy it")
async def copy_automation(request: Request, principal: Viewer, automation_id: UUID) -> Response:
    """What `POST /automations` takes to make another like it, under a slug of its own.

    Secrets are not shown: a webhook gets a new one, and write-only values have to be given again. The path of a webhook
    belongs to one automation: give the copy another.
    """
    return answer(copy_json(await get_automation_row(gateway_of(request), principal, automation_id)))


@router.patch("/{automation_id}", response_model=AutomationShape, responses=CHANGED, summary="Update an automation")
async def update_automation(
    request: Request, principal: Operator, automation_id: UUID, body: AutomationPatch, if_match: IfMatch = None
) -> Response:
    """Keys that are absent stay as they are. Runs that go on keep the steps that they began with.

    With `If-Match` (the `ETag` of what you read) only if nobody has changed it since: 412 otherwise.
    """
    gateway = gateway_of(request)
    row = await get_automation_row(gateway, principal, automation_id)
    if body.slug not in (None, row["slug"]):
        await _refuse_lost_callers(gateway, principal, row)
    unchanged = expected(if_match, row["updated_at"])
    made = await automation_saving.redraft(gateway, principal, row, body)
    return await changed(gateway, principal, row, made, unchanged)


@router.delete("/{automation_id}", status_code=204, response_class=Response, summary="Delete an automation")
async def delete_automation(request: Request, principal: Operator, automation_id: UUID) -> Response:
    """Hides the automation; its runs stay readable."""
    try:
        async with gateway_of(request).pool.acquire() as conn:
            if not await automations.delete(conn, principal.org_id, automation_id):
                raise not_found("automation")
    except Called as error:
        raise conflict(f"{', '.join(error.callers)} call it: change them first") from error
    except InUse as error:
        raise conflict(f"automation run {error.run_id} goes on; cancel it or wait for its end") from error
    return nothing()


@router.post("/{automation_id}/pause", response_model=AutomationShape, summary="Pause an automation")
async def pause_automation(request: Request, principal: Operator, automation_id: UUID) -> Response:
    """Its triggers fire no more; runs go on, and it can still be triggered by hand."""
    gateway = gateway_of(request)
    row = await get_automation_row(gateway, principal, automation_id)
    columns = {"status": "paused", "due_at": None, "updated_by": principal.user_id}
    return await changed(gateway, principal, row, Draft(columns, None))


@router.post("/{automation_id}/resume", response_model=AutomationShape, summary="Resume an automation")
async def resume_automation(request: Request, principal: Operator, automation_id: UUID) -> Response:
    """Its triggers fire again, from now on: what passed while it was paused is not made up for.

    What it names is looked for again first: a saved action may be gone (409).
    """
    gateway = gateway_of(request)
    row = await get_automation_row(gateway, principal, automation_id)
    if row["status"] == "active":
        return answer(shown(gateway, row))
    try:
        await automation_saving.recheck(gateway, principal, row)
    except Refused as error:
        raise conflict(f"it cannot be resumed: {error.message}") from error
    columns = {"status": "active", "error": None, "due_at": await due_after_now(gateway, row["trigger"])}
    return await changed(gateway, principal, row, Draft(columns | {"updated_by": principal.user_id}, None))


@router.post(
    "/{automation_id}/trigger",
    response_model=WholeAutomationRunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Trigger an automation",
)
async def trigger_automation(
    request: Request,
    principal: Operator,
    automation_id: UUID,
    body: Annotated[TriggerBody | None, Body()] = None,
) -> Response:
    """Starts it by hand, also while it is paused. With an idempotency key a repeat answers the first automation run."""
    gateway, body = gateway_of(request), body or TriggerBody()
    key = key_of(request, body.idempotency_key)
    if (first := await triggering.triggered_before(gateway, principal, automation_id, body, key)) is not None:
        return await triggering.show(gateway, request, first)
    row = await get_automation_row(gateway, principal, automation_id)
    return await triggering.by_hand(gateway, principal, request, row, body, key)


@router.get("/{automation_id}/graph", response_class=Response, responses=GRAPH, summary="Draw an automation")
async def draw_automation(request: Request, principal: Viewer, automation_id: UUID, format: Format = None) -> Response:
    """Mermaid, or SVG with `format=svg` or `Accept: image/svg+xml`."""
    row = await get_automation_row(gateway_of(request), principal, automation_id)
    return await answer_graph(request, partial(graph_of, row["name"], row["definition"]["steps"]), format)


async def changed(
    gateway: Gateway, principal: Principal, row: Row, made: Draft, unchanged: datetime | None = None
) -> Response:
    """Writes a change, and answers the automation as it is then. Raises `Problem` 404, 409, 412."""
    try:
        async with gateway.pool.acquire() as conn:
            if not await automations.change(conn, principal.org_id, row["id"], made.columns, made.version, unchanged):
                raise not_found("automation") if unchanged is None else has_changed(None)
    except Taken as error:
        raise _taken(error, {**dict(row), **made.columns}) from error
    found = await get_automation_row(gateway, principal, row["id"])
    told = shown(gateway, found, made.secret) | {"warnings": details(made.warnings)}
    return answer(told, 200, {"ETag": etag_of(found["updated_at"])})


async def _refuse_lost_callers(gateway: Gateway, principal: Principal, row: Row) -> None:
    """Who calls it by its slug (in a saved action, or since before calls were kept by id) would find it no more."""
    if callers := await automations.callers(gateway.pool, principal.org_id, row["id"], [row["slug"]]):
        message = f"{', '.join(callers)} call it by the slug {row['slug']!r}: let them name its id {row['id']} first"
        raise conflict(message, ("body", "slug"))


async def create(
    gateway: Gateway, principal: Principal, body: AutomationBody, source_id: UUID | None = None
) -> tuple[Draft, Any]:
    """Saves a new automation; what was written, and its row. `source_id`: the run that it was crystallized from."""
    source: Json = {} if source_id is None else {"source_type": "crystallized", "source_id": source_id}

    async def save(slug: str) -> tuple[Draft, NewVersion]:
        made = await automation_saving.draft(gateway, principal, body, slug)
        assert made.version is not None
        try:
            async with gateway.pool.acquire() as conn:
                await automations.create(conn, made.version, Saved(**made.columns, **source))
        except Taken as error:
            if error.what == "slug":
                raise SlugMet(_taken(error, made.columns)) from error
            raise _taken(error, made.columns) from error
        return made, made.version

    named = (body.slug, body.name, "automation")
    made, version = await with_slug(gateway, "automations", principal.org_id, named, save)
    return made, await get_automation_row(gateway, principal, version.automation_id)


async def get_automation_row(gateway: Gateway, principal: Principal, automation_id: UUID) -> Any:
    """Its row, as `automations.get`. Raises `Problem` 404."""
    return _there(await automations.get(gateway.pool, principal.org_id, automation_id))


def shown(gateway: Gateway, row: Row, secret: str | None = None, **more: int) -> Json:
    """An automation as it is answered; `more` as in `automation_json`."""
    return automation_json(row, secret, public_url=gateway.settings.public_url, **more)


def _there(found: Any) -> Any:
    if found is None:
        raise not_found("automation")
    return found


def _taken(error: Taken, columns: Json) -> Problem:
    if error.what == "path":
        message = f"another automation's webhook has the path {columns['webhook_path']!r}; give this one another"
        return conflict(message, ("body", "trigger", "path"))
    return conflict(f"another automation has the slug {columns['slug']!r}; give this one another", ("body", "slug"))
