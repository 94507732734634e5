"""/api/v1/api-keys: the credentials of programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from vai_api_gateway.auth.principal import NEVER, Principal
from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, one_of, page, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.people.shapes import ApiKeyBody, ApiKeyShape, ApiKeysShape, CreatedApiKeyShape, RotateBody
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_common import clock
from vai_records.people import api_keys, scopes, service_accounts
from vai_records.people.api_keys import ApiKey, KeyStatus
from vai_records.people.people import Role
from vai_records.people.scopes import BadScope, named_id
from vai_records.refused import refused

router = APIRouter(prefix="/api/v1/api-keys", tags=["API keys"], route_class=JsonRoute, responses=PROBLEMS)

KeyStatusWords = Annotated[list[Annotated[str, one_of(KeyStatus)]] | None, Query()]


def key_json(key: ApiKey) -> dict[str, Any]:
    return {
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "id": key.id,
        "lastUsedAt": key.last_used_at,
        "name": key.name,
        "prefix": key.prefix,
        "revokedAt": key.revoked_at,
        "role": key.role,
        "scopes": key.scopes,
        "status": key.state,
        "userId": key.user_id,
    }


@router.get("", response_model=ApiKeysShape, summary="List API keys")
async def list_keys(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(description="Part of a name, or how the key begins")] = None,
    status: KeyStatusWords = None,
    user_id: Annotated[UUID | None, Query(description="Of this person or service account")] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """One's own; an administrator sees all of the organisation."""
    states = words(status, list(KeyStatus), "status")
    async with gateway_of(request).engine.connect() as conn:
        found, total = await api_keys.list_page(
            conn, principal.org_id, _whose(principal), of=user_id, q=q, states=states, limit=limit, offset=offset
        )
        items = [key_json(key) for key in found]
        users = [key.user_id for key in found]
        return answer(await page(conn, principal.org_id, "apiKeys", items, users, (limit, offset, total)))


@router.post("", response_model=CreatedApiKeyShape, status_code=201, summary="Create an API key")
async def create_key(request: Request, principal: Viewer, body: ApiKeyBody) -> Response:
    """Acts for the caller, with at most the caller's role; or for a service account, with at most its role.

    With `scopes` it is narrowed within its role. The key is in this answer and never again.
    """
    role, ends = Role(body.role), _expiry(principal, body.expires_at)
    _check(principal, role)
    async with gateway_of(request).rows.begin(principal.org_id) as conn:
        owner = await _owner(conn, principal, role, body.service_account_id)
        scopes = None if body.scopes is None else await _scopes(conn, principal.org_id, role, body.scopes)
        _check_scopes(principal, scopes)
        made = await api_keys.create_key(conn, principal.org_id, owner, body.name, role, ends, scopes)
        key = await api_keys.get(conn, principal.org_id, None, made.id)
    assert key is not None
    headers = {"Location": f"/api/v1/api-keys/{made.id}", "Cache-Control": "no-store"}
    return answer({**key_json(key), "key": made.secret}, 201, headers)


@router.get("/{key_id}", response_model=ApiKeyShape, summary="Get an API key")
async def get_key(request: Request, principal: Viewer, key_id: UUID) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        key = await api_keys.get(conn, principal.org_id, _whose(principal), key_id)
    if key is None:
        raise not_found("API key")
    return answer(key_json(key))


@router.post("/{key_id}/rotate", response_model=CreatedApiKeyShape, status_code=201, summary="Replace an API key")
async def rotate_key(
    request: Request, principal: Viewer, key_id: UUID, body: Annotated[RotateBody | None, Body()] = None
) -> Response:
    """A new key with the name, role and scopes of an active one, which ends after the overlap.

    One's own, or a service account's as an administrator: nobody gets a key that acts for somebody else.
    """
    body = body or RotateBody()
    ends = _expiry(principal, body.expires_at)
    async with gateway_of(request).rows.begin(principal.org_id) as conn:
        old = await api_keys.get(conn, principal.org_id, _whose(principal), key_id)
        if old is None:
            raise not_found("API key")
        if old.state is not KeyStatus.ACTIVE:
            raise conflict(f"the key is {old.state}; make a new one")
        if old.user_id != principal.user_id and await service_accounts.get(conn, principal.org_id, old.user_id) is None:
            raise Problem(403, "forbidden", "the key is another person's, who alone rotates it; you can revoke it")
        _check(principal, old.role)
        _check_scopes(principal, old.scopes)
        made = await api_keys.create_key(conn, principal.org_id, old.user_id, old.name, old.role, ends, old.scopes)
        await api_keys.end_after(conn, principal.org_id, old.id, body.overlap_minutes)
        key = await api_keys.get(conn, principal.org_id, None, made.id)
    assert key is not None
    gateway_of(request).authenticator.forget(principal.org_id)
    headers = {"Location": f"/api/v1/api-keys/{made.id}", "Cache-Control": "no-store"}
    return answer({**key_json(key), "key": made.secret}, 201, headers)


