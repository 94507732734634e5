"""A flood of one organisation keeps no other's requests waiting."""

import asyncio
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.turns import FEW, MOST, Turns
from vai_api_gateway.runs.intake import Created
from vai_common.ids import uuid7
from vai_records.runs.new_run import NewRun
from vai_testkit.database import new_run


async def test_alone_a_turn_comes_at_once() -> None:
    turns = Turns()
    for _ in range(MOST):
        await asyncio.wait_for(turns.turn(uuid7), 30)


async def test_where_only_one_organisation_is_here_nobody_waits() -> None:
    turns, flood = Turns(), uuid7()
    many = [asyncio.create_task(turns.turn(lambda: flood)) for _ in range(200)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert all(task.done() for task in many)


async def test_whoever_has_one_request_has_the_next_turn_however_many_wait() -> None:
    turns, flood, other = Turns(), uuid7(), uuid7()
    order: list[UUID] = []

    async def comes(org_id: UUID) -> None:
        await turns.turn(lambda: org_id)
        order.append(org_id)

    await turns.again(other)  # it was here a moment ago
    many = [asyncio.create_task(comes(flood)) for _ in range(200)]
    await asyncio.sleep(0)
    one = asyncio.create_task(comes(other))
    await asyncio.gather(*many, one)
    assert order.index(other) <= FEW + 4 * MOST
    assert order.count(flood) == 200


async def test_who_gives_up_keeps_nobody_waiting() -> None:
    turns, org_id = Turns(), uuid7()
    many = [asyncio.create_task(turns.turn(lambda: org_id)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in many[10:]:
        task.cancel()
    last = asyncio.create_task(turns.turn(lambda: org_id))
    await asyncio.wait_for(last, 30)
    await asyncio.gather(*many, return_exceptions=True)


async def test_few_never_wait_however_many_were_there_before() -> None:
    turns, one, other = Turns(), uuid7(), uuid7()
    await turns.again(one)
    await turns.again(other)
    for _ in range(10 * FEW):
        with pytest.raises(StopIteration):
            turns.turn(lambda: one).send(None)
        turns.over()


async def test_new_runs_of_two_organisations_are_all_made(gateway: Gateway) -> None:
    flood, other = uuid7(), uuid7()
    runs = [new_run(org_id=flood) for _ in range(60)] + [new_run(org_id=other) for _ in range(6)]
    made = await asyncio.gather(*(gateway.intake.create(run) for run in runs))
    assert [created.run["id"] for created in made] == [run.id for run in runs]
    assert all(created.is_new for created in made)


async def test_a_commit_of_many_lets_a_single_one_go_on_first() -> None:
    turns, flood, other = Turns(), uuid7(), uuid7()
    order: list[UUID] = []

    async def goes_on(org_id: UUID) -> None:
        await turns.again(org_id)
        order.append(org_id)

    await turns.again(other)
    many = [asyncio.create_task(goes_on(flood)) for _ in range(200)]
    await asyncio.sleep(0)
    one = asyncio.create_task(goes_on(other))
    await asyncio.gather(*many, one)
    assert order.index(other) <= 4 * MOST
    assert order.count(flood) == 200


async def test_where_one_organisation_is_alone_what_is_stored_waits_for_nobody() -> None:
    turns, org_id = Turns(), uuid7()
    many = [turns.again(org_id) for _ in range(10 * MOST)]
    for one in many:
        with pytest.raises(StopIteration):
            one.send(None)


async def test_an_end_that_comes_before_the_answer_to_the_insert_is_heard(
    gateway: Gateway, api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = gateway.intake.create

    async def ended_at_once(new: NewRun, *, ring: bool = True) -> Created:
        created = await create(new, ring=ring)
        gateway.waiters._hear(new.id.hex)
        return created

    monkeypatch.setattr(gateway.intake, "create", ended_at_once)
    body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
    answer = await asyncio.wait_for(api.post("/api/v1/action-runs", json=body, headers={"Prefer": "wait=30"}), 10)
    assert answer.status_code == 201
    assert not gateway.waiters._waiting


async def test_health_is_answered_first_however_many_ask_without_a_key(api: httpx2.AsyncClient) -> None:
    order: list[str] = []

    async def asks(path: str) -> None:
        await api.get(path)
        order.append(path)

    many = [asyncio.create_task(asks("/nothere")) for _ in range(100)]
    await asyncio.sleep(0)
    await asyncio.gather(*many, *(asks(path) for path in ("/healthz", "/readyz")))
    assert max(order.index("/healthz"), order.index("/readyz")) <= FEW + 4 * MOST
