"""Every route says which role it asks for, and asks for it."""

import re

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from vai_api_gateway.auth.roles import Demand, Open
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.reference.openapi import routes_of
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_testkit.team import Team

OPEN = {
    ("post", "/api/v1/session"),
    ("delete", "/api/v1/session"),
    ("post", "/webhooks/{org_id}/{path}"),
    ("post", "/api/v1/invitations/accept"),
}
"""What needs no credential; a route that is added here must say why."""


def said(route: JsonRoute) -> list[Demand | Open]:
    """The role that a route asks for, or its reasons to need none."""
    asked: list[Demand | Open] = [] if route.demand is None else [route.demand]
    return asked + reasons(route.dependant)


def reasons(dependant: Dependant) -> list[Demand | Open]:
    own: list[Demand | Open] = [dependant.call] if isinstance(dependant.call, Open) else []
    return own + [each for inner in dependant.dependencies for each in reasons(inner)]


def test_every_route_states_its_role(app: FastAPI) -> None:
    routes = list(routes_of(app))
    assert len(routes) > 30
    assert [(method, path) for method, path, route in routes if len(said(route)) != 1] == []


def test_what_is_open_to_all_is_a_short_list(app: FastAPI) -> None:
    there = {(method, path) for method, path, route in routes_of(app) for found in said(route) if is_open(found)}
    assert there <= OPEN


def is_open(found: Demand | Open) -> bool:
    return isinstance(found, Open) and bool(found.why)


def demanding(app: FastAPI, *roles: Role) -> list[tuple[str, str]]:
    """Method and path, with ids that nobody has, of the routes that ask for one of these roles."""
    return [
        (method.upper(), re.sub(r"{\w+}", str(uuid7()), path))
        for method, path, route in routes_of(app)
        for found in said(route)
        if isinstance(found, Demand) and found.role in roles
    ]


@pytest.mark.parametrize(
    ("mine", "refused"),
    [(Role.VIEWER, (Role.OPERATOR, Role.ADMIN)), (Role.OPERATOR, (Role.ADMIN,))],
)
async def test_a_key_is_refused_wherever_more_is_asked_for(
    app: FastAPI, web: httpx2.AsyncClient, team: Team, mine: Role, refused: tuple[Role, ...]
) -> None:
    asked = demanding(app, *refused)
    assert asked
    for method, path in asked:
        body = {} if method in ("POST", "PATCH", "PUT") else None
        answer = await web.request(method, path, headers=team.headers(mine), json=body)
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (403, "forbidden"), (method, path)


async def test_without_a_credential_every_other_route_is_closed(app: FastAPI, web: httpx2.AsyncClient) -> None:
    for method, path in demanding(app, *Role):
        body = {} if method in ("POST", "PATCH", "PUT") else None
        assert (await web.request(method, path, json=body)).status_code == 401, (method, path)
