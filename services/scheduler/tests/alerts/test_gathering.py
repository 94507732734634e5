"""What happens becomes one message of each rule that tells it, once, however many look."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.scheduler.tests.alerts.receivers import alerts_of, ends, gather, happens, rule
from services.scheduler.tests.stage import Stage
from vai_common.ids import uuid7
from vai_scheduler.alerts.gatherer import Gatherer
from vai_scheduler.schedules import Schedules
from vai_testkit.automations import NOOP, start

SLACK = {"type": "slack", "host": "hooks.slack.com"}


async def _counts(stage: Stage, rule_id: UUID) -> dict[str, int]:
    found = await alerts_of(stage, rule_id)
    assert len(found) <= 1
    return dict(found[0]["counts"]) if found else {}


async def test_a_storm_is_one_message_with_the_first_ones_by_name(own_stage: Stage) -> None:
    rule_id = await rule(own_stage, SLACK)
    runs = [await ends(own_stage, event_type="action.started") for _ in range(3)]
    text = """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data)
        SELECT id, n, clock_timestamp(), $2, 'action.failed', '{}'
        FROM unnest($1::uuid[]) AS id, generate_series(2, 401) AS n"""
    first = await ends(own_stage)
    await own_stage.gateway.execute(text, runs, own_stage.org_id)
    await asyncio.gather(*(gather(own_stage) for _ in range(3)))
    assert await _counts(own_stage, rule_id) == {"failed": 1_201}
    (alert,) = await alerts_of(own_stage, rule_id)
    assert len(alert["items"]) == 10
    assert str(first) in {item["runId"] for item in alert["items"]}
    assert await own_stage.pool.fetchval("SELECT count(*) FROM alert_news") == 0


PARTIAL = {"recordsProcessed": 1, "failed_resources": ["orders"]}
TOLD: list[tuple[list[str], dict[str, Any], dict[str, Any], int]] = [
    (["failed"], {}, {}, 1),
    (["partial"], {}, {}, 0),
    (["partial"], {}, {"status": "completed", "result": PARTIAL}, 1),
    (["failed", "partial"], {}, {"status": "completed", "result": {"failed_resources": []}}, 0),
    (["awaiting_approval"], {}, {"event_type": "action.awaiting_approval"}, 1),
    (["failed"], {"kinds": ["dlt_extract", "http_request"]}, {}, 1),
    (["failed"], {"kinds": ["http_request"]}, {}, 0),
    (["failed"], {"labels": {"team": "a"}}, {"labels": {"team": "a", "x": "y"}}, 1),
    (["failed"], {"labels": {"team": "a"}}, {"labels": {"team": "b"}}, 0),
    (["failed"], {"labels": {"team": "a"}}, {}, 0),
    (["failed"], {"actions": [str(uuid7())]}, {}, 0),
    (["failed"], {"automations": [str(uuid7())]}, {}, 0),
]


@pytest.mark.parametrize(("tells", "filters", "said", "count"), TOLD)
async def test_a_rule_tells_what_it_names_and_what_passes_its_filters(
    stage: Stage, tells: list[str], filters: dict[str, Any], said: dict[str, Any], count: int
) -> None:
    rule_id = await rule(stage, SLACK, tells=tells, filters=filters)
    await ends(stage, **said)
    await gather(stage)
    assert sum((await _counts(stage, rule_id)).values()) == count


async def test_a_result_that_was_too_large_for_its_event_is_looked_at(stage: Stage) -> None:
    rule_id = await rule(stage, SLACK, tells=["partial"])
    results: list[dict[str, Any]] = [PARTIAL, {"failed_resources": []}]
    for result in results:
        run_id = await ends(stage, "completed", event_type="action.started", result=result)
        text = """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data)
            VALUES ($1, 2, clock_timestamp(), $2, 'action.completed', '{"resultTruncated": true}')"""
        await stage.gateway.execute(text, run_id, stage.org_id)
    await gather(stage)
    assert await _counts(stage, rule_id) == {"partial": 1}


async def test_a_steps_failure_is_told_by_its_automation_unless_a_rule_names_its_kind(stage: Stage) -> None:
    everything = await rule(stage, SLACK)
    of_kind = await rule(stage, SLACK, filters={"kinds": ["dlt_extract"]})
    saved = await stage.save(actions=[NOOP])
    run_id = await start(stage.gateway, saved)
    of_automation = await rule(stage, SLACK, filters={"automations": [str(saved.id)]})
    await ends(stage, step_of=run_id)
    await gather(stage)
    assert [await _counts(stage, one) for one in (everything, of_kind, of_automation)] == [{}, {"failed": 1}, {}]
    await happens(stage, run_id, "automation.failed")
    await gather(stage)
    assert [await _counts(stage, one) for one in (everything, of_kind, of_automation)] == [{"failed": 1}] * 3
    (alert,) = await alerts_of(stage, everything)
    assert (alert["items"][0]["automationRunId"], alert["items"][0]["automationId"]) == (str(run_id), str(saved.id))


async def test_nobody_is_told_of_another_organisation_or_before_a_rule_or_while_it_is_paused(stage: Stage) -> None:
    await ends(stage)
    rule_id = await rule(stage, SLACK)
    await happens(stage, uuid7(), "action.failed", org_id=uuid7())
    await gather(stage)
    assert await alerts_of(stage, rule_id) == []
    await stage.gateway.execute("UPDATE alert_rules SET is_active = false WHERE id = $1", rule_id)
    await ends(stage)
    await gather(stage)
    assert await alerts_of(stage, rule_id) == []


async def test_what_runs_too_long_is_told_once(stage: Stage) -> None:
    rule_id = await rule(stage, SLACK, tells=["late"], late_seconds=60)
    run_id = await start(stage.gateway, await stage.save(actions=[NOOP]))
    await Gatherer(stage.pool).note_late_once()
    await gather(stage)
    assert await _counts(stage, rule_id) == {}
    old = UUID(int=run_id.int - (3_600_000 << 80))
    async with stage.gateway.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        text = "UPDATE automation_runs SET id = $2, created_at = created_at - interval '1 h' WHERE id = $1"
        await conn.execute(text, run_id, old)
    for _ in range(2):
        await Gatherer(stage.pool).note_late_once()
        await gather(stage)
    assert await _counts(stage, rule_id) == {"late": 1}


async def test_a_time_that_was_missed_is_told_whether_or_not_it_is_made_up_for(stage: Stage) -> None:
    rule_id = await rule(stage, SLACK, tells=["schedule_missed"])
    now = await stage.pool.fetchval("SELECT clock_timestamp()")
    past = await stage.pool.fetchval("SELECT clock_timestamp() - interval '2 h'")
    for due in (past, now):
        trigger = {"type": "schedule", "schedule": "* * * * *", "timezone": "UTC", "catchup": "none"}
        await stage.save(actions=[NOOP], trigger=trigger, due_at=due)
    await Schedules(stage.pool, stage.bell).fire_batch()
    await gather(stage)
    assert await _counts(stage, rule_id) == {"schedule_missed": 1}


async def test_news_that_cannot_be_read_stop_no_others(own_stage: Stage) -> None:
    rule_id = await rule(own_stage, SLACK)
    bad = await ends(own_stage)
    await ends(own_stage)
    await own_stage.gateway.execute("UPDATE runs SET error = '5' WHERE id = $1", bad)
    await gather(own_stage)
    assert await _counts(own_stage, rule_id) == {"failed": 1}
    assert await own_stage.pool.fetchval("SELECT count(*) FROM alert_news") == 1
