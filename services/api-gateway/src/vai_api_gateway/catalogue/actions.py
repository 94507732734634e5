"""/api/v1/actions: save, find, change, hide and run actions (document 001)."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from vai_api_gateway.auth.needs import judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Operator, Viewer
from vai_api_gateway.catalogue.slugs import SlugMet, refuse_long_name, with_slug
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, KindWords, Limit, Offset, answer, nothing, one_of, page, words
from vai_api_gateway.http.etags import CHANGED, IfMatch, expected, has_changed, tagged
from vai_api_gateway.http.idempotency import REPEATED, TAKES_KEY, first_run, key_of, mark_of
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import (
    ACTION_STATUSES,
    KIND_NAMES,
    LONGEST_NAME,
    ActionBody,
    ActionPatch,
    ActionShape,
    ActionsShape,
    Order,
    RunActionBody,
    RunShape,
    SortBy,
)
from vai_api_gateway.problems import Problem, conflict, details, not_found
from vai_api_gateway.runs import request_orders
from vai_api_gateway.runs import start as starting
from vai_api_gateway.runs.finding import LabelWords
from vai_common.ids import uuid7
from vai_records.automations.references import may_name
from vai_records.catalogue import actions
from vai_records.catalogue.actions import Action, Filters, InUse, SlugTaken
from vai_records.connections import connections
from vai_records.connections.connections import Unresolved
from vai_records.definitions.base import ConnectionReference
from vai_records.listing.bounded import marks
from vai_records.people.people import Role
from vai_records.refused import refused
from vai_records.runs import orders
from vai_records.validation import beside, checks, sharing
from vai_records.variables import names
from vai_records.variables.saving import saved_form

router = APIRouter(prefix="/api/v1/actions", tags=["Actions"], route_class=JsonRoute, responses=PROBLEMS)

Json = dict[str, Any]
ActionStatusWords = Annotated[list[Annotated[str, one_of(ACTION_STATUSES)]] | None, Query()]

_BESIDE = ("name", "slug", "status", "labels", "expose")
"""What a change sets beside the definition and its connection."""


def action_json(action: Action) -> Json:
    latest = action.latest_run
    return {
        "connectionId": action.connection_id,
        "createdAt": action.created_at,
        "createdBy": action.created_by,
        "definition": action.definition,
        "expose": action.expose,
        "id": action.id,
        "kind": action.kind,
        "labels": action.labels,
        "latestRun": None
        if latest is None
        else {
            "completedAt": latest.completed_at,
            "definition": latest.definition,
            "id": latest.id,
            "progress": latest.progress,
            "startedAt": latest.started_at,
            "status": latest.status,
        }
        | marks(latest.cut),
        "name": action.name,
        "slug": action.slug,
        "status": action.status,
        "templateId": action.template_id,
        "updatedAt": action.updated_at,
        "updatedBy": action.updated_by,
    } | marks(action.cut)


@router.get("", response_model=ActionsShape, summary="List actions")
async def list_actions(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Search by name or slug")] = None,
    kinds: KindWords = None,
    statuses: ActionStatusWords = None,
    label: LabelWords = None,
    expose: Annotated[bool | None, Query(description="Those that are tools over MCP")] = None,
    sort_by: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    of_kinds, with_statuses = words(kinds, KIND_NAMES, "kinds"), words(statuses, ACTION_STATUSES, "statuses")
    filters = Filters(q, of_kinds, with_statuses, tuple(label or ()), expose)
    async with gateway_of(request).engine.connect() as conn:
        found, total = await actions.list_page(
            conn, principal.org_id, filters, sort_by=sort_by, order=order, limit=limit, offset=offset
        )
        people = [person for action in found for person in (action.created_by, action.updated_by)]
        items = [action_json(action) for action in found]
        return answer(await page(conn, principal.org_id, "actions", items, people, (limit, offset, total)))


@router.post("", response_model=ActionShape, status_code=201, summary="Create an action")
async def create_action(request: Request, principal: Operator, body: ActionBody) -> Response:
    """Without a `slug` it gets one that is made of its name and is free."""
    gateway = gateway_of(request)
    checks.check_preset(body.template_id, body.kind)
    connection_id = await _connection_id(gateway, principal, body.connection_id, body.connection_ref)
    action_id = uuid7()
    values: Json = {
        "id": action_id,
        "name": body.name,
        "kind": body.kind,
        "connection_id": connection_id,
        "template_id": body.template_id,
        "labels": body.labels,
        "expose": body.expose,
        "created_by": principal.user_id,
        "updated_by": principal.user_id,
    }
    values |= await _stored(gateway, principal, (action_id, body.kind), body.definition or {}, connection_id, None)

    async def save(slug: str) -> Action:
        refuse_long_name(slug, expose=body.expose)
        async with gateway.rows.begin(principal.org_id) as conn:
            try:
                return await actions.create(conn, principal.org_id, {**values, "slug": slug})
            except SlugTaken as error:
                raise SlugMet(_slug_taken(slug)) from error

    made = await with_slug(gateway, "actions", principal.org_id, (body.slug, body.name, body.kind), save)
    shown = action_json(made) | await _warnings(gateway, principal, made)
    return answer(shown, 201, {"Location": f"/api/v1/actions/{action_id}"})


@router.get("/slug/{slug}", response_model=ActionShape, summary="Get an action by its slug")
async def get_action_by_slug(request: Request, principal: Viewer, slug: str) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        found = await actions.by_slug(conn, principal.org_id, slug)
    return _tagged(request, _there(found))


@router.get("/{action_id}", response_model=ActionShape, summary="Get an action")
async def get_action(request: Request, principal: Viewer, action_id: UUID) -> Response:
    """`ETag` is what `If-Match` of a change may say."""
    return _tagged(request, await _get(gateway_of(request), principal, action_id))


@router.patch("/{action_id}", response_model=ActionShape, responses=CHANGED, summary="Update an action")
async def update_action(
    request: Request, principal: Operator, action_id: UUID, body: ActionPatch, if_match: IfMatch = None
) -> Response:
    """Keys that are absent stay as they are. With `If-Match` only if nobody has changed it since (412).

    Where nobody may approve what they started, only an administrator takes `requires_approval` away (403).
    """
    gateway = gateway_of(request)
    unchanged = None
    if if_match is not None:
        unchanged = expected(if_match, (await _get(gateway, principal, action_id)).updated_at)
    before = await _to_run(gateway, principal, action_id)
    given = body.model_fields_set
    values: Json = {name: getattr(body, name) for name in _BESIDE if name in given}
    values["updated_by"] = principal.user_id
    if given & {"slug", "expose"}:
        exposed = body.expose if body.expose is not None else (await _get(gateway, principal, action_id)).expose
        refuse_long_name(body.slug or before.slug, expose=exposed)
    if given & {"definition", "connection_id"}:
        connection_id = before.connection_id
        if "connection_id" in given:
            connection_id = await _connection_id(gateway, principal, body.connection_id, None)
        values["connection_id"] = connection_id
        definition = body.definition or {}
        if "definition" not in given:
            mend = partial(checks.mended, before.kind, before.definition)
            definition = await beside.judged(principal.org_id, before.definition, mend)
        identity = (action_id, before.kind)
        values |= await _stored(gateway, principal, identity, definition, connection_id, before.secrets)
        if checks.wants_approval(before.definition) and not checks.wants_approval(values["definition"]):
            _refuse_to_lower(principal)
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            if not await actions.change(conn, principal.org_id, action_id, values, unchanged):
                raise not_found("action") if unchanged is None else has_changed(None)
        except SlugTaken as error:
            raise _slug_taken(values["slug"]) from error
    changed = await _get(gateway, principal, action_id)
    warned = await _warnings(gateway, principal, changed) if "definition" in values else {}
    return tagged(request, answer(action_json(changed) | warned), changed.updated_at)


@router.delete("/{action_id}", status_code=204, response_class=Response, summary="Delete an action")
async def delete_action(request: Request, principal: Operator, action_id: UUID) -> Response:
    """Hides the action; its runs stay readable."""
    async with gateway_of(request).rows.begin(principal.org_id) as conn:
        try:
            if not await actions.delete(conn, principal.org_id, action_id):
                raise not_found("action")
        except InUse as error:
            raise conflict(f"run {error.run_id} of this action is live; cancel it or wait for its end") from error
    return nothing()


@router.post(
    "/{action_id}/run",
    response_model=RunShape,
    status_code=201,
    responses=REPEATED,
    openapi_extra=TAKES_KEY,
    summary="Run an action",
)
async def run_action(
    request: Request,
    principal: Operator,
    action_id: UUID,
    body: Annotated[RunActionBody | None, Body()] = None,
    defer: Annotated[bool, Query(description="Only create the run; `execute` starts it")] = False,
) -> Response:
    """With an idempotency key (header, or `idempotencyKey`) a repeat starts nothing, even if the action has changed."""
    gateway = gateway_of(request)
    body = body or RunActionBody()
    if body.definition_overrides:
        judge(principal, "runs:write")  # it runs something else than what is saved
    key = key_of(request, body.idempotency_key)
    at, words = request_orders.start_of(body.scheduled_for, deferred=defer)
    mark = mark_of("action", str(action_id), body.definition_overrides, *words)
    if (first := await first_run(gateway, principal.org_id, key, mark)) is not None:
        return await starting.show(gateway, request, first)
    action = await _to_run(gateway, principal, action_id)
    if action.status != "active":
        raise conflict(f"action {action.slug!r} is disabled; enable it first (PATCH status active)")
    order = await orders.order_of_action(
        gateway.keyring, principal.org_id, action, body.definition_overrides, deferred=defer
    )
    order = replace(order, labels=body.labels, scheduled_for=at)
    made = await request_orders.make(gateway, request_orders.customer(principal, request), order)
    if key is not None:
        made = replace(made, idempotency_key=key, fingerprint=mark)
    return await starting.start(gateway, request, made)


async def _stored(
    gateway: Gateway,
    principal: Principal,
    identity: tuple[UUID, str],
    definition: Json,
    connection_id: UUID | None,
    sealed: bytes | None,
) -> Json:
    """The columns of a definition: what is shown, and its write-only values, encrypted for this action."""
    action_id, kind = identity
    loc = ("body", "definition")
    kept = None if sealed is None else gateway.keyring.decrypt_json(sealed, principal.org_id, action_id)
    # A kept value goes to one host only; the connection beside the definition may say which.
    placed = checks.with_connection(definition, connection_id)

    def judge() -> tuple[Json, Json | None, Json]:
        whole = checks.whole(kind, placed, kept, loc)
        return *checks.split(kind, saved_form(kind, whole, loc), kept, loc), whole

    shown, secrets, whole = await beside.judged(principal.org_id, placed, judge)
    if may_name(whole):
        await names.check(gateway.pool, principal.org_id, kind, whole, loc)
    if placed is not definition:
        shown.pop(checks.CONNECTION_KEYS[0], None)
    new = None if secrets is None else gateway.keyring.encrypt_json(secrets, principal.org_id, action_id)
    return {"definition": shown, "secrets": new}


def _refuse_to_lower(principal: Principal) -> None:
    """Raises `Problem` 403 where one person's word is not enough for what asks for an approval (decision 8)."""
    if principal.settings.get("forbid_self_approval") is True and not principal.role.covers(Role.ADMIN):
        message = "the organisation wants two people for an approval: an administrator must take requires_approval away"
        raise Problem(403, "forbidden", message, ("body", "definition", "requires_approval"))


