"""OpenLineage events reach a real server and a real topic, at least once. A receiver that is away slows nothing."""

import asyncio
import json
import time
from inspect import ismodule
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from openlineage.client import facet_v2

from services.scheduler.tests.lineage.catalogue import Catalogue, bronze, catalogue, happens, run, table
from services.scheduler.tests.stage import Stage, step
from vai_common.ids import uuid7
from vai_devstack.servers.broker import Broker
from vai_records.lake import lineage_news
from vai_scheduler.lineage import sender as sending
from vai_scheduler.lineage.receivers import HttpReceiver, KafkaReceiver, Receiver
from vai_scheduler.lineage.sender import Sender, writer
from vai_testkit.automations import start
from vai_testkit.servers.broker import broker  # noqa: F401
from vai_testkit.wait import wait_for

TRANSFORM = {
    "transform_name": "sales",
    "output_layer": "gold",
    "inputs": [{"bronze_dataset": "bronze.shop.orders"}],
    "sql": "SELECT 'a customer'",
}
WRITTEN = writer("vai", "https://vai.test/")


@pytest.fixture
async def stage(own_stage: Stage) -> Stage:
    await lineage_news.wanted(own_stage.pool, True)
    return own_stage


def sender(stage: Stage, receiver: Receiver) -> Sender:
    return Sender(stage.pool, receiver, WRITTEN)


async def sent(stage: Stage, there: Catalogue, key: str = "") -> list[dict[str, Any]]:
    await sender(stage, HttpReceiver(there.url, key)).send_once()
    return there.events


async def waiting(stage: Stage) -> int:
    return (await lineage_news.waiting(stage.pool))[0]


