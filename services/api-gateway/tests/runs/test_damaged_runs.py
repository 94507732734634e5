"""A run whose record was damaged can be cancelled and rejected; where it cannot, who asks and the operator hear why."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.metrics import runs_immovable
from vai_testkit.database import Database

RUNS = "/api/v1/action-runs"
FULL = 2_147_483_647
STANDING = ["pending/held", "pending/queued", "pending/paused", "running/queued", "running/delayed", "running/paused"]
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def _stands(api: httpx2.AsyncClient, database: Database, where: str, columns: str) -> str:
    made = (await api.post(RUNS, json=NOOP, params={"defer": "true"})).json()["id"]
    status, phase = where.split("/")
    held_for = "'approval'" if status == "awaiting_approval" else "'deferred'" if phase == "held" else "NULL"
    due_at = "clock_timestamp() + interval '1 h'" if phase == "delayed" else "NULL"
    await database.change(
        UUID(made), f"status = '{status}', phase = '{phase}', held_for = {held_for}, due_at = {due_at}, {columns}"
    )
    return str(made)


@pytest.fixture
async def rows(gateway: Gateway) -> Any:
    """The gateway's database, past every rule."""
    found = Database(gateway.settings.database_url)
    yield found
    await found.close()


@pytest.mark.parametrize("where", STANDING)
@pytest.mark.parametrize("damage", ["log_seq", "event_seq"])
async def test_a_damaged_run_is_cancelled(api: httpx2.AsyncClient, rows: Database, where: str, damage: str) -> None:
    run_id = await _stands(api, rows, where, f"{damage} = {FULL}")
    answer = await api.post(f"{RUNS}/{run_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.text
    assert (await api.post(f"{RUNS}/{run_id}/cancel")).status_code == 409


@pytest.mark.parametrize("damage", ["log_seq", "event_seq"])
async def test_a_damaged_run_is_rejected(api: httpx2.AsyncClient, rows: Database, damage: str) -> None:
    run_id = await _stands(api, rows, "awaiting_approval/held", f"{damage} = {FULL}")
    answer = await api.post(f"{RUNS}/{run_id}/reject", json={"reason": "no"})
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected"), answer.text


@pytest.mark.parametrize("word", ["cancel", "pause", "resume", "execute"])
async def test_what_cannot_be_changed_at_all_is_said_to_be_so(
    api: httpx2.AsyncClient, rows: Database, word: str
) -> None:
    where = {"resume": "pending/paused", "pause": "pending/queued"}.get(word, "pending/held")
    run_id = await _stands(api, rows, where, "log_seq = 1")
    await rows.poison("runs", f"OLD.id = '{run_id}'")
    before = runs_immovable._value.get()
    try:
        answer = await api.post(f"{RUNS}/{run_id}/{word}")
    finally:
        await (await rows.owner()).execute("DROP TRIGGER refuse ON runs")
    assert answer.status_code == 409
    (fault,) = answer.json()["detail"]
    assert fault["type"] == "immovable"
    assert "run_immovable" in fault["msg"]
    assert runs_immovable._value.get() == before + 1


async def test_what_cannot_be_paused_for_its_damage_can_be_cancelled(api: httpx2.AsyncClient, rows: Database) -> None:
    run_id = await _stands(api, rows, "pending/queued", f"log_seq = {FULL}")
    assert (await api.post(f"{RUNS}/{run_id}/pause")).status_code == 409
    assert (await api.post(f"{RUNS}/{run_id}/cancel")).status_code == 200
