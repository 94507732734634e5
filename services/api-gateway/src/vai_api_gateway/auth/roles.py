"""Who may do what: the role that each route demands of whoever asks (decision 26).

A route says it in its signature: `principal: Admin`. Approving and rejecting take `Operator`. What a role covers stands
in `vai_records.people.people.Role`.
"""

from typing import Annotated

from fastapi import Depends, Request

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.problems import Problem
from vai_records.people.people import Role

_ASKED = "vai.principal"
"""Where a request's scope holds who asks, once that is known."""


class Demand:
    """The role that a route asks for; a dependency of the route, so that it can be read from there."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Principal:
        """Who asks. The route asks before it reads the body; what depends on it is told the same without a question."""
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
    """Who asks, of a route that has a `Demand`."""
    principal: Principal = request.scope[_ASKED]
    return principal


class Open:
    """A route that needs no role: it says why."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __call__(self) -> None:
        """Everybody may."""


Viewer = Annotated[Principal, Depends(Demand(Role.VIEWER))]
Operator = Annotated[Principal, Depends(Demand(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(Demand(Role.ADMIN))]
