"""Runs that start later: seen as scheduled, cancelled, paused, executed before their time, asked for again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.shapes import RunShape
from vai_common.clock import now

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


def ahead(**more: float) -> str:
    return (now() + timedelta(**more)).replace(microsecond=0).astimezone(UTC).isoformat().replace("+00:00", "Z")


async def made(api: httpx2.AsyncClient, path: str = RUNS, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = await api.post(path, json=(NOOP if path == RUNS else {}) | body)
    assert answer.status_code == status, answer.text
    run: dict[str, Any] = answer.json()
    if status < 300:
        RunShape.model_validate(run)
    return run


async def decided(api: httpx2.AsyncClient, run: dict[str, Any], verb: str) -> dict[str, Any]:
    answer = await api.post(f"{RUNS}/{run['id']}/{verb}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def place(gateway: Gateway, run: dict[str, Any]) -> Any:
    text = "SELECT phase, held_for, due_at, scheduled_for FROM runs WHERE id = $1"
    return await gateway.pool.fetchrow(text, UUID(run["id"]))


async def test_a_run_waits_for_its_time(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    at = ahead(hours=2)
    run = await made(api, scheduledFor=at)
    assert (run["status"], run["displayStatus"], run["scheduledFor"]) == ("pending", "scheduled", at)
    row = await place(gateway, run)
    assert (row["phase"], row["held_for"]) == ("held", "scheduled")
    assert row["due_at"] == row["scheduled_for"] == datetime.fromisoformat(at)
    assert (await api.get(f"{RUNS}/{run['id']}")).json() == run
    assert [one["displayStatus"] for one in (await api.get(RUNS)).json()["runs"]] == ["scheduled"]
    assert (await made(api))["scheduledFor"] is None


async def test_it_is_cancelled_executed_paused_and_resumed(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    cancelled = await decided(api, await made(api, scheduledFor=ahead(hours=2)), "cancel")
    assert (cancelled["status"], cancelled["startedAt"]) == ("cancelled", None)
    early = await decided(api, await made(api, scheduledFor=ahead(hours=2)), "execute")
    assert (await place(gateway, early))["phase"] == "queued"
    asks = {"kind": "approval_gate", "scheduledFor": ahead(hours=2)}
    gate = await decided(api, await made(api, **asks, definition={}), "execute")
    assert (await place(gateway, gate))["held_for"] == "approval"
    paused = await decided(api, await made(api, scheduledFor=ahead(hours=2)), "pause")
    assert (paused["displayStatus"], (await place(gateway, paused))["due_at"]) == ("paused", None)
    resumed = await decided(api, paused, "resume")
    row = await place(gateway, resumed)
    assert (resumed["displayStatus"], row["due_at"] == row["scheduled_for"]) == ("scheduled", True)


async def test_a_pause_over_its_time_starts_it_when_it_is_resumed(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    paused = await decided(api, await made(api, scheduledFor=ahead(hours=2)), "pause")
    text = "UPDATE runs SET scheduled_for = clock_timestamp() - interval '1 s' WHERE id = $1"
    await gateway.pool.execute(text, UUID(paused["id"]))
    assert (await place(gateway, await decided(api, paused, "resume")))["phase"] == "queued"


@pytest.mark.parametrize("kind", ["run", "action", "again"])
async def test_a_repeat_asks_for_the_same_time(api: httpx2.AsyncClient, gateway: Gateway, kind: str) -> None:
    path = RUNS
    if kind == "action":
        action = (await api.post("/api/v1/actions", json=NOOP | {"name": "Nothing"})).json()
        path = f"/api/v1/actions/{action['id']}/run"
    elif kind == "again":
        path = f"{RUNS}/{(await decided(api, await made(api, scheduledFor=ahead(hours=1)), 'cancel'))['id']}/run-again"
    at = ahead(days=1)
    run = await made(api, path, scheduledFor=at, idempotencyKey="k")
    assert (run["displayStatus"], run["scheduledFor"]) == ("scheduled", at)
    same = datetime.fromisoformat(at).astimezone().isoformat()
    assert (await made(api, path, 200, scheduledFor=same, idempotencyKey="k"))["id"] == run["id"]
    for other in ({"scheduledFor": ahead(days=2)}, {}):
        await made(api, path, 409, idempotencyKey="k", **other)


@pytest.mark.parametrize(
    "at", ["soon", "2026-01-01", "2026-01-01T00:00:00", 5, "9999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
async def test_what_is_no_time_is_refused(api: httpx2.AsyncClient, at: Any) -> None:
    refused = await made(api, status=422, scheduledFor=at)
    assert refused["detail"][0]["loc"] == ["body", "scheduledFor"]


async def test_a_deferred_run_has_no_time_and_a_time_that_has_passed_means_now(api: httpx2.AsyncClient) -> None:
    answer = await api.post(f"{RUNS}?defer=true", json=NOOP | {"scheduledFor": ahead(hours=1)})
    assert answer.status_code == 422
    assert (await made(api, scheduledFor=ahead(hours=-1)))["displayStatus"] == "scheduled"
    batch = [NOOP | {"scheduledFor": ahead(hours=1)}, NOOP]
    answers = (await api.post(f"{RUNS}/batch", json={"runs": batch})).json()["results"]
    assert [one["run"]["displayStatus"] == "scheduled" for one in answers] == [True, False]
