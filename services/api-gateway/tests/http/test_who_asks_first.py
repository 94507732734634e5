"""401 and 403 come from the head alone: a stranger's body is not read, however large or broken it is."""

import re
from collections.abc import AsyncIterator

import httpx2
from fastapi import FastAPI

from vai_api_gateway.auth.roles import Demand
from vai_api_gateway.reference.openapi import role_of, routes_of
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_testkit.team import Team

BROKEN = b'{"kind": '


class Body:
    """A body that tells whether somebody has begun to read it."""

    def __init__(self) -> None:
        self.read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.read = True
        for _ in range(4):
            yield BROKEN


def writing(app: FastAPI) -> list[tuple[str, str, Role]]:
    """Method, path and role of all that takes a body."""
    found = []
    for method, path, route in routes_of(app):
        role = role_of(route)
        if isinstance(role, Role) and method != "get":
            found.append((method.upper(), re.sub(r"{\w+}", str(uuid7()), path), role))
    return found


async def test_nobody_reads_the_body_of_a_stranger(app: FastAPI, web: httpx2.AsyncClient, team: Team) -> None:
    assert len(writing(app)) > 25
    for method, path, needed in writing(app):
        for headers, status in (({}, 401), ({"X-API-Key": "vai_unknown"}, 401), (team.headers(Role.VIEWER), 403)):
            if status == 403 and needed is Role.VIEWER:
                continue
            body = Body()
            answer = await web.request(
                method, path, content=body, headers=headers | {"content-type": "application/json"}
            )
            assert (answer.status_code, body.read) == (status, False), (method, path)


async def test_a_credential_is_asked_for_once(app: FastAPI, api: httpx2.AsyncClient, team: Team) -> None:
    holder, asked = app.state.gateway.authenticator.holders, []
    before = holder.holder

    async def counting(shown: object) -> object:
        asked.append(shown)
        return await before(shown)

    holder.holder = counting
    assert (await api.get("/api/v1/me")).status_code == 200
    assert len(asked) == 1


async def test_many_arrays_are_refused_before_they_are_made(api: httpx2.AsyncClient) -> None:
    many = b'{"runs":[' + b"[]," * 2_000_000 + b"[]]}"
    answer = await api.post("/api/v1/action-runs/batch", content=many, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "json_too_large")


async def test_brackets_in_a_text_are_no_arrays(api: httpx2.AsyncClient) -> None:
    for text in ("[" * 300_000, '\\"{' * 150_000, '"[' * 260_000, "a\\\\[" * 130_000):
        body = {"kind": "http_request", "definition": {"url": "https://example.com", "body_text": text}}
        answer = await api.post("/api/v1/action-runs?defer=true", json=body)
        assert answer.status_code == 201, answer.text[:200]


async def test_a_sign_in_is_a_small_body(web: httpx2.AsyncClient) -> None:
    body = {"email": "a@example.com", "password": "x" * 20_000}
    assert (await web.post("/api/v1/session", json=body)).status_code == 413


def test_every_route_that_needs_a_role_knows_it_before_it_reads(app: FastAPI) -> None:
    for method, path, route in routes_of(app):
        assert isinstance(route.demand, Demand) is isinstance(role_of(route), Role), (method, path)