async def _warnings(gateway: Gateway, principal: Principal, action: Action) -> Json:
    work = (action.kind, action.definition, action.connection_id)
    told = await sharing.told(gateway.pool, principal.org_id, action.id, work)
    return {"warnings": details(told)} if told else {}


async def _connection_id(
    gateway: Gateway, principal: Principal, connection_id: UUID | None, reference: str | ConnectionReference | None
) -> UUID | None:
    """The id that an action keeps of the connection that it is given."""
    if connection_id is None and reference is None:
        return None
    loc = ("body", "connectionId" if connection_id else "connectionRef")
    found: set[UUID] = set()
    async with gateway.pool.acquire() as conn:
        for one in (connection_id, reference):
            if one is not None:
                try:
                    found.add((await connections.resolve(conn, principal.org_id, one)).id)
                except Unresolved as error:
                    raise refused(loc, str(error), "unknown_connection") from error
    if len(found) > 1:
        raise refused(loc, "connectionId and connectionRef name different connections; name one", "two_connections")
    return found.pop()


async def _to_run(gateway: Gateway, principal: Principal, action_id: UUID) -> actions.ToRun:
    found = await actions.to_run(gateway.pool, principal.org_id, action_id)
    if found is None:
        raise not_found("action")
    return found


async def _get(gateway: Gateway, principal: Principal, action_id: UUID) -> Action:
    async with gateway.engine.connect() as conn:
        return _there(await actions.get(conn, principal.org_id, action_id))


def _tagged(request: Request, action: Action) -> Response:
    return tagged(request, answer(action_json(action)), action.updated_at)


def _there(found: Action | None) -> Action:
    if found is None:
        raise not_found("action")
    return found


def _slug_taken(slug: str) -> Problem:
    return conflict(f"another action has the slug {slug!r}; give this one another", ("body", "slug"))
