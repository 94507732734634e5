"""Changes of automations: a version for each definition, secrets that stay, pauses, and what broke and is mended."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_records.validation.masking import MARKER
from vai_testkit.team import Team

from .saving import AUTOMATIONS, NOOP, make, patched

CALL = {"url": "https://api.example.com/x", "method": "POST", "headers": {"Authorization": "Bearer hunter2"}}


async def row_of(gateway: Gateway, made: dict[str, Any]) -> Any:
    return await gateway.pool.fetchrow("SELECT * FROM automations WHERE id = $1", UUID(made["id"]))


async def version_of(gateway: Gateway, made: dict[str, Any]) -> UUID:
    version: UUID = (await row_of(gateway, made))["version_id"]
    return version


async def test_what_was_answered_can_be_sent_again(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    gate = {"key": "gate", "action": {"kind": "approval_gate", "definition": {"title": "Go?"}}}
    after = {"key": "after", "action": NOOP, "depends_on": [{"step": "gate", "port": "approved"}]}
    made = await make(api, gate, after, inputs={"day": {"type": "string"}})
    again = await patched(api, made, steps=made["steps"], inputs=made["inputs"], trigger=made["trigger"])
    new = {name: made[name] for name in ("updatedAt", "versionId")}
    assert again | new == made


async def test_a_change_of_the_definition_writes_a_version_and_nothing_else_does(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    made = await make(api)
    first = await version_of(gateway, made)
    renamed = await patched(api, made, name="Renamed", description=None, enabled=False)
    assert (renamed["name"], renamed["slug"], renamed["status"]) == ("Renamed", "nightly", "paused")
    assert await version_of(gateway, made) == first
    changed = await patched(api, made, max_parallel=7)
    assert (changed["max_parallel"], changed["steps"], changed["status"]) == (7, made["steps"], "paused")
    second = await version_of(gateway, made)
    assert second != first
    await patched(api, made, conditions=[{"field": "event.data.n", "operator": "gt", "value": 1}])
    versions = await gateway.pool.fetch(
        "SELECT id, definition FROM automation_versions WHERE automation_id = $1 ORDER BY id", UUID(made["id"])
    )
    assert [row["definition"]["max_parallel"] for row in versions] == [3, 7, 7]
    assert [len(row["definition"]["conditions"]) for row in versions] == [0, 0, 1]


@pytest.mark.parametrize("name", ["name", "slug", "trigger", "steps", "actions", "inputs", "conditions", "enabled"])
async def test_null_takes_nothing_away(api: httpx2.AsyncClient, name: str) -> None:
    made = await make(api)
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={name: None})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])


async def test_new_inputs_are_held_against_the_steps_that_stay(api: httpx2.AsyncClient) -> None:
    step = {"key": "tell", "kind": "http_request", "definition": {"url": "$/inputs/url"}}
    made = await make(api, step, inputs={"url": {"type": "string"}})
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"inputs": {"other": {}}})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "unknown_reference")


async def test_secrets_of_steps_are_written_never_read_and_kept_by_their_marker(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    made = await make(api, {"key": "tell", "kind": "http_request", "definition": CALL})
    shown = made["steps"][0]["action"]["definition"]
    assert shown["headers"] == {"Authorization": MARKER}
    changed = await patched(api, made, steps=made["steps"], max_parallel=9)
    assert changed["steps"] == made["steps"]
    await patched(api, made, max_parallel=8)
    version = await version_of(gateway, made)
    sealed = await gateway.pool.fetchval("SELECT secrets FROM automation_versions WHERE id = $1", version)
    kept = gateway.keyring.decrypt_json(sealed, team.org_id, version)
    assert kept["tell"]["values"] == {"headers": {"Authorization": "Bearer hunter2"}}
    for path in (AUTOMATIONS, f"{AUTOMATIONS}/{made['id']}"):
        assert "hunter2" not in (await api.get(path)).text
    stolen = {"key": "tell", "kind": "http_request", "definition": shown | {"url": "https://evil.example/"}}
    answer = await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"steps": [stolen]})
    assert answer.status_code == 422
    moved = {"key": "other", "kind": "http_request", "definition": shown}
    assert (await api.patch(f"{AUTOMATIONS}/{made['id']}", json={"steps": [moved]})).status_code == 422


async def test_one_that_broke_is_mended_by_a_good_definition_or_by_resuming(
    api: httpx2.AsyncClient, gateway: Gateway
) -> None:
    action = (await api.post("/api/v1/actions", json={"name": "Get", **NOOP})).json()
    every_day = {"type": "schedule", "schedule": "0 6 * * *"}
    made = await make(api, {"key": "a", "action": {"action_id": "get"}}, trigger=every_day)
    path = f"{AUTOMATIONS}/{made['id']}"
    await api.delete(f"/api/v1/actions/{action['id']}")

    async def break_it() -> None:
        await gateway.pool.execute(
            "UPDATE automations SET status = 'error', error = $2, due_at = '2020-01-01Z' WHERE id = $1",
            UUID(made["id"]),
            {"message": "the saved action is gone"},
        )

    await break_it()
    broken = (await api.get(path)).json()
    assert (broken["status"], broken["error"]["message"], broken["nextRunAt"]) == (
        "error",
        "the saved action is gone",
        None,
    )
    assert (await api.post(f"{path}/resume")).status_code == 409
    assert (await api.patch(path, json={"enabled": True})).status_code == 422
    assert (await api.patch(path, json={"max_parallel": 2})).status_code == 422
    assert (await patched(api, made, name="Renamed"))["status"] == "error"
    mended = await patched(api, made, steps=[{"key": "a", **NOOP}])
    assert (mended["status"], mended["error"], mended["nextRunAt"]) == ("active", None, made["nextRunAt"])
    await break_it()
    resumed = (await api.post(f"{path}/resume")).json()
    assert (resumed["status"], resumed["error"], resumed["nextRunAt"]) == ("active", None, made["nextRunAt"])
    await break_it()
    assert (await patched(api, made, enabled=False))["status"] == "paused"


async def test_pausing_and_resuming_take_a_schedule_out_and_in(api: httpx2.AsyncClient, gateway: Gateway) -> None:
    made = await make(api, trigger={"type": "schedule", "schedule": "0 6 * * *"})
    path = f"{AUTOMATIONS}/{made['id']}"
    for pause, resume in (
        (api.post(f"{path}/pause"), api.post(f"{path}/resume")),
        (api.patch(path, json={"enabled": False}), api.patch(path, json={"enabled": True})),
    ):
        paused = (await pause).json()
        assert (paused["status"], paused["enabled"], paused["nextRunAt"]) == ("paused", False, None)
        assert (await row_of(gateway, made))["due_at"] is None
        assert (await api.post(f"{path}/pause")).json()["status"] == "paused"
        resumed = (await resume).json()
        assert (resumed["status"], resumed["nextRunAt"]) == ("active", made["nextRunAt"])
    assert (await api.post(f"{path}/resume")).json()["status"] == "active"
