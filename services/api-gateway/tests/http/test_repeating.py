"""`Idempotency-Key`: the same request twice starts one thing, whatever it starts."""

import asyncio
from typing import Any

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_testkit.flashboards import flashboard
from vai_testkit.scheduling import Scheduling
from vai_testkit.services import OtherServices
from vai_testkit.team import Team
from vai_testkit.wait import wait_for

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
OTHER = {"kind": "dlt_extract", "definition": {"source": "sample"}}
FAILED = {"code": "DATA_ERROR", "message": "bad", "details": {}, "retryable": False}
AUTOMATION = {"name": "a", "actions": [NOOP]}

Json = dict[str, Any]


async def a_run(api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling) -> tuple[str, Json, Json]:
    return RUNS, NOOP, OTHER


async def an_action(api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling) -> tuple[str, Json, Json]:
    made = (await api.post("/api/v1/actions", json=NOOP | {"name": "a"})).json()
    return f"/api/v1/actions/{made['id']}/run", {}, {"definitionOverrides": {"source": "sample"}}


async def an_automation(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling
) -> tuple[str, Json, Json]:
    made = (await api.post("/api/v1/automations", json=AUTOMATION)).json()
    return f"/api/v1/automations/{made['id']}/trigger", {}, {"inputs": {"day": 1}}


async def a_flashboard(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling
) -> tuple[str, Json, Json]:
    return "/api/v1/flashboards/sales/refresh", {}, {"current": False}


STARTERS = (a_run, an_action, an_automation, a_flashboard)


@pytest.fixture(autouse=True)
async def board(gateway: Gateway, team: Team) -> None:
    await flashboard(gateway.pool, team.org_id)


def id_of(answer: httpx2.Response) -> str:
    said = answer.json()
    return str(said.get("runId") or said["id"])


@pytest.mark.parametrize("starter", STARTERS)
async def test_the_same_key_twice_starts_one(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling, starter: Any
) -> None:
    path, body, other = await starter(api, others, scheduling)
    key = {"Idempotency-Key": "k1"}
    first = await api.post(path, json=body, headers=key)
    assert first.status_code == 201, first.text
    for again in (
        await api.post(path, json=body, headers=key),
        await api.post(path, json=body | {"idempotencyKey": "k1"}),
        await api.post(path, json=body | {"idempotencyKey": "k1"}, headers=key),
    ):
        assert (again.status_code, id_of(again)) == (200, id_of(first)), again.text
    assert (await api.post(path, json=other, headers=key)).status_code == 409
    assert (await api.post(path, json=body | {"idempotencyKey": "k2"}, headers=key)).status_code == 422
    for bad in ("", "x" * 256):
        assert (await api.post(path, json=body, headers={"Idempotency-Key": bad})).status_code == 422
        assert (await api.post(path, json=body | {"idempotencyKey": bad})).status_code == 422
    for odd in ([(b"Idempotency-Key", b"k1"), (b"Idempotency-Key", b"k1")], [(b"Idempotency-Key", b"\xe9")]):
        answer = await api.post(path, json=body, headers=odd)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["header", "Idempotency-Key"])
    second = await api.post(path, json=body, headers={"Idempotency-Key": "k3"})
    assert (second.status_code, id_of(second) != id_of(first)) == (201, True)


