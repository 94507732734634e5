"""/api/v1/secrets: write-only values that definitions name as `$/secrets/NAME` (docs/variables.md)."""

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Admin, Viewer
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.variables import naming
from vai_api_gateway.variables.naming import Force, Search
from vai_api_gateway.variables.shapes import NameInPath, SecretBody, SecretShape, SecretsShape
from vai_records.variables.store import SECRETS

router = APIRouter(prefix="/api/v1/secrets", tags=["Variables"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=SecretsShape, summary="List secrets")
async def list_secrets(
    request: Request, principal: Viewer, q: Search = None, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """In the order of their names."""
    return await naming.listed(request, principal, SECRETS, q, (limit, offset))


@router.get("/{name}", response_model=SecretShape, summary="Get a secret")
async def get_secret(request: Request, principal: Viewer, name: NameInPath) -> Response:
    """When it was set and by whom, and what names it; never its value."""
    return await naming.shown(request, principal, SECRETS, name)


@router.put(
    "/{name}",
    response_model=SecretShape,
    responses={201: {"model": SecretShape, "description": "It is new"}},
    summary="Set a secret",
)
async def put_secret(request: Request, principal: Admin, name: NameInPath, body: SecretBody) -> Response:
    """Makes it, or gives it another value and description. Runs that are made from now on have the new value."""
    return await naming.put(request, principal, SECRETS, name, (body.value, body.description))


@router.delete("/{name}", status_code=204, response_class=Response, summary="Delete a secret")
async def delete_secret(request: Request, principal: Admin, name: NameInPath, force: Force = False) -> Response:
    """409 where a saved action, automation or agent names it. Runs that are there keep what they were made with."""
    return await naming.delete(request, principal, SECRETS, name, force=force)