async def test_a_transform_tells_what_it_read_and_wrote_by_column(stage: Stage) -> None:
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    orders = await bronze(stage, "shop.orders", uuid7(), "orders")
    await table(stage, "gold", "sales", run_id, orders, pairs=[("sum", orders, "total", "aggregation")])
    await happens(stage, run_id, "duckdb_transform", "action.started")
    await happens(stage, run_id, "duckdb_transform", "action.completed", 2)
    async with catalogue() as there:
        begun, ended = await sent(stage, there, "key-1")
    assert (begun["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    place = f"vai/{stage.org_id.hex}"
    assert ended["job"]["namespace"] == place
    assert ended["job"]["name"] == "duckdb_transform.gold.sales"
    assert ended["job"]["facets"]["jobType"]["jobType"] == "duckdb_transform"
    assert [(each["namespace"], each["name"]) for each in ended["inputs"]] == [(place, "bronze.shop.orders")]
    (output,) = ended["outputs"]
    assert output["name"] == "gold.sales"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assert output["facets"]["version"]["datasetVersion"] == "3"
    assert [(each["name"], each["type"]) for each in output["facets"]["schema"]["fields"]] == [("sum", "HUGEINT")]
    (source,) = output["facets"]["columnLineage"]["fields"]["sum"]["inputFields"]
    assert (source["namespace"], source["name"], source["field"]) == (place, "bronze.shop.orders", "total")
    assert [(each["type"], each["subtype"]) for each in source["transformations"]] == [("DIRECT", "AGGREGATION")]
    assert "a customer" not in json.dumps([begun, ended])
    assert all("authorization: Bearer key-1" in head for head in there.heads)
    assert await waiting(stage) == 0


def _facets(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for each in value for found in _facets(each)]
    if not isinstance(value, dict):
        return []
    own = [value] if "_schemaURL" in value else []
    return own + [found for each in value.values() for found in _facets(each)]


async def test_every_facet_is_one_of_the_librarys_with_its_schema(stage: Stage) -> None:
    automation = await stage.save(step("load"))
    parent = await start(stage.gateway, automation)
    run_id = await run(stage, "duckdb_transform", TRANSFORM, step_of=parent)
    orders = await bronze(stage, "shop.orders", uuid7(), "orders")
    await table(stage, "gold", "sales", run_id, orders, pairs=[("sum", orders, "total", "identity")])
    await happens(stage, run_id, "duckdb_transform", "action.completed")
    failed = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(
        stage, failed, "duckdb_transform", "action.failed", error={"code": "DATA_ERROR", "message": "row of Ada"}
    )
    async with catalogue() as there:
        first, second = await sent(stage, there)
    assert first["run"]["facets"]["parent"]["run"]["runId"] == str(parent)
    assert second["run"]["facets"]["errorMessage"]["message"] == f"DATA_ERROR: see https://vai.test/runs/{failed}"
    assert "Ada" not in json.dumps(second)
    known = {
        cls._get_schema()
        for name in facet_v2.__all__
        if ismodule(getattr(facet_v2, name))
        for cls in vars(getattr(facet_v2, name)).values()
        if isinstance(cls, type) and hasattr(cls, "_get_schema")
    }
    found = _facets([first, second])
    assert len(found) >= 8
    assert {each["_schemaURL"] for each in found} <= known


async def test_an_extraction_tells_its_resources_and_tables(stage: Stage) -> None:
    run_id = await run(stage, "dlt_extract", {"source": "shopify", "resources": ["orders", {"name": "refunds"}]})
    await bronze(stage, "shopify.orders", run_id, "orders", "order_lines")
    await happens(stage, run_id, "dlt_extract", "action.completed")
    async with catalogue() as there:
        (event,) = await sent(stage, there)
    assert {(each["namespace"], each["name"]) for each in event["inputs"]} == {
        ("shopify", "orders"), ("shopify", "order_lines"), ("shopify", "refunds")
    }  # fmt: skip
    (output,) = event["outputs"]
    statistics = output["outputFacets"]["outputStatistics"]
    assert (output["name"], statistics["rowCount"], statistics["size"]) == ("bronze.shopify.orders", 20, 1000)


@pytest.mark.parametrize(("direction", "source"), [("pull", "files"), ("push", None)])
async def test_a_file_sync_tells_both_places_and_what_it_moved(
    stage: Stage, direction: str, source: str | None
) -> None:
    said = {"path": "s3://bucket/in", "folder": "shop/exports", "direction": direction}
    run_id = await run(stage, "file_sync", said, result={"recordsProcessed": 3, "bytesTransferred": 1_000})
    await happens(stage, run_id, "file_sync", "action.completed")
    async with catalogue() as there:
        (event,) = await sent(stage, there)
    names = [event["inputs"][0]["name"], event["outputs"][0]["name"]]
    assert names == (["s3://bucket/in", "files.shop/exports"] if source else ["files.shop/exports", "s3://bucket/in"])
    statistics = event["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (statistics["size"], statistics["fileCount"]) == (1_000, 3)


async def test_what_was_cancelled_and_what_begins_again_is_told(stage: Stage) -> None:
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(stage, run_id, "duckdb_transform", "action.started", 1)
    await happens(stage, run_id, "duckdb_transform", "action.started", 2, attempt=2)
    await happens(stage, run_id, "duckdb_transform", "action.cancelled", 3)
    async with catalogue() as there:
        events = await sent(stage, there)
    assert [each["eventType"] for each in events] == ["START", "RUNNING", "ABORT"]
    assert [each["name"] for each in events[0]["inputs"]] == ["bronze.shop.orders"]


async def test_nothing_is_noted_without_a_receiver_or_of_other_kinds(own_stage: Stage) -> None:
    run_id = await run(own_stage, "duckdb_transform", TRANSFORM)
    await happens(own_stage, run_id, "duckdb_transform", "action.started")
    await lineage_news.wanted(own_stage.pool, True)
    await happens(own_stage, run_id, "http_request", "action.started", 2)
    assert await waiting(own_stage) == 0
    await lineage_news.wanted(own_stage.pool, False)
    await happens(own_stage, run_id, "duckdb_transform", "action.completed", 3)
    assert await waiting(own_stage) == 0


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_a_receiver_that_does_not_take_them_gets_them_later(stage: Stage, status: int) -> None:
    for _ in range(3):
        await happens(stage, await run(stage, "duckdb_transform", TRANSFORM), "duckdb_transform", "action.started")
    async with catalogue(status=status) as there:
        one = sender(stage, HttpReceiver(there.url, ""))
        await one.send_once()
        assert len(there.heads) == 1  # it was asked once, and then left alone
        await one.send_once()
        assert (len(there.heads), await waiting(stage)) == (1, 3)
        there.status = 201
        await stage.pool.execute("UPDATE lineage_news SET due_at = clock_timestamp()")
        one._rests_until = 0
        await one.send_once()
        assert (len(there.events), await waiting(stage)) == (3, 0)


async def test_an_event_that_is_refused_for_good_stops_no_other(stage: Stage) -> None:
    runs = [await run(stage, "duckdb_transform", TRANSFORM) for _ in range(3)]
    for run_id in runs:
        await happens(stage, run_id, "duckdb_transform", "action.started")
    async with catalogue(refuses=str(runs[1])) as there:
        await sent(stage, there)
        assert [UUID(each["run"]["runId"]) for each in there.events] == [runs[0], runs[2]]
    assert await waiting(stage) == 0


async def test_a_silent_receiver_slows_no_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vai_scheduler.lineage.receivers.SECONDS", 3.0)
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(stage, run_id, "duckdb_transform", "action.started")
    async with catalogue(silent=True) as there:
        sending_now = asyncio.create_task(sender(stage, HttpReceiver(there.url, "")).send_once())
        await wait_for(lambda: bool(there.heads), what="the receiver is asked")
        began = time.monotonic()
        for sequence in range(2, 202):
            await happens(stage, run_id, "duckdb_transform", "action.started", sequence)
        assert time.monotonic() - began < 2.5
        assert not sending_now.done()
        await sending_now
    assert await waiting(stage) == 201


@pytest.mark.parametrize("status", [200, 503])
async def test_the_end_of_a_run_is_not_told_before_its_beginning(stage: Stage, status: int) -> None:
    """Another scheduler has claimed the beginning, or the receiver was away when it was to be sent."""
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(stage, run_id, "duckdb_transform", "action.started")
    async with catalogue(status=status) as there:
        if status == 200:
            assert len(await lineage_news.claim(stage.pool, 10)) == 1  # a scheduler that is frozen, or dies
        else:
            await sent(stage, there)
            there.status = 200
        await happens(stage, run_id, "duckdb_transform", "action.completed", 2)
        assert await sent(stage, there) == []
        await stage.pool.execute("UPDATE lineage_news SET due_at = clock_timestamp() - sequence * interval '1 s'")
        assert [each["eventType"] for each in await sent(stage, there)] == ["START", "COMPLETE"]
    assert await waiting(stage) == 0


async def test_a_sender_that_died_leaves_a_claim_and_the_event_is_sent_again(stage: Stage) -> None:
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(stage, run_id, "duckdb_transform", "action.started")
    assert len(await lineage_news.claim(stage.pool, 10)) == 1  # and then it died
    async with catalogue() as there:
        assert await sent(stage, there) == []
        await stage.pool.execute("UPDATE lineage_news SET due_at = clock_timestamp()")
        assert len(await sent(stage, there)) == 1


async def test_an_event_that_cannot_be_written_is_given_up_and_the_others_go_on(stage: Stage) -> None:
    broken = await run(stage, "duckdb_transform", TRANSFORM | {"inputs": 7})
    fine = await run(stage, "duckdb_transform", TRANSFORM)
    for run_id in (broken, fine):
        await happens(stage, run_id, "duckdb_transform", "action.started")
    async with catalogue() as there:
        for _ in range(sending.MOST_BROKEN):
            await stage.pool.execute("UPDATE lineage_news SET due_at = clock_timestamp()")
            await sent(stage, there)
        assert [UUID(each["run"]["runId"]) for each in there.events] == [fine]
    assert await waiting(stage) == 0


async def test_what_nobody_took_for_a_week_is_deleted(stage: Stage) -> None:
    await happens(stage, await run(stage, "duckdb_transform", TRANSFORM), "duckdb_transform", "action.started")
    await stage.pool.execute("UPDATE lineage_news SET occurred_at = occurred_at - interval '8 days'")
    await sender(stage, HttpReceiver("http://127.0.0.1:9/", "")).measure_once()
    assert await waiting(stage) == 0


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://no-such-host.invalid/", "http://127.0.0.1:9/"]
)
async def test_a_receiver_that_cannot_be_reached_is_tried_again(stage: Stage, url: str) -> None:
    await happens(stage, await run(stage, "duckdb_transform", TRANSFORM), "duckdb_transform", "action.started")
    await sender(stage, HttpReceiver(url, "")).send_once()
    assert await waiting(stage) == 1


async def test_they_reach_a_real_topic_and_wait_while_the_broker_is_away(stage: Stage, broker: Broker) -> None:  # noqa: F811
    run_id = await run(stage, "duckdb_transform", TRANSFORM)
    await happens(stage, run_id, "duckdb_transform", "action.started")
    receiver = KafkaReceiver(broker.address, "lineage", "test")
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic("lineage", 1, 1)])
    await admin.close()
    await sender(stage, receiver).send_once()
    await receiver.close()
    assert await waiting(stage) == 0
    consumer = AIOKafkaConsumer("lineage", bootstrap_servers=broker.address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 20)
    finally:
        await consumer.stop()
    assert json.loads(record.value)["run"]["runId"] == str(run_id)
    assert record.key == f"run:vai/{stage.org_id.hex}/duckdb_transform.gold.sales".encode()
    await broker.stop()
    await happens(stage, run_id, "duckdb_transform", "action.completed", 2)
    away = KafkaReceiver(broker.address, "lineage", "test")
    await sender(stage, away).send_once()
    await away.close()
    assert await waiting(stage) == 1
