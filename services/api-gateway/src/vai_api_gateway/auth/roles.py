"""Who may do what: the role that each route needs (decision 26).

A route names it in its signature: `principal: Admin`. Approving and rejecting need `Operator`. The order of the roles
is in `vai_records.people.people.Role`.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

from fastapi import Request, Response

from vai_api_gateway.auth.authenticator import Authenticator
from vai_api_gateway.auth.needs import Need, Rule, judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.problems import Problem
from vai_records.people.people import Role

_ASKED = "vai.principal"
"""The key of the principal in a request's scope, once it is known."""

_REFUSED = "vai.refused"
"""The key of a principal in a request's scope whose role or scopes are not enough."""


Endpoint = Callable[..., Awaitable[Response]]


class Demand:
    """The role that a route asks for. `JsonRoute` finds it in the signature, and asks before it reads the body."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def principal(self, request: Request, need: Need = Rule.ANY) -> Principal:
        """Who asks. Raises `Problem` 401 without a credential, 403 if the role does not cover this one or a key that is
        narrowed lacks the scope that is needed.
        """
        authenticator: Authenticator = request.app.state.gateway.authenticator
        principal = await authenticator.principal(request)
        if not principal.role.covers(self.role):
            request.scope[_REFUSED] = principal
            raise Problem(403, "forbidden", f"this needs the role {self.role}; yours is {principal.role}")
        if principal.scopes is not None:
            request.scope[_REFUSED] = principal
            judge(principal, need, request.path_params)
            del request.scope[_REFUSED]
        authenticator.count_call(principal)
        request.scope[_ASKED] = principal
        return principal


def asked_by(request: Request) -> Principal:
    """The principal of a route that has a `Demand`."""
    principal: Principal = request.scope[_ASKED]
    return principal


def refused_one(request: Request) -> Principal | None:
    """The principal to whom a `Demand` was refused."""
    return request.scope.get(_REFUSED)


class Open:
    """A route that needs no role, with the reason."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __call__(self) -> None:
        """Does nothing: the route is open."""


Viewer = Annotated[Principal, Demand(Role.VIEWER)]
Operator = Annotated[Principal, Demand(Role.OPERATOR)]
Admin = Annotated[Principal, Demand(Role.ADMIN)]


def demand_of(endpoint: Endpoint) -> tuple[Demand | None, Endpoint]:
    """The role that a function's signature asks for, and the function as FastAPI calls it: without the principal.

    The principal is known before. As a dependency of FastAPI it would cost a tenth of a small request.
    """
    signature = inspect.signature(endpoint)
    asked = {name: demand for name, one in signature.parameters.items() for demand in _demands(one.annotation)}
    if not asked:
        return None, endpoint
    ((name, demand),) = asked.items()
    takes_request = "request" in signature.parameters

    @wraps(endpoint)
    async def with_principal(request: Request, **given: Any) -> Response:
        given[name] = asked_by(request)
        if takes_request:
            given["request"] = request
        return await endpoint(**given)

    left = [one for one in signature.parameters.values() if one.name not in (name, "request")]
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    with_principal.__signature__ = signature.replace(parameters=[request, *left])  # type: ignore[attr-defined]
    return demand, with_principal


def _demands(annotation: Any) -> list[Demand]:
    return [each for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Demand)]
