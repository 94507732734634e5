from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from vai_api_gateway.events.replay import ReplayShape
from vai_api_gateway.gateway import Gateway
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.people.people import Role
from vai_testkit.services import MemoryProducer, OtherServices
from vai_testkit.team import Team, make_team

REPLAY = "/api/v1/events/replay"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop", "resources": ["a"]}}


@pytest.fixture
async def run_id(api: httpx2.AsyncClient, gateway: Gateway, others: OtherServices) -> str:
    """A completed run, whose two events were sent a while ago."""
    made = await api.post("/api/v1/action-runs", json=NOOP)
    assert made.status_code == 201, made.text
    run_id: str = made.json()["id"]
    await others.end(run_id)
    await gateway.pool.execute(
        """UPDATE events SET published_at = clock_timestamp(), occurred_at = occurred_at - interval '10 s'
        WHERE subject_id = $1""",
        run_id,
    )
    return run_id


def ago(**how_long: float) -> str:
    return (now() - timedelta(**how_long)).isoformat()


async def ask(api: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await api.post(REPLAY, json=body)


async def sent(gateway: Gateway, producer: MemoryProducer) -> list[tuple[str, str]]:
    await gateway.publisher.sweep_once()
    await gateway.publisher.close(5)
    return sorted((record.topic, dict(record.headers)["event-id"].decode()) for record in producer.records)


async def test_the_events_from_a_time_on_are_sent_again_with_the_same_ids(
    api: httpx2.AsyncClient, gateway: Gateway, producer: MemoryProducer, run_id: str
) -> None:
    answer = await ask(api, since=ago(minutes=5))
    assert answer.status_code == 202, answer.text
    ReplayShape.model_validate(answer.json())
    assert answer.json()["count"] == 2
    assert await sent(gateway, producer) == [("action.completed", f"{run_id}-2"), ("action.started", f"{run_id}-1")]


async def test_types_narrow_it_and_the_answer_says_how_it_was_understood(
    api: httpx2.AsyncClient, gateway: Gateway, producer: MemoryProducer, run_id: str
) -> None:
    since, until = now() - timedelta(minutes=5), now() + timedelta(minutes=5)
    body = {"since": since.isoformat(), "until": until.isoformat(), "types": ["action.completed", "action.completed"]}
    answer = (await ask(api, **body)).json()
    assert (answer["count"], answer["types"]) == (1, ["action.completed"])
    assert datetime.fromisoformat(answer["since"]) == since
    assert datetime.fromisoformat(answer["until"]) <= now()
    assert await sent(gateway, producer) == [("action.completed", f"{run_id}-2")]


@pytest.mark.usefixtures("run_id")
async def test_nothing_happened_in_another_time(api: httpx2.AsyncClient) -> None:
    answer = await ask(api, since=ago(days=6), until=ago(days=5))
    assert (answer.status_code, answer.json()["count"]) == (202, 0)


@pytest.mark.usefixtures("run_id")
async def test_another_organisations_events_are_not_touched(
    web: httpx2.AsyncClient, gateway: Gateway, producer: MemoryProducer
) -> None:
    strangers = await make_team(gateway.engine, "strangers")
    answer = await web.post(REPLAY, json={"since": ago(hours=1)}, headers=strangers.headers())
    assert (answer.status_code, answer.json()["count"]) == (202, 0)
    assert await sent(gateway, producer) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_it_takes_an_administrator(web: httpx2.AsyncClient, team: Team, role: Role) -> None:
    answer = await web.post(REPLAY, json={"since": ago(hours=1)}, headers=team.headers(role))
    assert answer.status_code == 403
    assert (await web.post(REPLAY, json={"since": ago(hours=1)})).status_code == 401


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "since"]),
        ({"since": ago(days=7, seconds=1)}, ["body", "since"]),
        ({"since": ago(hours=-1)}, ["body", "since"]),
        ({"since": ago(hours=1), "until": ago(hours=2)}, ["body", "since"]),
        ({"since": "2026-11-22T00:00:00"}, ["body", "since"]),
        ({"since": "2026-11-22"}, ["body", "since"]),
        ({"since": "yesterday"}, ["body", "since"]),
        ({"since": 1_793_000_000}, ["body", "since"]),
        ({"since": "1793000000"}, ["body", "since"]),
        ({"since": None}, ["body", "since"]),
        ({"since": ago(hours=1), "until": False}, ["body", "until"]),
        ({"since": ago(hours=1), "types": []}, ["body", "types"]),
        ({"since": ago(hours=1), "types": "action.completed"}, ["body", "types"]),
        ({"since": ago(hours=1), "types": ["action.completed", "action.exploded"]}, ["body", "types", 1]),
        ({"since": ago(hours=1), "organisationId": str(uuid7())}, ["body", "organisationId"]),
    ],
)
async def test_what_makes_no_sense_is_refused(api: httpx2.AsyncClient, body: dict[str, Any], loc: list[Any]) -> None:
    answer = await ask(api, **body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == loc


async def test_the_end_of_time_is_now(api: httpx2.AsyncClient) -> None:
    assert (await ask(api, since=ago(hours=1), until="9999-12-31T23:59:59Z")).status_code == 202


async def test_the_beginning_of_time_is_too_long_ago(api: httpx2.AsyncClient) -> None:
    answer = await ask(api, since="0001-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "too_old")


@pytest.mark.parametrize(
    ("name", "time"), [("since", "0001-01-01T00:00:00+23:59"), ("until", "9999-12-31T23:59:59-23:59")]
)
async def test_a_time_that_utc_does_not_have_is_refused(api: httpx2.AsyncClient, name: str, time: str) -> None:
    answer = await ask(api, **({"since": ago(hours=1)} | {name: time}))
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])
