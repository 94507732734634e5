"""Events start the automations that wait for them, each once (rule 9, document 002)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.scheduler.tests.stage import Stage
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.lifecycle.sql_fragments import wanted
from vai_scheduler.events import Events
from vai_testkit.automations import NOOP, Saved, start

_WRITE = f"""
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, wanted)
VALUES ($1, 1, $2, $3, $4, $5, {wanted("$3", "$4")})
"""


async def _waiting(stage: Stage, event_type: str = "action.completed", **filters: Any) -> Saved:
    return await stage.save(actions=[NOOP], trigger={"type": "event", "eventType": event_type, "filters": filters})


async def _happens(
    stage: Stage,
    event_type: str = "action.completed",
    subject: UUID | None = None,
    source: UUID | None = None,
    **data: Any,
) -> UUID:
    subject = subject or uuid7()
    trigger = {"method": "automation" if source else "api", "sourceType": "automation_run" if source else "user"}
    usual = {"runId": str(subject), "actionKind": "dlt_extract", "recordCount": 5}
    said = {**usual, "trigger": {**trigger, "sourceId": str(source) if source else None}, **data}
    await stage.gateway.execute(_WRITE, subject, now(), stage.org_id, event_type, said)
    return subject


async def _hand_out(stage: Stage) -> int:
    return await Events(stage.pool, stage.bell).hand_out_batch()


async def _runs(stage: Stage, saved: Saved) -> list[Any]:
    return list(await stage.pool.fetch("SELECT * FROM automation_runs WHERE automation_id = $1", saved.id))


async def test_an_event_starts_the_automation_that_waits_for_it(own_stage: Stage) -> None:
    saved = await _waiting(own_stage)
    subject = await _happens(own_stage)
    assert await _hand_out(own_stage) == 1
    (row,) = await _runs(own_stage, saved)
    assert (row["triggered_by"], row["trigger_key"], row["depth"]) == ("event", f"event:{subject}-1", 0)
    assert row["event"]["data"]["recordCount"] == row["inputs"]["recordCount"] == 5
    assert row["event"]["data"]["kind"] == "dlt_extract"
    assert await _hand_out(own_stage) == 0


async def test_filters_let_through_what_has_their_values(own_stage: Stage) -> None:
    fits = await _waiting(own_stage, kind="dlt_extract")
    one_of = await _waiting(own_stage, actionKind=["duckdb_transform", "dlt_extract"])
    other = await _waiting(own_stage, actionKind="http_request")
    await _happens(own_stage)
    await _hand_out(own_stage)
    assert [len(await _runs(own_stage, one)) for one in (fits, one_of, other)] == [1, 1, 0]


async def test_an_event_that_nobody_waits_for_is_not_looked_at(own_stage: Stage) -> None:
    await _waiting(own_stage, "action.failed")
    await _happens(own_stage)
    assert await _hand_out(own_stage) == 0


async def test_another_organisations_event_starts_nothing(own_stage: Stage) -> None:
    saved = await _waiting(own_stage)
    await own_stage.gateway.execute(_WRITE, uuid7(), now(), uuid7(), "action.completed", {"runId": "x"})
    await _hand_out(own_stage)
    assert await _runs(own_stage, saved) == []


async def test_who_looks_at_once_with_others_starts_each_once(own_stage: Stage) -> None:
    saved = await _waiting(own_stage)
    for _ in range(40):
        await _happens(own_stage)
    await asyncio.gather(*(_hand_out(own_stage) for _ in range(4)))
    assert len(await _runs(own_stage, saved)) == 40


async def test_what_an_automation_led_to_is_one_deeper(own_stage: Stage) -> None:
    saved = await _waiting(own_stage)
    source = await start(own_stage.gateway, await own_stage.save(actions=[NOOP]), depth=3)
    await _happens(own_stage, source=source)
    await _hand_out(own_stage)
    assert [row["depth"] for row in await _runs(own_stage, saved)] == [4]


async def test_an_automations_own_end_can_start_another(own_stage: Stage) -> None:
    saved = await _waiting(own_stage, "automation.completed")
    run_id = await own_stage.begun(actions=[NOOP])
    await own_stage.end(run_id, "dlt_extract")
    assert await _hand_out(own_stage) == 1
    (row,) = await _runs(own_stage, saved)
    assert (row["event"]["data"]["automationRunId"], row["depth"]) == (str(run_id), 1)


async def test_a_paused_automation_hears_nothing(own_stage: Stage) -> None:
    trigger = {"type": "event", "eventType": "action.completed"}
    saved = await own_stage.save(actions=[NOOP], trigger=trigger, status="paused")
    await _happens(own_stage)
    assert await _hand_out(own_stage) == 0
    assert await _runs(own_stage, saved) == []


async def test_an_event_that_cannot_be_handed_out_stops_no_other(own_stage: Stage) -> None:
    saved = await _waiting(own_stage)
    subjects = [await _happens(own_stage) for _ in range(5)]
    bad = subjects[1]
    # as no event of ours is: whatever reads it as an object fails
    await own_stage.pool.execute("UPDATE events SET data = '[]' WHERE subject_id = $1", bad)
    events = Events(own_stage.pool, own_stage.bell)
    await events.hand_out_once()
    await _happens(own_stage)
    await events.hand_out_once()
    made = {row["trigger_key"] for row in await _runs(own_stage, saved)}
    assert {f"event:{subject}-1" for subject in subjects if subject != bad} < made
    assert len(made) == 5
    assert await own_stage.pool.fetchval("SELECT count(*) FROM events WHERE wanted") == 1


@pytest.mark.parametrize("filters", ["x", 5, [1], True])
async def test_filters_that_cannot_be_read_keep_no_other_automation_deaf(own_stage: Stage, filters: Any) -> None:
    good, bad = await _waiting(own_stage), await _waiting(own_stage)
    text = "UPDATE automations SET trigger = jsonb_set(trigger, '{filters}', $2) WHERE id = $1"
    await own_stage.gateway.execute(text, bad.id, filters)
    await _happens(own_stage)
    assert await _hand_out(own_stage) == 1
    assert (len(await _runs(own_stage, good)), len(await _runs(own_stage, bad))) == (1, 0)
    row = await own_stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", bad.id)
    assert (row["status"], row["error"]["code"]) == ("error", "INTERNAL_ERROR")
