"""/api/v1/variables: values that definitions name as `$/vars/NAME` (docs/variables.md)."""

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Admin, Viewer
from vai_api_gateway.http.answers import PROBLEMS, Limit, Offset
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.variables import naming
from vai_api_gateway.variables.naming import Force, Search
from vai_api_gateway.variables.shapes import NameInPath, VariableBody, VariableShape, VariablesShape
from vai_records.variables.store import VARIABLES

router = APIRouter(prefix="/api/v1/variables", tags=["Variables"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=VariablesShape, summary="List variables")
async def list_variables(
    request: Request, principal: Viewer, q: Search = None, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """In the order of their names."""
    return await naming.listed(request, principal, VARIABLES, q, (limit, offset))


@router.get("/{name}", response_model=VariableShape, summary="Get a variable")
async def get_variable(request: Request, principal: Viewer, name: NameInPath) -> Response:
    """With its value, and what names it."""
    return await naming.shown(request, principal, VARIABLES, name)


@router.put(
    "/{name}",
    response_model=VariableShape,
    responses={201: {"model": VariableShape, "description": "It is new"}},
    summary="Set a variable",
)
async def put_variable(request: Request, principal: Admin, name: NameInPath, body: VariableBody) -> Response:
    """Makes it, or gives it another value and description. Runs that are made from now on have the new value."""
    return await naming.put(request, principal, VARIABLES, name, (body.value, body.description))


@router.delete("/{name}", status_code=204, response_class=Response, summary="Delete a variable")
async def delete_variable(request: Request, principal: Admin, name: NameInPath, force: Force = False) -> Response:
    """409 where a saved action, automation or agent names it. Runs that are there keep what they were made with."""
    return await naming.delete(request, principal, VARIABLES, name, force=force)