@pytest.mark.parametrize("starter", STARTERS)
async def test_twenty_at_once_with_one_key_start_one(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling, starter: Any
) -> None:
    path, body, _ = await starter(api, others, scheduling)
    answers = await asyncio.gather(*(api.post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({id_of(answer) for answer in answers}) == 1


async def test_a_repeat_is_answered_even_where_it_could_not_be_made_any_more(api: httpx2.AsyncClient) -> None:
    connection = (await api.post("/api/v1/connections", json={"provider": "rest", "name": "c"})).json()
    action = (await api.post("/api/v1/actions", json=NOOP | {"name": "a"})).json()
    changing, going = [(await api.post("/api/v1/automations", json=AUTOMATION | {"name": n})).json() for n in "cg"]
    body, run = NOOP | {"connectionRef": connection["slug"]}, f"/api/v1/actions/{action['id']}/run"
    triggers = [f"/api/v1/automations/{one['id']}/trigger" for one in (changing, going)]
    asked: list[tuple[str, Json]] = [(RUNS, body), (run, {}), *((path, {}) for path in triggers)]

    async def ask() -> tuple[list[httpx2.Response], list[Json]]:
        single = [
            await api.post(path, json=said, headers={"Idempotency-Key": f"k{place}"})
            for place, (path, said) in enumerate(asked)
        ]
        batch = await api.post(f"{RUNS}/batch", json={"runs": [body, body]}, headers={"Idempotency-Key": "b"})
        return single, batch.json()["results"]

    made, batch = await ask()
    assert [answer.status_code for answer in made] + [one["status"] for one in batch] == [201] * 6
    await api.delete(f"/api/v1/connections/{connection['id']}")
    await api.patch(f"/api/v1/actions/{action['id']}", json={"status": "disabled"})
    needs = {"inputs": {"y": {"type": "string", "required": True}}}
    assert (await api.patch(f"/api/v1/automations/{changing['id']}", json=needs)).status_code == 200
    assert (await api.post(triggers[0], json={})).status_code == 422
    await api.delete(f"/api/v1/automations/{going['id']}")
    again, batch_again = await ask()
    assert [(answer.status_code, id_of(answer)) for answer in again] == [(200, id_of(answer)) for answer in made]
    assert [(one["status"], one["run"]["id"]) for one in batch_again] == [(200, one["run"]["id"]) for one in batch]


async def test_a_batch_and_its_runs_have_keys_apart(api: httpx2.AsyncClient) -> None:
    await api.post(f"{RUNS}/batch", json={"runs": [NOOP]}, headers={"Idempotency-Key": "k"})
    for near in ("k#0", "k0", "k 0", "k"):
        assert (await api.post(RUNS, json=NOOP, headers={"Idempotency-Key": near})).status_code == 201


async def test_a_retry_is_repeated_safely_even_after_it_has_ended(
    api: httpx2.AsyncClient, others: OtherServices
) -> None:
    failed = []
    for _ in range(2):
        run = (await api.post(RUNS, json=NOOP)).json()
        await others.end(run["id"], "failed", error=FAILED)
        failed.append(f"{RUNS}/{run['id']}/retry")
    key = {"Idempotency-Key": "k"}
    first = await api.post(failed[0], headers=key)
    await others.end(id_of(first), "failed", error=FAILED)
    again = await api.post(failed[0], headers=key)
    assert (first.status_code, again.status_code, id_of(again)) == (201, 200, id_of(first))
    assert (await api.post(failed[1], headers=key)).status_code == 409
    assert id_of(await api.post(failed[0])) != id_of(first)


async def test_a_retry_of_an_automation_run_is_repeated_safely(api: httpx2.AsyncClient, scheduling: Scheduling) -> None:
    automation = (await api.post("/api/v1/automations", json=AUTOMATION)).json()
    paths = []
    for _ in range(2):
        run = id_of(await api.post(f"/api/v1/automations/{automation['id']}/trigger"))
        await scheduling.begin(run)
        await scheduling.end(run, "failed")
        paths.append(f"/api/v1/automation-runs/{run}/retry")
    key = {"Idempotency-Key": "k"}
    first = await api.post(paths[0], headers=key)
    await scheduling.end(id_of(first), "failed")
    again = await api.post(paths[0], headers=key)
    assert (first.status_code, again.status_code, id_of(again)) == (201, 200, id_of(first))
    assert (await api.post(paths[1], headers=key)).status_code == 409


@pytest.mark.parametrize("starter", [a_run, an_action])
@pytest.mark.parametrize("ways", [("", "?defer=true"), ("?defer=true", "")])
async def test_a_run_that_is_to_be_deferred_is_no_repeat_of_one_that_runs(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling, starter: Any, ways: tuple[str, str]
) -> None:
    path, body, _ = await starter(api, others, scheduling)
    first, other, again = [
        await api.post(path + way, json=body, headers={"Idempotency-Key": "k"}) for way in (*ways, ways[0])
    ]
    assert (first.status_code, other.status_code, again.status_code) == (201, 409, 200), other.text
    assert id_of(again) == id_of(first)


async def test_whatever_stands_beside_the_definition_is_part_of_the_content(api: httpx2.AsyncClient) -> None:
    parent = id_of(await api.post(RUNS, json=NOOP))
    bodies = [NOOP | beside for beside in ({}, {"concurrencyKey": "c"}, {"parentActionRunId": parent})]
    for number, body in enumerate(bodies):
        key = {"Idempotency-Key": f"k{number}"}
        assert (await api.post(RUNS, json=body, headers=key)).status_code == 201
        told = [(await api.post(RUNS, json=one, headers=key)).status_code for one in bodies]
        assert told == [200 if one is body else 409 for one in bodies]


@pytest.mark.parametrize("versions", [("same", "latest"), ("latest", "same")])
async def test_a_retry_by_another_version_is_no_repeat(
    api: httpx2.AsyncClient, scheduling: Scheduling, versions: tuple[str, str]
) -> None:
    automation = (await api.post("/api/v1/automations", json=AUTOMATION)).json()
    run = id_of(await api.post(f"/api/v1/automations/{automation['id']}/trigger"))
    await scheduling.begin(run)
    await scheduling.end(run, "failed")
    first, other, again = [
        await api.post(
            f"/api/v1/automation-runs/{run}/retry", json={"version": version}, headers={"Idempotency-Key": "k"}
        )
        for version in (*versions, versions[0])
    ]
    assert (first.status_code, other.status_code, again.status_code) == (201, 409, 200), other.text
    assert id_of(again) == id_of(first)


@pytest.mark.parametrize("character", ["\x1f", "\x01", "\n", "\t", "\x7f"])
async def test_no_key_of_a_request_has_control_characters_as_the_platforms_own_have(
    api: httpx2.AsyncClient, others: OtherServices, scheduling: Scheduling, character: str
) -> None:
    key = f"k{character}0"
    for starter in STARTERS:
        path, body, _ = await starter(api, others, scheduling)
        told = await api.post(path, json=body | {"idempotencyKey": key})
        assert (told.status_code, told.json()["detail"][0]["loc"]) == (422, ["body", "idempotencyKey"])
        if character == "\t":  # others come through no HTTP server
            assert (await api.post(path, json=body, headers={"Idempotency-Key": key})).status_code == 422
    assert (await api.post(RUNS, json=NOOP | {"concurrencyKey": key})).status_code == 422
    batch = await api.post(f"{RUNS}/batch", json={"runs": [NOOP | {"idempotencyKey": key}, NOOP]})
    assert [one["status"] for one in batch.json()["results"]] == [422, 201]


async def test_a_batch_is_repeated_as_a_whole(api: httpx2.AsyncClient) -> None:
    body, key = {"runs": [NOOP, NOOP | {"idempotencyKey": "mine"}, {"kind": "nothing"}]}, {"Idempotency-Key": "k"}
    first, again = [(await api.post(f"{RUNS}/batch", json=body, headers=key)).json()["results"] for _ in range(2)]
    assert [one["status"] for one in first] == [201, 201, 422]
    assert [one["status"] for one in again] == [200, 200, 422]
    assert [one.get("run", {}).get("id") for one in first] == [one.get("run", {}).get("id") for one in again]
    assert (await api.get(RUNS)).json()["total"] == 2


CALL = {"kind": "http_request", "definition": {"method": "GET", "url": "https://shop.example/orders"}}


@pytest.mark.parametrize(("body", "status"), [(CALL, "failed"), (NOOP, "completed")], ids=["SYNC", "ASYNC"])
async def test_requests_with_one_key_at_once_all_wait_for_the_run_that_one_of_them_made(
    api: httpx2.AsyncClient, alive: Gateway, others: OtherServices, body: dict[str, Any], status: str
) -> None:
    """Also after its end: who waits is told how it ended, whether the request made the run or found it."""
    headers = {"Idempotency-Key": "w", "Prefer": "wait=20"}
    asked = [asyncio.create_task(api.post(RUNS, json=body, headers=headers)) for _ in range(5)]
    made: list[dict[str, Any]] = []

    async def is_made() -> bool:
        made[:] = (await api.get(RUNS)).json()["runs"]
        return bool(made)

    await wait_for(is_made, what="the run is made")
    if body is NOOP:  # `alive` ends the calls
        await others.end(made[0]["id"], result={"ok": True})
    answers = [*await asyncio.gather(*asked), await api.post(RUNS, json=body, headers=headers)]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert {(answer.json()["id"], answer.json()["status"]) for answer in answers} == {(made[0]["id"], status)}
    assert {answer.headers["Preference-Applied"] for answer in answers} == {"wait=20"}
    assert len(made) == 1
