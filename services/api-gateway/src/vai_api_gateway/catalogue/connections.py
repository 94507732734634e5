"""/api/v1/connections: what a team connects. Credentials go in and never come out."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Admin, Operator, Viewer
from vai_api_gateway.catalogue import connection_check as connection_test
from vai_api_gateway.catalogue.slugs import SlugMet, with_slug
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, Words, answer, nothing, page
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import (
    LONGEST_NAME,
    ConnectionBody,
    ConnectionPatch,
    ConnectionShape,
    ConnectionsShape,
    ConnectionTestShape,
)
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_common import clock
from vai_common.errors import RunError
from vai_common.ids import uuid7
from vai_common.messages.bell import ROOM
from vai_common.telemetry import current_traceparent
from vai_records.connections import connections
from vai_records.connections import health as connection_health
from vai_records.connections.access_tokens import AccessTokens, with_token
from vai_records.connections.config import BadConfig, address, checked_config
from vai_records.connections.connections import Connection, DefaultTaken, InUse, SlugTaken
from vai_records.connections.credential_checks import check_credentials
from vai_records.connections.credentials import Unusable
from vai_records.connections.oauth import needs_token
from vai_records.connections.sftp import SFTP, check_sftp
from vai_records.definitions.source_types import WrongConfig, config_of
from vai_records.events.run_end import announce
from vai_records.listing.bounded import marks
from vai_records.models import providers
from vai_records.models.settings import ModelSettings
from vai_records.refused import refused
from vai_records.validation.checks import check_size

_MOST_OF_CONFIG = 1_000
"""Values in a connection's config: each is looked at in the loop."""

router = APIRouter(prefix="/api/v1/connections", tags=["Connections"], route_class=JsonRoute, responses=PROBLEMS)

Json = dict[str, Any]


def connection_json(connection: Connection) -> Json:
    return {
        "config": connection.config,
        "createdAt": connection.created_at,
        "createdBy": connection.created_by,
        "hasCredentials": connection.has_credentials,
        "id": connection.id,
        "isDefault": connection.is_default,
        "lastError": connection.last_error,
        "maxRunning": connection.max_running,
        "name": connection.name,
        "provider": connection.provider,
        "slug": connection.slug,
        "status": connection.status,
        "updatedAt": connection.updated_at,
    } | marks({"config": connection.config_cut, "lastError": connection.last_error_cut})


