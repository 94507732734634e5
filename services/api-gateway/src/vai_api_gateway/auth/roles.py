"""Who may do what: the role that each route needs (decision 26).

A route names it in its signature: `principal: Admin`. Approving and rejecting need `Operator`. The order of the roles
is in `vai_records.people.people.Role`.
"""

from typing import Annotated

from fastapi import Depends, Request

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.problems import Problem
from vai_records.people.people import Role

_ASKED = "vai.principal"
"""The key of the principal in a request's scope, once it is known."""


class Demand:
    """The role that a route asks for; a dependency of the route, so that it can be read from there."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Principal:
        """The principal. The route authenticates before it reads the body; dependencies then get the same principal."""
        known: Principal | None = request.scope.get(_ASKED)
        if known is not None:
            return known
        authenticator: Authenticator = request.app.state.gateway.authenticator
        principal = await authenticator.principal(request)
        if not principal.role.covers(self.role):
            raise Problem(403, "forbidden", f"this needs the role {self.role}; yours is {principal.role}")
        authenticator.count_call(principal)
        request.scope[_ASKED] = principal
        return principal


def asked_by(request: Request) -> Principal:
    """The principal of a route that has a `Demand`."""
    principal: Principal = request.scope[_ASKED]
    return principal


class Open:
    """A route that needs no role, with the reason."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __call__(self) -> None:
        """Does nothing: the route is open."""


Viewer = Annotated[Principal, Depends(Demand(Role.VIEWER))]
Operator = Annotated[Principal, Depends(Demand(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(Demand(Role.ADMIN))]
