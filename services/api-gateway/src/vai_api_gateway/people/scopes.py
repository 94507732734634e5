"""/api/v1/scopes: what an API key may be narrowed to (docs/access.md)."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.roles import Viewer
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Shape
from vai_api_gateway.people.shapes import RoleName
from vai_records.people.scopes import NAMED, SCOPES

router = APIRouter(prefix="/api/v1/scopes", tags=["API keys"], route_class=JsonRoute, responses=PROBLEMS)


class ScopeShape(Shape):
    """`role` is the least that a key with it has. `names`: what one may be named behind it, as in `…:nightly`."""

    scope: str
    role: RoleName
    description: str
    names: Literal["actions", "automations"] | None


class ScopesShape(Shape):
    scopes: list[ScopeShape]


@router.get("", response_model=ScopesShape, summary="List the scopes of API keys")
async def list_scopes(request: Request, principal: Viewer) -> Response:
    """In alphabetical order."""
    found = [
        {"scope": name, "role": scope.role, "description": scope.about, "names": NAMED.get(name)}
        for name, scope in sorted(SCOPES.items())
    ]
    return answer({"scopes": found})
