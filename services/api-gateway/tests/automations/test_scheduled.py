"""Automation runs that begin later: shown as scheduled, cancelled before their time, asked for again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations.shapes import WholeAutomationRunShape
from vai_api_gateway.gateway import Gateway
from vai_common.clock import now

AUTOMATIONS, RUNS = "/api/v1/automations", "/api/v1/automation-runs"
STEP = {"key": "load", "kind": "dlt_extract", "definition": {"source": "noop"}}


def ahead(**more: float) -> str:
    return (now() + timedelta(**more)).replace(microsecond=0).astimezone(UTC).isoformat().replace("+00:00", "Z")


async def made(api: httpx2.AsyncClient) -> str:
    answer = await api.post(AUTOMATIONS, json={"name": "one", "steps": [STEP]})
    assert answer.status_code == 201, answer.text
    return f"{AUTOMATIONS}/{answer.json()['id']}"


async def trigger(api: httpx2.AsyncClient, path: str, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = await api.post(f"{path}/trigger", json=body)
    assert answer.status_code == status, answer.text
    run: dict[str, Any] = answer.json()
    if status < 300:
        WholeAutomationRunShape.model_validate(run)
    return run


async def test_it_is_scheduled_until_its_time(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    path, at = await made(api), ahead(hours=2)
    run = await trigger(api, path, scheduledFor=at)
    assert (run["status"], run["displayStatus"], run["scheduledFor"]) == ("running", "scheduled", at)
    assert [one["displayStatus"] for one in (await api.get(RUNS)).json()["automationRuns"]] == ["scheduled"]
    assert (await api.get(path)).json()["latestRun"]["displayStatus"] == "scheduled"
    row = await gateway.pool.fetchrow("SELECT * FROM automation_runs WHERE id = $1", UUID(run["runId"]))
    assert (row["scheduled_for"], row["inputs"]) == (datetime.fromisoformat(at), {})
    plain = await trigger(api, path)
    assert (plain["displayStatus"], plain["scheduledFor"]) == ("queued", None)
    past = await trigger(api, path, scheduledFor=ahead(hours=-1))
    assert past["displayStatus"] == "queued"


async def test_it_is_cancelled_before_its_time(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    run = await trigger(api, await made(api), scheduledFor=ahead(hours=2))
    answer = await api.post(f"{RUNS}/{run['runId']}/cancel")
    assert (answer.status_code, answer.json()["displayStatus"]) == (200, "cancelling")


async def test_it_is_started_before_its_time_and_a_repeat_changes_nothing(api: httpx2.AsyncClient) -> None:
    path, at = await made(api), ahead(hours=2)
    run = await trigger(api, path, scheduledFor=at, idempotencyKey="early")
    for _ in range(2):
        answer = await api.post(f"{RUNS}/{run['runId']}/execute")
        assert (answer.status_code, answer.json()["displayStatus"]) == (200, "queued")
    again = await trigger(api, path, 200, scheduledFor=at, idempotencyKey="early")
    assert (again["runId"], again["scheduledFor"]) == (run["runId"], at)


async def test_one_that_has_ended_is_answered_as_it_is(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    run = await trigger(api, await made(api), scheduledFor=ahead(hours=2))
    await api.post(f"{RUNS}/{run['runId']}/cancel")
    answer = await api.post(f"{RUNS}/{run['runId']}/execute")
    assert (answer.status_code, answer.json()["displayStatus"]) == (200, "cancelling")


async def test_a_repeat_asks_for_the_same_time(api: httpx2.AsyncClient) -> None:
    path, at = await made(api), ahead(hours=2)
    first = await trigger(api, path, scheduledFor=at, idempotencyKey="a")
    zone = datetime.fromisoformat(at).astimezone().isoformat()
    assert (await trigger(api, path, 200, scheduledFor=zone, idempotencyKey="a"))["runId"] == first["runId"]
    await trigger(api, path, 409, idempotencyKey="a")
    await trigger(api, path, 409, scheduledFor=ahead(hours=3), idempotencyKey="a")


@pytest.mark.parametrize(
    "at", ["tomorrow", "2030-01-01", "2030-01-01T00:00:00", 1, "1969-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]
)
async def test_what_is_no_time_or_too_far_is_refused(api: httpx2.AsyncClient, at: Any) -> None:
    fault = (await trigger(api, await made(api), 422, scheduledFor=at))["detail"][0]
    assert fault["loc"][:2] == ["body", "scheduledFor"]
