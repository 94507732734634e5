"""Runs as they are read and shown (decision 17)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vai_common.ids import uuid7
from vai_records.runs import runs
from vai_records.runs.new_run import own_key, shown_key
from vai_testkit.database import Database

ALIVE = frozenset({"dlt_extract"})
START = datetime(2026, 1, 22, 14, 30, tzinfo=UTC)


def _row(place: str, **changes: Any) -> dict[str, Any]:
    status, phase = place.split("/")
    usual = {"kind": "dlt_extract", "control": None, "held_for": None, "recovered": False, "interrupt_count": 0}
    return {**usual, "due_at": None, "result": None, "status": status, "phase": phase, **changes}


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (_row("pending/queued"), "queued"),
        (_row("pending/queued", kind="http_request"), "waiting_for_worker"),
        (_row("pending/held", held_for="deferred"), "deferred"),
        (_row("pending/held", held_for="limit"), "waiting_for_limit"),
        (_row("pending/held", held_for="approval"), "pending"),
        (_row("pending/paused"), "paused"),
        (_row("awaiting_approval/held", held_for="approval"), "awaiting_approval"),
        (_row("awaiting_approval/held", held_for="limit"), "waiting_for_limit"),
        (_row("awaiting_approval/queued"), "queued"),
        (_row("running/leased"), "running"),
        (_row("running/leased", control="pause"), "running"),
        (_row("running/leased", control="cancel"), "cancelling"),
        (_row("running/delayed"), "retrying"),
        (_row("running/paused", recovered=True, interrupt_count=1), "paused"),
        (_row("running/parked"), "waiting_for_child"),
        (_row("running/queued"), "queued"),
        (_row("running/queued", recovered=True, interrupt_count=1), "interrupted"),
        (_row("running/queued", recovered=True, interrupt_count=1, kind="x"), "waiting_for_worker"),
        (_row("completed/done"), "completed"),
        (_row("completed/done", result={"failed_resources": []}), "completed"),
        (_row("completed/done", result={"failed_resources": ["events"]}), "completed_with_errors"),
        (_row("failed/done", result={"failed_resources": ["events"]}), "failed"),
        (_row("cancelled/done"), "cancelled"),
        (_row("rejected/done"), "rejected"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['status']}/{value['phase']}",
)
def test_what_a_run_is_shown_as(row: dict[str, Any], shown: str) -> None:
    assert runs.display_status(row, ALIVE) == shown


async def test_a_run_is_found_by_its_organisation_only(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), uuid7()
    run_id = await database.put("running", "leased", org_id=org_id)
    assert (await runs.get(pool, org_id, run_id))["id"] == run_id
    assert await runs.get(pool, uuid7(), run_id) is None


async def test_a_hidden_run_is_not_found_but_its_key_is(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), uuid7()
    run_id = await database.put("completed", "done", org_id=org_id, idempotency_key="k", deleted_at=START)
    assert await runs.get(pool, org_id, run_id) is None
    assert (await runs.of_idempotency_key(pool, org_id, "k"))["deleted_at"] == START


async def test_only_the_live_holder_of_a_key_is_found(database: Database) -> None:
    pool, org_id, old = await database.pool("api-gateway"), uuid7(), uuid7()
    await database.put("failed", "done", org_id=org_id, concurrency_key="k", retry_of=old)
    assert await runs.live_of_concurrency_key(pool, org_id, "k") is None
    assert await runs.live_retry_of(pool, org_id, old) is None
    live = await database.put("running", "parked", org_id=org_id, concurrency_key="k", retry_of=old)
    assert (await runs.live_of_concurrency_key(pool, org_id, "k"))["id"] == live
    assert (await runs.live_retry_of(pool, org_id, old))["id"] == live


async def test_a_run_is_shown_in_the_words_of_the_documents(database: Database) -> None:
    pool, org_id = await database.pool("api-gateway"), uuid7()
    run_id = await database.put(
        "completed", "done", org_id=org_id, started_at=START, completed_at=START + timedelta(seconds=135)
    )
    shown = runs.as_json(await runs.get(pool, org_id, run_id), ALIVE)
    assert (shown["id"], shown["status"], shown["durationSeconds"]) == (run_id, "completed", 135.0)
    assert "epoch" not in shown
    assert "secrets" not in shown
    assert set(shown) >= {
        "actionId",
        "kind",
        "definition",
        "progress",
        "result",
        "error",
        "triggerMethod",
        "retryCount",
    }


async def test_a_run_that_goes_on_under_a_limit_is_shown_as_waiting_for_it(database: Database) -> None:
    run_id = await database.put("running", "delayed")
    conn = await database.owner()
    org_id = (await database.run(run_id))["org_id"]
    assert runs.display_status(await runs.get(conn, org_id, run_id), frozenset()) == "retrying"
    await database.change(run_id, "due_at = 'infinity'")
    assert runs.display_status(await runs.get(conn, org_id, run_id), frozenset()) == "waiting_for_limit"


def test_a_key_is_shown_without_control_characters() -> None:
    key = own_key("01a2", "load", 1)
    assert key.isprintable() is False
    assert shown_key(key) == "01a2:load:1"
    assert (shown_key("as given"), shown_key(None)) == ("as given", None)
