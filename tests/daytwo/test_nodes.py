"""A node that goes, and a Kafka cluster that is another one from now on: under load, with nothing lost."""

import asyncio
import signal
from typing import Any

import httpx2
import pytest

from tests.daytwo.rolling import assert_all_completed, roll
from tests.integration.holders import holder_of
from tests.integration.lake import assert_extracted_once
from tests.integration.listening import listening
from tests.integration.load import under_load
from tests.integration.runs import log_of, logged, sample, words
from vai_common.clock import steady_seconds
from vai_devstack.home import Home
from vai_devstack.servers.broker import EmbeddedBroker
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.stack import Stack
from vai_testkit.stack import create_run
from vai_testkit.wait import wait_for

_HAND_OVER_SECONDS = 15.0
"""SIGTERM until another worker has the run: it takes one second and a half on a machine that is free."""

_DRAINED = ("extract-worker", "transform-worker", "agent-worker", "scheduler", "run-dispatcher")


@pytest.mark.timeout(300)
async def test_a_node_that_is_drained_under_load_hands_its_heavy_runs_over_at_once(
    stack: Stack, api: httpx2.AsyncClient, database: Any
) -> None:
    async with under_load(api) as load:
        heavy = await create_run(api, "dlt_extract", sample(2_000, slices=20, rows_per_second=150, source_name="drain"))
        await logged(api, heavy["id"], "slice_completed", timeout=60)
        node = (await holder_of(stack, database, heavy["id"])).index
        going = [each for each in stack.instances if each.service.name in _DRAINED and each.index == node]
        assert len(going) == len(_DRAINED)
        began = steady_seconds()
        stopping = asyncio.gather(*(each.kill(signal.SIGTERM) for each in going))
        await logged(api, heavy["id"], "lease_acquired", times=2, timeout=60)
        assert steady_seconds() - began < _HAND_OVER_SECONDS
        await stopping
        for each in going:
            assert each.process is not None
            assert not each.process.failed, f"{each.name} {each.process.ending}"
        alone = len(load.made)
        await wait_for(lambda: len(load.made) > alone + 50, 60, what="the other node works on")
    await assert_all_completed(database, [*load.ids, heavy["id"]])
    entries = words(await log_of(api, heavy["id"]))
    first, second = [place for place, event in enumerate(entries) if event == "lease_acquired"][:2]
    assert "run_interrupted" in entries[first:second], f"it was lost instead of given back: {entries}"
    await assert_extracted_once(stack, database, heavy["id"], 2_000, 20)
    await asyncio.gather(*(stack.start_service(each.service.name, each.index) for each in going))


@pytest.mark.timeout(300)
async def test_a_kafka_cluster_is_replaced_under_load_and_the_new_one_gets_every_event_from_then_on(
    stack: Stack, api: httpx2.AsyncClient, database: Any, tmp_path: Any
) -> None:
    home, ports = Home.of(tmp_path / "kafka"), PortBook(tmp_path / "ports.json")
    home.make()
    other = EmbeddedBroker(home, ports.take("kafka", random_base()))
    await other.start()
    try:
        async with under_load(api) as load:
            await wait_for(lambda: len(load.made) > 50, 60, what="there is load")
            await stack.kill_broker()
            away = len(load.made)
            await wait_for(lambda: len(load.made) > away + 30, 60, what="runs are taken without the old one")
            gone = load.ids[: away + 30]
            await roll(stack, {"VAI_KAFKA": other.address})
            there = len(load.made)
            await wait_for(lambda: len(load.made) > there + 30, 60, what="runs are taken with the new one")
        await assert_all_completed(database, load.ids)
        unsent = set(load.ids[away:])
        async with listening(other.address, "action.completed") as listener:
            await listener.until(lambda heard: unsent <= {event.data.run_id for event, *_ in heard.seen}, 90)
            # What only the old cluster had: sent again, with the ids that it had.
            again = "UPDATE events SET published_at = NULL WHERE subject_id = ANY($1::uuid[])"
            await database.execute(again, gone)
            await listener.until(lambda heard: set(gone) <= {event.data.run_id for event, *_ in heard.seen}, 90)
    finally:
        await stack.restart_broker()
        await roll(stack, {"VAI_KAFKA": stack.kafka})
        await other.stop()
        ports.close()
