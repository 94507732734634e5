"""What saving an automation answers beside it: warnings, the next times, a body to copy; and what a webhook takes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.automations.shapes import AutomationCopyShape, AutomationShape, ValidShape
from vai_api_gateway.gateway import Gateway
from vai_common import clock
from vai_common.clock import now

AUTOMATIONS, CONNECTIONS = "/api/v1/automations", "/api/v1/connections"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
HOURLY = {"type": "schedule", "schedule": "@hourly", "timezone": "Asia/Kathmandu"}
DAYS = {"type": "schedule", "schedule": "0 0 13 * 5"}
EXPORT = {"key": "out", "kind": "export", "definition": {}}


async def test_a_connection_that_is_not_there_is_told_when_it_is_saved(
    api: httpx2.AsyncClient, other_api: httpx2.AsyncClient
) -> None:
    theirs = await other_api.post(CONNECTIONS, json={"name": "Theirs", "provider": "shop"})
    await api.post(CONNECTIONS, json={"name": "Mine", "provider": "shop", "slug": "mine"})
    named: list[Any] = ["mine", {"slug": "mine"}, {"provider": "shop"}, "${/inputs/which}", {"id": "$/inputs/which"}]
    gone: list[Any] = ["gone", "", theirs.json()["id"], {"id": theirs.json()["id"]}, {"provider": "other"}]
    steps = [
        {"key": f"a{n}", "kind": "dlt_extract", "definition": {"source": "noop", "connection": one}}
        for n, one in enumerate([*named, *gone])
    ]
    answer = await api.post(f"{AUTOMATIONS}/validate", json={"name": "c", "steps": steps})
    told = [(one["loc"][2], one["type"]) for one in answer.json()["warnings"]]
    assert told == [(n, "unknown_connection") for n in range(len(named), len(steps))]
    assert "create it first, or name another" in answer.json()["warnings"][0]["msg"]


async def test_what_cannot_work_yet_is_told_when_it_is_judged_saved_and_changed(api: httpx2.AsyncClient) -> None:
    condition = {"field": "steps.a.status", "operator": "eq", "value": "completed"}
    body = {"name": "w", "steps": [{"key": "a", **NOOP}, EXPORT], "conditions": [condition], "trigger": DAYS}
    judged = (await api.post(f"{AUTOMATIONS}/validate", json=body)).json()
    ValidShape.model_validate(judged)
    assert [one["loc"] for one in judged["warnings"]] == [
        ["body", "steps", 1, "definition", "path"],
        ["body", "steps", 1, "definition", "folder"],
        ["body", "conditions", 0, "field"],
        ["body", "trigger", "schedule"],
    ]
    made = (await api.post(AUTOMATIONS, json=body)).json()
    AutomationShape.model_validate(made)
    assert made["warnings"] == judged["warnings"]
    parts = {"steps": [{"key": "a", **NOOP}], "conditions": [], "trigger": {"type": "manual"}}
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)).json()["warnings"] == []


async def test_the_next_three_times_are_shown_before_it_is_saved(api: httpx2.AsyncClient) -> None:
    steps = [{"key": "a", **NOOP}]
    judged = (await api.post(f"{AUTOMATIONS}/validate", json={"name": "n", "steps": steps, "trigger": HOURLY})).json()
    assert judged["trigger"]["schedule"] == "0 * * * *"
    times = [datetime.fromisoformat(one) for one in judged["nextRuns"]]
    assert [two - one for one, two in pairwise(times)] == [timedelta(hours=1)] * 2
    assert {one.minute for one in times} == {15}
    by_hand = (await api.post(f"{AUTOMATIONS}/validate", json={"name": "n", "steps": steps})).json()
    assert by_hand["nextRuns"] == []


@pytest.mark.parametrize(
    "trigger",
    [{"type": "manual"}, HOURLY, {"type": "webhook", "path": "/in"}, {"type": "event", "eventType": "action.failed"}],
)
async def test_an_automation_can_be_copied(api: httpx2.AsyncClient, trigger: dict[str, Any]) -> None:
    gate = {"key": "gate", "kind": "approval_gate", "definition": {"title": "Go?"}}
    after = {"key": "after", **NOOP, "depends_on": [{"step": "gate", "port": "approved"}], "condition": "always"}
    parts = {"inputs": {"day": {"default": "monday"}}, "max_parallel": 2, "description": "d", "trigger": trigger}
    first = (await api.post(AUTOMATIONS, json={"name": "copied", "steps": [gate, after], **parts})).json()
    body = (await api.get(f"{AUTOMATIONS}/{first['id']}/body")).json()
    AutomationCopyShape.model_validate(body)
    if trigger["type"] == "webhook":
        assert (await api.post(AUTOMATIONS, json=body)).status_code == 409
        body["trigger"]["path"] = "/other"
    answer = await api.post(AUTOMATIONS, json=body)
    assert answer.status_code == 201, answer.text
    again = (await api.get(f"{AUTOMATIONS}/{answer.json()['id']}/body")).json()
    assert (answer.json()["slug"], again) == (
        "copied-2",
        (await api.get(f"{AUTOMATIONS}/{first['id']}/body")).json() | body,
    )


async def test_a_change_with_the_same_schedule_leaves_what_was_missed(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = (await api.post(AUTOMATIONS, json={"name": "s", "steps": [{"key": "a", **NOOP}], "trigger": HOURLY})).json()
    missed = now().replace(microsecond=0) - timedelta(hours=3)
    owner = "UPDATE automations SET due_at = $2 WHERE id = $1"
    await gateway.pool.execute(owner, UUID(made["id"]), missed)

    async def due(**parts: Any) -> datetime:
        assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json=parts)).status_code == 200
        found: datetime = await gateway.pool.fetchval("SELECT due_at FROM automations WHERE id = $1", UUID(made["id"]))
        return found

    assert await due(trigger=HOURLY, steps=made["steps"]) == missed
    assert await due(trigger={**HOURLY, "overlap": "queue"}) == missed
    assert await due(trigger={**HOURLY, "schedule": "30 * * * *"}) > now()
    await gateway.pool.execute(owner, UUID(made["id"]), missed)
    assert await due(trigger={**HOURLY, "schedule": "30 * * * *", "timezone": "UTC"}) > now()


async def test_a_schedule_goes_by_the_clock_of_the_database(
    api: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    body = {"name": "n", "steps": [{"key": "a", **NOOP}], "trigger": HOURLY}
    made = (await api.post(AUTOMATIONS, json=body)).json()
    await api.post(f"{AUTOMATIONS}/{made['id']}/pause")
    resumed = (await api.post(f"{AUTOMATIONS}/{made['id']}/resume")).json()
    judged = (await api.post(f"{AUTOMATIONS}/validate", json=body)).json()
    there: datetime = await gateway.pool.fetchval("SELECT clock_timestamp()")
    for due in (made["nextRunAt"], resumed["nextRunAt"], judged["nextRuns"][0]):
        assert there - timedelta(minutes=5) < datetime.fromisoformat(due) <= there + timedelta(hours=1)