@router.delete("/{key_id}", status_code=204, response_class=Response, summary="Revoke an API key")
async def revoke_key(request: Request, principal: Viewer, key_id: UUID) -> Response:
    """One's own, or any as an administrator; it and the tokens that it asked for are worthless at once."""
    gateway = gateway_of(request)
    async with gateway.rows.begin(principal.org_id) as conn:
        if await api_keys.get(conn, principal.org_id, _whose(principal), key_id) is None:
            raise not_found("API key")
        await api_keys.revoke_key(conn, principal.org_id, key_id)
    gateway.authenticator.forget(principal.org_id)
    return nothing()


def _whose(principal: Principal) -> UUID | None:
    return None if principal.role is Role.ADMIN else principal.user_id


def _check(principal: Principal, role: Role) -> None:
    if not principal.role.covers(role):
        raise Problem(403, "forbidden", f"a key cannot have more than your role, {principal.role}", ("body", "role"))
    if principal.key_id is not None and principal.role is not Role.ADMIN:
        # Somebody who finds a key must not be able to make another one that outlives it.
        raise Problem(403, "forbidden", "a key makes another one only as an administrator's; sign in as yourself")


async def _owner(conn: AsyncConnection, principal: Principal, role: Role, account_id: UUID | None) -> UUID:
    """For whom a new key acts."""
    if account_id is None:
        return principal.user_id
    loc = ("body", "serviceAccountId")
    if principal.role is not Role.ADMIN:
        raise Problem(403, "forbidden", "only an administrator makes keys for a service account", loc)
    account = await service_accounts.get(conn, principal.org_id, account_id)
    if account is None:
        raise refused(loc, "there is no such service account; GET /api/v1/service-accounts lists them")
    if not account.role.covers(role):
        message = f"{account.name} has the role {account.role}; a key of it cannot be {role}"
        raise refused(("body", "role"), message)
    return account_id


async def _scopes(conn: AsyncConnection, org_id: UUID, role: Role, given: Sequence[str]) -> list[str]:
    """The scopes as they are stored: with ids where slugs were given. Raises `Refused`."""
    found = []
    for number, scope in enumerate(given):
        loc = ("body", "scopes", number)
        try:
            base, name = scopes.split(scope)
            scopes.check_role(scope, role)
        except BadScope as error:
            raise refused(loc, str(error)) from error
        if name is not None:
            thing = await named_id(conn, org_id, scopes.NAMED[base], name)
            if thing is None:
                raise refused(loc, f"there is no {scopes.NAMED[base][:-1]} {name!r}; give its slug or its id")
            scope = f"{base}:{thing}"
        found.append(scope)
    return found


def _check_scopes(principal: Principal, given: Sequence[str] | None) -> None:
    """A key that is narrowed makes none that reaches further."""
    if principal.scopes is None:
        return
    told = ", ".join(sorted(principal.scopes))
    if given is None:
        message = f"this API key has scopes, and makes keys with some of these only: {told}"
        raise Problem(403, "scope_missing", message, ("body", "scopes"))
    if further := scopes.wider(given, principal.scopes):
        message = f"a key cannot give what it does not have: {', '.join(further)}; this one has {told}"
        raise Problem(403, "scope_missing", message, ("body", "scopes"))


def _expiry(principal: Principal, given: datetime | None) -> datetime | None:
    """A key that makes another one cannot give it a later end than its own."""
    if given is not None and given <= clock.now():
        raise refused(("body", "expiresAt"), "must be in the future")
    if principal.key_id is None or principal.until == NEVER:
        return given
    if given is not None and given > principal.until:
        raise refused(("body", "expiresAt"), f"not later than the end of your own key, {principal.until:%FT%TZ}")
    return given or principal.until
