"""A row that a process holds and does not let go costs those who want it an answer, and nobody else anything."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import httpx2
import pytest

import vai_api_gateway
from vai_api_gateway.gateway import Gateway
from vai_common import db
from vai_common.clock import steady_seconds
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_testkit.team import Team, make_team

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
SECONDS = 15.0
"""The time of an answer at its worst: the lock, the turn, and a slow machine."""

Hold = Callable[[list[str]], Awaitable[None]]


@pytest.fixture
async def hold(gateway: Gateway) -> AsyncIterator[Hold]:
    """Runs of a worker that stands still in the middle of a transaction."""
    frozen: Any = await db.connect(gateway.settings.database_url, "extract-worker", db.UNBOUND)
    await frozen.execute("BEGIN")
    owner = uuid7()

    async def hold(runs: list[str]) -> None:
        ids = [UUID(each) for each in runs]
        await frozen.execute(
            """UPDATE runs SET status = 'running', phase = 'leased', lease_owner = $2, epoch = epoch + 1,
                started_at = clock_timestamp(), due_at = clock_timestamp() + interval '90 s' WHERE id = ANY($1)""",
            ids,
            owner,
        )
        await frozen.execute("COMMIT")
        await frozen.execute("BEGIN")
        await frozen.execute("SELECT FROM runs WHERE id = ANY($1) FOR UPDATE", ids)

    yield hold
    await frozen.execute("ROLLBACK")
    await frozen.close()


async def _made(api: httpx2.AsyncClient, count: int) -> list[str]:
    answers = [await api.post(RUNS, json=NOOP) for _ in range(count)]
    return [answer.json()["id"] for answer in answers]


@pytest.mark.parametrize(("word", "held"), [("cancel", 1), ("pause", 1), ("cancel", 10)])
async def test_who_wants_to_change_a_run_that_is_held_hears_so_and_the_others_go_on(
    api: httpx2.AsyncClient, hold: Hold, word: str, held: int
) -> None:
    runs, (other,) = await _made(api, held), await _made(api, 1)
    await hold(runs)

    began = steady_seconds()
    asked = [asyncio.create_task(api.post(f"{RUNS}/{runs[at % held]}/{word}")) for at in range(20)]
    done: list[httpx2.Response] = []
    while not all(task.done() for task in asked):
        turn = steady_seconds()
        done += [await api.get(f"{RUNS}/{other}"), await api.get(RUNS), await api.post(RUNS, json=NOOP)]
        assert steady_seconds() - turn < 4
        await asyncio.wait(asked, timeout=0.2)

    assert steady_seconds() - began < SECONDS
    assert {answer.status_code for answer in done} == {200, 201}
    answers = [task.result() for task in asked]
    assert {answer.status_code for answer in answers} == {503}
    assert all(answer.headers["retry-after"] and answer.json()["detail"][0]["msg"] for answer in answers)


@pytest.mark.parametrize(("what", "times"), [("organisation", 40), ("invitation", 8)])
async def test_an_organisation_whose_row_is_held_takes_nobody_elses_connections(
    api: httpx2.AsyncClient, web: httpx2.AsyncClient, gateway: Gateway, team: Team, what: str, times: int
) -> None:
    """Each answer of the other organisation asks the database for its credential again."""
    gateway.sign_ins.count = AsyncMock()  # type: ignore[method-assign]
    invited = (await api.post("/api/v1/users", json={"email": "ada@example.com", "role": "viewer"})).json()
    accept = {"token": invited["invitationToken"], "password": "a password of her own"}

    def change() -> Coroutine[Any, Any, httpx2.Response]:
        if what == "organisation":
            return api.patch("/api/v1/organisation", json={"name": "A"})
        return web.post("/api/v1/invitations/accept", json=accept)

    other = await make_team(gateway.engine, "modest")
    frozen: Any = await db.connect(gateway.settings.database_url, "api-gateway", db.UNBOUND)
    try:
        await frozen.execute("BEGIN")
        await frozen.execute("SELECT FROM organisations WHERE id = $1 FOR UPDATE", team.org_id)
        await frozen.execute("SELECT FROM memberships WHERE org_id = $1 FOR UPDATE", team.org_id)
        began = steady_seconds()
        asked = [asyncio.create_task(change()) for _ in range(times)]
        done: list[httpx2.Response] = []
        while not all(task.done() for task in asked):
            gateway.authenticator.forget(other.org_id)
            turn = steady_seconds()
            done.append(await web.post(RUNS, json=NOOP, headers=other.headers()))
            done.append(await web.patch("/api/v1/organisation", json={"name": "B"}, headers=other.headers(Role.ADMIN)))
            assert steady_seconds() - turn < 4
            await asyncio.wait(asked, timeout=0.1)
        assert steady_seconds() - began < SECONDS
        assert {answer.status_code for answer in done} == {200, 201}
        assert {task.result().status_code for task in asked} == {503}
    finally:
        await frozen.execute("ROLLBACK")
        await frozen.close()
    assert (await api.patch("/api/v1/organisation", json={"name": "A"})).status_code == 200


def test_every_route_that_changes_rows_takes_its_organisations_turn() -> None:
    """A transaction straight on the engine would let one organisation take all of its connections again."""
    source = Path(vai_api_gateway.__file__).parent
    straight = {str(path.relative_to(source)) for path in source.rglob("*.py") if "engine.begin()" in path.read_text()}
    assert straight == {"http/changes.py", "auth/authenticator.py"}
