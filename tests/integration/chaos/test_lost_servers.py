"""Postgres and the broker go away under load and come back: the services follow by themselves, and nothing is lost."""

import os
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.integration.figures import Figure
from tests.integration.listening import listening
from tests.integration.load import under_load
from tests.integration.runs import all_ended, all_published, assert_told_once, journal
from vai_common.clock import steady_seconds
from vai_devstack.stack import Stack
from vai_testkit.stack import KAFKA_VARIABLE
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.apart

BROKERS = [name for name in [os.environ.get(KAFKA_VARIABLE) or "embedded"] if ":" not in name]
"""A broker that was given as HOST:PORT is not ours to kill."""

_COMPLETED_SINCE = """
SELECT subject_id FROM events
WHERE subject_id = ANY($1::uuid[]) AND type = 'action.completed' AND occurred_at > $2
"""
_NOT_COMPLETED = "SELECT id, kind, status, error FROM runs WHERE id = ANY($1::uuid[]) AND status <> 'completed'"


async def _assert_all_completed(database: Any, ids: list[str]) -> None:
    assert len(set(ids)) == len(ids)
    await all_ended(database, ids)
    assert await database.fetch(_NOT_COMPLETED, ids) == []
    told = await journal(database, ids)
    assert_told_once(told, ids)
    assert {tuple(row["type"] for row in rows) for rows in told.values()} == {("action.started", "action.completed")}


@pytest.mark.timeout(400)  # Apache Kafka takes its time to start
@pytest.mark.parametrize("broker", BROKERS)
async def test_a_broker_that_is_killed_and_comes_back_empty_costs_no_run_and_no_event(
    mended: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure, broker: str
) -> None:
    assert mended.broker.kind == broker
    async with under_load(api) as load:
        await wait_for(lambda: len(load.made) > 50, what="there is load")
        await mended.kill_broker()
        away, killed = len(load.made), await database.fetchval("SELECT clock_timestamp()")
        await wait_for(lambda: len(load.made) > away + 100, what="runs are taken without a broker")
        await mended.restart_broker(empty=True)
        back, restarted = len(load.made), steady_seconds()
        await wait_for(lambda: len(load.made) > back + 50, what="runs are taken with the new broker")
    figure("runs", len(load.made))
    assert load.refused == 0
    await _assert_all_completed(database, load.ids)
    await all_published(database, load.ids)
    figure("seconds_until_all_published", steady_seconds() - restarted)
    later = {str(row["subject_id"]) for row in await database.fetch(_COMPLETED_SINCE, load.ids, killed)}
    assert len(later) > 100
    async with listening(mended.kafka, "action.completed") as listener:
        await listener.until(lambda heard: later <= {event.data.run_id for event, *_ in heard.seen})


@pytest.mark.parametrize("immediate", [True, False], ids=["crashed", "restarted"])
async def test_services_are_well_again_by_themselves_after_postgres_was_away_under_load(
    mended: Stack, api: httpx2.AsyncClient, figure: Figure, immediate: bool
) -> None:
    pids = [each.process.pid for each in mended.instances if each.process]
    async with under_load(api) as load:
        await wait_for(lambda: len(load.made) > 100, what="there is load")
        began = steady_seconds()
        await mended.restart_postgres(immediate)
        back = len(load.made)
        await wait_for(lambda: len(load.made) > back, 30, what="a run is taken again")
        figure("seconds_until_a_run_is_taken", steady_seconds() - began)
        await wait_for(lambda: len(load.made) > back + 100, 30, what="there is load again")
    figure("runs", len(load.made))
    database = await asyncpg.connect(mended.database)
    await _assert_all_completed(database, load.ids)
    await database.close()
    for instance in mended.instances:
        await wait_for(instance.look, 30, every=0.1, what=f"{instance.name} is ready")
    figure("seconds_until_all_is_well", steady_seconds() - began)
    assert [each.process.pid for each in mended.instances if each.process] == pids
