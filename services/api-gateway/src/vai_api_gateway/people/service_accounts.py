"""/api/v1/service-accounts: members of the organisation that are programs (docs/access.md)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from vai_api_gateway.auth.roles import Admin, Viewer
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset, answer, nothing, page, words
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.people.shapes import (
    ServiceAccountBody,
    ServiceAccountPatch,
    ServiceAccountShape,
    ServiceAccountsShape,
)
from vai_api_gateway.people.users import RoleWords
from vai_api_gateway.problems import Problem, conflict, not_found
from vai_records.people import service_accounts
from vai_records.people.people import Role
from vai_records.people.service_accounts import MOST, NameTaken, ServiceAccount, TooMany

router = APIRouter(
    prefix="/api/v1/service-accounts", tags=["Service accounts"], route_class=JsonRoute, responses=PROBLEMS
)


def account_json(account: ServiceAccount) -> dict[str, Any]:
    return {
        "activeKeys": account.active_keys,
        "createdAt": account.created_at,
        "disabledAt": account.disabled_at,
        "id": account.id,
        "lastUsedAt": account.last_used_at,
        "name": account.name,
        "role": account.role,
        "status": "active" if account.disabled_at is None else "disabled",
    }


@router.get("", response_model=ServiceAccountsShape, summary="List service accounts")
async def list_service_accounts(
    request: Request,
    principal: Viewer,
    q: Annotated[str | None, Query(max_length=100, description="A part of the name")] = None,
    role: RoleWords = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """In the order of their names; people are in the list of users."""
    roles = words(role, list(Role), "role")
    async with gateway_of(request).engine.connect() as conn:
        found, total = await service_accounts.list_page(
            conn, principal.org_id, q=q, roles=roles, limit=limit, offset=offset
        )
        items = [account_json(account) for account in found]
        return answer(await page(conn, principal.org_id, "serviceAccounts", items, [], (limit, offset, total)))


@router.post("", response_model=ServiceAccountShape, status_code=201, summary="Create a service account")
async def create_service_account(request: Request, principal: Admin, body: ServiceAccountBody) -> Response:
    """A member that is a program, for whom `POST /api/v1/api-keys` with `serviceAccountId` makes keys."""
    async with gateway_of(request).rows.begin(principal.org_id) as conn:
        try:
            made = await service_accounts.create(conn, principal.org_id, body.name, Role(body.role))
        except NameTaken as error:
            raise _taken(body.name) from error
        except TooMany as error:
            raise conflict(f"the organisation has {MOST:,} service accounts: delete some of them") from error
    return answer(account_json(made), 201, {"Location": f"{router.prefix}/{made.id}"})


@router.get("/{account_id}", response_model=ServiceAccountShape, summary="Get a service account")
async def get_service_account(request: Request, principal: Viewer, account_id: UUID) -> Response:
    async with gateway_of(request).engine.connect() as conn:
        return answer(account_json(_there(await service_accounts.get(conn, principal.org_id, account_id))))


@router.patch("/{account_id}", response_model=ServiceAccountShape, summary="Change a service account")
async def update_service_account(
    request: Request, principal: Admin, account_id: UUID, body: ServiceAccountPatch
) -> Response:
    """A role counts at once for its keys. `status: disabled` makes them worthless until it is `active` again."""
    gateway = gateway_of(request)
    enabled = None if body.status is None else body.status == "active"
    role = None if body.role is None else Role(body.role)
    async with gateway.rows.begin(principal.org_id) as conn:
        try:
            changed = await service_accounts.change(
                conn, principal.org_id, account_id, name=body.name, role=role, enabled=enabled
            )
        except NameTaken as error:
            raise _taken(body.name or "") from error
    gateway.authenticator.forget(principal.org_id)
    return answer(account_json(_there(changed)))


@router.delete("/{account_id}", status_code=204, response_class=Response, summary="Delete a service account")
async def delete_service_account(request: Request, principal: Admin, account_id: UUID) -> Response:
    """With its keys, which are worthless at once; what it did keeps its name."""
    gateway = gateway_of(request)
    async with gateway.rows.begin(principal.org_id) as conn:
        if not await service_accounts.remove(conn, principal.org_id, account_id):
            raise not_found("service account")
    gateway.authenticator.forget(principal.org_id)
    return nothing()


def _there(found: ServiceAccount | None) -> ServiceAccount:
    if found is None:
        raise not_found("service account")
    return found


def _taken(name: str) -> Problem:
    return conflict(f"another service account has the name {name!r}; choose another one", ("body", "name"))