@router.get("", response_model=ConnectionsShape, summary="List connections")
async def list_connections(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Search by name or slug")] = None,
    provider: Words = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    providers = [word.strip() for value in provider or () for word in value.split(",") if word.strip()]
    async with gateway_of(request).engine.connect() as conn:
        found, total = await connections.list_page(
            conn, principal.org_id, q=q, providers=providers, limit=limit, offset=offset
        )
        items = [connection_json(connection) for connection in found]
        people = [connection.created_by for connection in found]
        return answer(await page(conn, principal.org_id, "connections", items, people, (limit, offset, total)))


@router.post("", response_model=ConnectionShape, status_code=201, summary="Create a connection")
async def create_connection(request: Request, principal: Admin, body: ConnectionBody) -> Response:
    """Without a `slug` it gets one that is made of its name and is free."""
    gateway = gateway_of(request)
    connection_id = uuid7()
    config = _config(body.provider, body.config)
    _check(body.provider, body.credentials, config)
    values: Json = {
        "id": connection_id,
        "name": body.name,
        "provider": body.provider,
        "config": config,
        "credentials": _sealed(gateway, principal, connection_id, body.credentials),
        "is_default": body.is_default,
        "max_running": body.max_running,
        "created_by": principal.user_id,
    }

    async def save(slug: str) -> Connection:
        async with gateway.rows.begin(principal.org_id) as conn:
            try:
                return await connections.create(conn, principal.org_id, {**values, "slug": slug})
            except SlugTaken as error:
                raise SlugMet(_taken(error)) from error
            except DefaultTaken as error:
                raise _taken(error) from error

    made = await with_slug(gateway, "connections", principal.org_id, (body.slug, body.name, body.provider), save)
    return answer(connection_json(made), 201, {"Location": f"/api/v1/connections/{connection_id}"})


@router.get("/{connection_id}", response_model=ConnectionShape, summary="Get a connection")
async def get_connection(request: Request, principal: Viewer, connection_id: UUID) -> Response:
    return answer(connection_json(await _get(gateway_of(request), principal, connection_id)))


@router.patch("/{connection_id}", response_model=ConnectionShape, summary="Update a connection")
async def update_connection(request: Request, principal: Admin, connection_id: UUID, body: ConnectionPatch) -> Response:
    """`config` and `credentials` replace what was there; another address needs the credentials again.

    Either of them takes back an earlier error: whether they are good is what a test or a run will say.
    """
    gateway = gateway_of(request)
    before = await _get(gateway, principal, connection_id)
    values = _changes(gateway, principal, before, body)
    if {"config", "credentials"} & body.model_fields_set:
        given = "credentials" in body.model_fields_set
        known = body.credentials if given else await _opened(gateway, principal, connection_id)
        _check(before.provider, known, values.get("config", before.config))
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            changed = await connections.change(conn, principal.org_id, connection_id, values)
        except (SlugTaken, DefaultTaken) as error:
            raise _taken(error) from error
    if changed is None:
        raise not_found("connection")
    if changed.max_running != before.max_running:
        gateway.bell.ring(ROOM, [principal.org_id])
    return answer(connection_json(changed))


@router.delete("/{connection_id}", status_code=204, response_class=Response, summary="Delete a connection")
async def delete_connection(request: Request, principal: Admin, connection_id: UUID) -> Response:
    """Hides the connection and erases its credentials."""
    async with gateway_of(request).rows.begin(principal.org_id) as conn:
        try:
            if not await connections.delete(conn, principal.org_id, connection_id):
                raise not_found("connection")
        except InUse as error:
            raise conflict(f"run {error.run_id} works on this connection; cancel it or wait for its end") from error
    return nothing()


@router.post("/{connection_id}/test", response_model=ConnectionTestShape, summary="Test a connection")
async def try_connection(request: Request, principal: Operator, connection_id: UUID) -> Response:
    """One look at the connection's address; `checked` says what was found out: the address, the credentials.

    A provider of models is asked for one token. The model is `config.test_model`, the organisation's default, or the
    first of `config.models`.

    A failure becomes `lastError` and is told as the event `connection.error`; a success takes an earlier one back.
    """
    gateway = gateway_of(request)
    connection = await _get(gateway, principal, connection_id)
    credentials = await _opened(gateway, principal, connection_id)
    began = clock.steady_seconds()
    try:
        if needs_token(connection.config):
            credentials = await _with_token(gateway, principal, connection_id, credentials)
        default = ModelSettings.of(principal.settings).default
        found = await connection_test.check(connection, credentials, gateway.settings.addresses, default)
    except RunError as error:
        fault = error.as_json()
        await _tell(gateway, principal, connection_id, fault)
        return answer(_outcome(error.message, fault, [], began))
    await connection_health.works(gateway.pool, principal.org_id, connection_id)
    return answer(_outcome(found.message, None, found.checked, began))


async def _with_token(gateway: Gateway, principal: Principal, connection_id: UUID, credentials: Json) -> Json:
    """The vendor is asked for a new access token, whatever is there: so the test tells whether it would give one."""
    policy = gateway.settings.addresses
    tokens = AccessTokens(gateway.pool, gateway.keyring, policy, principal.org_id, connection_id)
    return with_token(credentials, await tokens.current(anew=True))


async def _tell(gateway: Gateway, principal: Principal, connection_id: UUID, fault: Json) -> None:
    trace = current_traceparent()
    async with gateway.pool.acquire() as conn, conn.transaction():
        row = await connection_health.failed(
            conn, principal.org_id, connection_id, fault, gateway.process_id, traceparent=trace
        )
    if row is not None:
        announce([row], gateway.bell, gateway.publisher)


def _outcome(message: str, error: Json | None, checked: list[str], began: float) -> Json:
    seconds = round(clock.steady_seconds() - began, 3)
    return {"ok": error is None, "message": message, "error": error, "checked": checked, "durationSeconds": seconds}


def _changes(gateway: Gateway, principal: Principal, before: Connection, body: ConnectionPatch) -> Json:
    given = body.model_fields_set
    plain = ("name", "slug", "status", "is_default", "max_running")
    values: Json = {name: getattr(body, name) for name in plain if name in given}
    if "config" in given:
        values["config"] = _config(before.provider, body.config)
        moved = address(values["config"]) != address(before.config)
        if moved and before.has_credentials and "credentials" not in given:
            # What was given for one host must not be sent to another by somebody who cannot read it.
            raise refused(("body", "credentials"), "the address changes: give the credentials again", "missing")
    if "credentials" in given:
        values["credentials"] = _sealed(gateway, principal, before.id, body.credentials)
    if before.status == "error" and {"config", "credentials"} & given and "status" not in given:
        values |= {"status": "active", "last_error": None}
    return values


def _config(provider: str, config: Json | None) -> Json:
    """The config as it is stored, with the defaults of the provider's source.

    Raises `Refused` for what is wrong with it, and for what is secret.
    """
    check_size(config, ("body", "config"), _MOST_OF_CONFIG)
    try:
        return checked_config(config_of(provider, config or {}))
    except (BadConfig, WrongConfig) as error:
        raise refused(("body", "config", *error.field), str(error)) from error


def _check(provider: str, credentials: Json | None, config: Json) -> None:
    """Raises `Refused` for credentials that nobody could use, and for what a provider of models needs."""
    try:
        if provider == SFTP:
            check_sftp(config, credentials or {})
        else:
            check_credentials(credentials or {}, config)
        providers.check(provider, config, credentials or {})
    except BadConfig as error:
        raise refused(("body", "config", *error.field), str(error)) from error
    except Unusable as error:
        raise refused(("body", "credentials", *error.field), str(error), "unusable_credentials") from error


def _sealed(gateway: Gateway, principal: Principal, connection_id: UUID, credentials: Json | None) -> bytes | None:
    return gateway.keyring.encrypt_json(credentials, principal.org_id, connection_id) if credentials else None


async def _opened(gateway: Gateway, principal: Principal, connection_id: UUID) -> Json:
    async with gateway.engine.connect() as conn:
        sealed = await connections.sealed_credentials(conn, principal.org_id, connection_id)
    opened: Json = gateway.keyring.decrypt_json(sealed, principal.org_id, connection_id) if sealed else {}
    return opened


async def _get(gateway: Gateway, principal: Principal, connection_id: UUID) -> Connection:
    async with gateway.engine.connect() as conn:
        found = await connections.get(conn, principal.org_id, connection_id)
    if found is None:
        raise not_found("connection")
    return found


def _taken(error: SlugTaken | DefaultTaken) -> Problem:
    if isinstance(error, DefaultTaken):
        return conflict("another connection of this provider was made the default just now", ("body", "isDefault"))
    return conflict("another connection has this slug; give this one another", ("body", "slug"))
