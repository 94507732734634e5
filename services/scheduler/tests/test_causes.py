"""What one cause leads to has a budget in depth and in breadth, whatever event carries it on (rule 24)."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scheduler.tests.stage import Stage
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.automations import causes
from vai_records.automations.causes import DEEPEST, Wanted
from vai_records.lifecycle.sql_fragments import wanted
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_scheduler.events import Events
from vai_testkit.automations import NOOP, Saved, start

_WRITE = f"""
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, run_id, wanted)
VALUES ($1, 1, $2, $3, $4, $5, $6, {wanted("$3", "$4")})
"""
MOST = 25
KINDS = ("action.completed", "connection.data_available", "connection.error", "automation.completed")


async def _waiting(stage: Stage, event_type: str, steps: int = 1) -> Saved:
    trigger = {"type": "event", "eventType": event_type}
    return await stage.save(*({"key": f"s{place}", **NOOP} for place in range(steps)), trigger=trigger)


async def _happens(stage: Stage, event_type: str, subject: UUID, of_run: UUID | None = None, **data: Any) -> None:
    await stage.gateway.execute(_WRITE, subject, now(), stage.org_id, event_type, data, of_run)


async def _ran(stage: Stage, source: UUID | None, parent: UUID | None = None) -> UUID:
    """A run: a step of an automation run, or what somebody has started."""
    new = NewRun(
        org_id=stage.org_id,
        kind="dlt_extract",
        definition={"source": "noop"},
        trigger_method="automation" if source else "api",
        trigger_source_type="automation_run" if source else "user",
        trigger_source_id=str(source) if source else None,
        parent_run_id=parent,
    )
    await statements.create(stage.gateway, [new])
    return new.id


async def _tell_of(stage: Stage, kinds: Sequence[str], source: UUID | None) -> None:
    """One run of an automation run's, or of nobody's, tells of itself by events of these kinds."""
    for kind in kinds:
        run_id = await _ran(stage, source)
        if kind.startswith("automation."):
            if source is not None:
                await _happens(stage, kind, source, automationRunId=str(source))
        elif kind == "connection.data_available":  # whose run has a column
            await _happens(stage, kind, uuid7(), run_id)
        elif kind == "connection.error":
            await _happens(stage, kind, uuid7(), runId=str(run_id))
        else:
            trigger = {"method": "api", "sourceType": "automation_run" if source else "user"}
            said = {"runId": str(run_id), "trigger": {**trigger, "sourceId": str(source) if source else None}}
            await _happens(stage, kind, run_id, **said)


async def _play(stage: Stage, kinds: Sequence[str], most: int = MOST) -> None:
    """Two schedulers hand out; what may begin ends at once and tells of it, until nothing follows."""
    both = [Events(stage.pool, stage.bell, most) for _ in range(2)]
    known = "SELECT id FROM automation_runs WHERE org_id = $1"
    seen = {row["id"] for row in await stage.pool.fetch(known, stage.org_id)}
    while True:
        await asyncio.gather(*(one.hand_out_once() for one in both))
        rows = await stage.pool.fetch("SELECT id, cut_off FROM automation_runs WHERE org_id = $1", stage.org_id)
        news = [row for row in rows if row["id"] not in seen]
        if not news:
            return
        seen |= {row["id"] for row in news}
        assert len(seen) <= 5 * most, "it does not end"
        for row in news:
            if row["cut_off"] is None:
                await _tell_of(stage, kinds, row["id"])
            else:
                await _happens(stage, "automation.failed", row["id"], automationRunId=str(row["id"]))


async def _made(stage: Stage) -> tuple[list[Any], list[Any]]:
    rows = await stage.pool.fetch("SELECT * FROM automation_runs WHERE org_id = $1 ORDER BY id", stage.org_id)
    return [row for row in rows if row["cut_off"] is None], [row for row in rows if row["cut_off"] is not None]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_loop_over_any_event_is_cut_off_in_depth_and_tells_it_once(own_stage: Stage, kind: str) -> None:
    saved = await _waiting(own_stage, kind)
    first = await start(own_stage.gateway, saved)
    await _tell_of(own_stage, [kind], first)
    await _play(own_stage, [kind], most=1_000)
    began, cut_off = await _made(own_stage)
    assert sorted(row["depth"] for row in began) == list(range(DEEPEST + 1))
    assert len(cut_off) == 1
    assert "in a row" in cut_off[0]["cut_off"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_loop_that_doubles_is_cut_off_in_breadth_and_tells_it_once(own_stage: Stage, kind: str) -> None:
    saved = await _waiting(own_stage, kind)
    other = await _waiting(own_stage, kind)
    await _tell_of(own_stage, [kind], await start(own_stage.gateway, saved))
    await _play(own_stage, [kind])
    began, cut_off = await _made(own_stage)
    consequences = [row for row in began if row["depth"] > 0]
    assert len(consequences) == MOST
    assert len(cut_off) == 1
    assert f"has led to {MOST} automation runs" in cut_off[0]["cut_off"]
    assert {row["automation_id"] for row in consequences} == {saved.id, other.id}


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), waiting=st.lists(st.sampled_from(KINDS), max_size=3)
)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_cause_leads_to_more_than_its_budget(own_stage: Stage, kinds: list[str], waiting: list[str]) -> None:
    """Any automations, any events, two schedulers: it ends, within the budget, with one that says so at most."""
    stage = own_stage
    stage.org_id = uuid4()
    text = "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'Another')"
    await stage.gateway.execute(text, stage.org_id, stage.org_id.hex)
    for kind in waiting:
        await _waiting(stage, kind)
    await _tell_of(stage, kinds, None)
    await _play(stage, kinds)
    rows = await stage.pool.fetch(
        """SELECT cause_id, count(*) FILTER (WHERE depth > 0 AND cut_off IS NULL) AS led, max(depth) AS depth,
            count(*) FILTER (WHERE cut_off IS NOT NULL) AS told FROM automation_runs WHERE org_id = $1 GROUP BY 1""",
        stage.org_id,
    )
    for row in rows:
        assert row["led"] <= MOST
        assert row["told"] <= 1
        assert row["depth"] <= DEEPEST + row["told"]


async def test_an_alarm_hears_of_the_cut_off_and_begins_no_new_loop(own_stage: Stage) -> None:
    await _waiting(own_stage, "action.completed")
    alarm = await _waiting(own_stage, "automation.failed")
    await _tell_of(own_stage, ["action.completed"], None)
    await _play(own_stage, ["action.completed", "automation.failed"], most=5)
    began, cut_off = await _made(own_stage)
    assert alarm.id in {row["automation_id"] for row in began}
    assert len(cut_off) == len({row["cause_id"] for row in cut_off})


async def test_the_run_that_is_cut_off_fails_with_an_event_and_its_automation_shows_why(own_stage: Stage) -> None:
    saved = await _waiting(own_stage, "action.completed")
    await _tell_of(own_stage, ["action.completed"], await start(own_stage.gateway, saved, depth=DEEPEST))
    await Events(own_stage.pool, own_stage.bell).hand_out_once()
    (cut_off,) = (await _made(own_stage))[1]
    await own_stage.looker.look(cut_off["id"])
    row = await own_stage.row(cut_off["id"])
    assert row["status"] == "failed"
    assert await own_stage.told(cut_off["id"]) == ["automation.failed"]
    assert await own_stage.logged(cut_off["id"]) == ["automation_failed"]
    shown = await own_stage.pool.fetchrow("SELECT status, error FROM automations WHERE id = $1", saved.id)
    assert (shown["status"], shown["error"]["message"]) == ("active", row["error"]["message"])


async def test_what_a_step_has_led_to_belongs_to_its_automation_run(own_stage: Stage) -> None:
    source = await start(own_stage.gateway, await _waiting(own_stage, "action.completed"))
    step = await _ran(own_stage, source)
    child = await _ran(own_stage, None, parent=await _ran(own_stage, None, parent=step))
    alone = await _ran(own_stage, None)
    assert await causes.automation_runs_of(own_stage.pool, [step, child, alone]) == {step: source, child: source}


async def test_a_cause_leads_to_no_more_once_its_automation_runs_have_many_steps(own_stage: Stage) -> None:
    large = await _waiting(own_stage, "action.completed", steps=7)
    cause = uuid7()
    judged = await causes.judge(own_stage.pool, [Wanted(cause, 1, large.version_id)] * 4, most=2)
    assert [one.may_begin for one in judged] == [True, True, False, False]
    judged = await causes.judge(own_stage.pool, [Wanted(uuid7(), 1, large.version_id)] * 1, most=1)
    assert judged[0].may_begin
