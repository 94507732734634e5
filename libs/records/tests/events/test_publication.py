"""From the journal to the topics: at least once, whatever the broker does (rule 9)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer

from vai_common.boot import Service
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_common.messages.kafka import Producer, Record
from vai_contracts.vai.events.v1 import events_pb2
from vai_devstack.servers.broker import Broker
from vai_records.events.events import Event
from vai_records.events.publication import Publisher
from vai_records.runs import statements
from vai_testkit.database import Database
from vai_testkit.opened import opened_service
from vai_testkit.servers.broker import NOWHERE, broker, forgiving  # noqa: F401
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for

OLD = timedelta(minutes=1)


class Refusing(MemoryProducer):
    """A broker that refuses the events of one subject."""

    def __init__(self, refused: UUID) -> None:
        super().__init__()
        self._refused = str(refused).encode()

    async def send(self, records: Sequence[Record]) -> list[Exception | None]:
        await super().send([record for record in records if record.key != self._refused])
        return [ValueError("refused") if record.key == self._refused else None for record in records]


class Away(MemoryProducer):
    """A broker that does not answer until it is back."""

    is_back = False

    async def send(self, records: Sequence[Record]) -> list[Exception | None]:
        if not self.is_back:
            return [TimeoutError("no answer") for _ in records]
        return await super().send(records)


@pytest.fixture
async def service(own_database: Database) -> AsyncIterator[Service[Any]]:
    async with opened_service(own_database.url, "extract-worker") as service:
        yield service


async def _claimed(database: Database, process_id: UUID) -> Any:
    """A run that a process has just claimed: the row with its `action.started`."""
    run_id = await database.put("pending", "queued")
    pool = await database.pool("extract-worker")
    (row,) = await statements.claim(pool, process_id, ["dlt_extract"], [run_id], 1, "w")
    return row


async def _left_behind(database: Database, writer: UUID | None, **columns: Any) -> UUID:
    """An event that was written a while ago and not published."""
    row = await _claimed(database, uuid7())
    await (await database.owner()).execute(
        "UPDATE events SET writer = $2, occurred_at = $3 WHERE subject_id = $1", row["id"], writer, now() - OLD
    )
    for name, value in columns.items():
        await (await database.owner()).execute(f"UPDATE events SET {name} = $2 WHERE subject_id = $1", row["id"], value)
    run_id: UUID = row["id"]
    return run_id


async def _is_published(database: Database, run_id: UUID) -> bool:
    (event,) = await database.events(run_id)
    return event["published_at"] is not None


async def test_what_is_handed_over_goes_out_and_is_marked(own_database: Database, service: Service[Any]) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    rows = [await _claimed(own_database, process) for _ in range(5)]
    publisher.publish(rows)
    await publisher.close(5)
    assert sorted(record.key or b"" for record in producer.records) == sorted(str(row["id"]).encode() for row in rows)
    assert all([await _is_published(own_database, row["id"]) for row in rows])
    assert await publisher.sweep_once() == 0


async def test_the_sweep_takes_what_this_process_left(own_database: Database, service: Service[Any]) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    mine, others = await _left_behind(own_database, process), await _left_behind(own_database, uuid7())
    just_now = await _claimed(own_database, process)

    assert await publisher.sweep_once() == 1
    await publisher.close(5)

    assert await _is_published(own_database, mine)
    assert not await _is_published(own_database, others)
    assert not await _is_published(own_database, just_now["id"])


async def test_what_does_not_fit_into_memory_is_left_to_the_sweep(
    own_database: Database, service: Service[Any]
) -> None:
    producer, process = Away(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    rows = [await _claimed(own_database, process) for _ in range(5)]
    await (await own_database.owner()).execute("UPDATE events SET occurred_at = $1", now() - OLD)
    publisher._batcher._most_waiting = 2
    assert len(publisher.publish([{**row, "occurred_at": now() - OLD} for row in rows])) == 2
    assert len(publisher._underway) == 2
    await publisher.close(5)
    producer.is_back = True
    await (await own_database.owner()).execute("UPDATE events SET retry_at = NULL")

    async def all_out() -> bool:
        await publisher.sweep_once()
        return all([await _is_published(own_database, row["id"]) for row in rows])

    await wait_for(all_out, timeout=30, what="all are out")


async def test_without_a_broker_events_stay_and_back_off(own_database: Database, service: Service[Any]) -> None:
    process = uuid7()
    publisher = Publisher(service.pool, Producer(NOWHERE, "test"), process)
    run_id = await _left_behind(own_database, process)

    assert await publisher.sweep_once() == 1
    await publisher.close(10)

    (event,) = await own_database.events(run_id)
    assert (event["published_at"], event["failures"]) == (None, 1)
    assert event["retry_at"] > now()
    assert await publisher.sweep_once() == 0


async def test_after_an_outage_all_that_waited_goes_out_at_once(own_database: Database, service: Service[Any]) -> None:
    producer, process = Away(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    ids = [await _left_behind(own_database, process) for _ in range(20)]
    for _ in range(3):
        await publisher.sweep_once()
    await (await own_database.owner()).execute("UPDATE events SET failures = 9, retry_at = now() + interval '4 min'")
    await publisher.sweep_once()
    assert producer.records == []
    producer.is_back = True
    await publisher.sweep_once()
    await publisher.close(5)
    assert all([await _is_published(own_database, run_id) for run_id in ids])


async def test_what_backs_off_is_swept_again_later(own_database: Database, service: Service[Any]) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    later = await _left_behind(own_database, process, retry_at=now() + OLD, failures=3)
    due = await _left_behind(own_database, process, retry_at=now() - OLD, failures=3)
    assert await publisher.sweep_once() == 1
    await publisher.close(5)
    assert await _is_published(own_database, due)
    assert not await _is_published(own_database, later)


async def test_a_row_that_is_refused_backs_off_alone(own_database: Database, service: Service[Any]) -> None:
    process = uuid7()
    rows = [await _claimed(own_database, process) for _ in range(6)]
    poisoned = rows[2]["id"]
    publisher = Publisher(service.pool, Refusing(poisoned), process)
    publisher.publish(rows)
    await publisher.close(5)
    assert [await _is_published(own_database, row["id"]) for row in rows] == [row["id"] != poisoned for row in rows]


@pytest.mark.parametrize(
    "spoil", ["data = '{}'", "type = 'action.exploded'", "data = jsonb_set(data, '{actionKind}', '\"no kind\"')"]
)
async def test_a_row_that_cannot_be_told_backs_off_alone(
    own_database: Database, service: Service[Any], spoil: str
) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    good, bad = await _left_behind(own_database, process), await _left_behind(own_database, process)
    await (await own_database.owner()).execute(f"UPDATE events SET {spoil} WHERE subject_id = $1", bad)

    assert await publisher.sweep_once() == 2
    await publisher.close(5)

    assert await _is_published(own_database, good)
    (event,) = await own_database.events(bad)
    assert (event["published_at"], event["failures"]) == (None, 1)


async def test_each_failure_waits_longer_up_to_five_minutes(own_database: Database, service: Service[Any]) -> None:
    process = uuid7()
    run_id = await _left_behind(own_database, process)
    publisher = Publisher(service.pool, Refusing(run_id), process)
    waits = []
    for _ in range(12):
        assert await publisher.sweep_once() == 1
        await publisher.close(5)
        (event,) = await own_database.events(run_id)
        waits.append((event["retry_at"] - now()).total_seconds())
        await (await own_database.owner()).execute("UPDATE events SET retry_at = NULL")
    for wait, most in zip(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256], strict=True):
        assert most / 2 - 0.5 < wait <= most


async def test_the_events_of_the_dead_are_adopted(own_database: Database, service: Service[Any]) -> None:
    producer, watchdog = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, watchdog)
    living = await own_database.register()
    of_the_dead, of_nobody = await _left_behind(own_database, uuid7()), await _left_behind(own_database, None)
    of_the_living = await _left_behind(own_database, living)

    await publisher.adopt_once()
    assert await publisher.sweep_once() == 2
    await publisher.close(5)

    assert await _is_published(own_database, of_the_dead)
    assert await _is_published(own_database, of_nobody)
    assert not await _is_published(own_database, of_the_living)


async def test_an_event_that_cannot_be_noted_or_adopted_stops_no_other(
    own_database: Database, service: Service[Any]
) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    ids = [await _left_behind(own_database, process) for _ in range(3)]
    ids += [await _left_behind(own_database, None) for _ in range(3)]
    await own_database.poison("events", f"OLD.subject_id IN ('{ids[1]}', '{ids[4]}')")

    await publisher.adopt_once()
    await publisher.sweep_once()
    assert await publisher.sweep_once() == 0, "the bad one rests"
    await publisher.close(5)

    are_published = [await _is_published(own_database, run_id) for run_id in ids]
    assert are_published == [True, False, True, True, False, True]


async def test_a_row_that_is_no_event_stops_no_other(
    own_database: Database, service: Service[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, process = MemoryProducer(), uuid7()
    publisher = Publisher(service.pool, producer, process)
    bad, good = await _left_behind(own_database, process), await _left_behind(own_database, process)
    read = Event.of

    def of(row: Any) -> Event:
        if row["subject_id"] == bad:
            raise AttributeError("whatever")
        return read(row)

    monkeypatch.setattr(Event, "of", of)
    await publisher.sweep_once()
    await publisher.close(5)
    assert await _is_published(own_database, good)
    assert not await _is_published(own_database, bad)


async def test_closing_waits_no_longer_than_it_is_told(own_database: Database, service: Service[Any]) -> None:
    class Stuck(MemoryProducer):
        async def send(self, records: Sequence[Record]) -> list[Exception | None]:
            await asyncio.Event().wait()
            return []

    process = uuid7()
    publisher = Publisher(service.pool, Stuck(), process)
    publisher.publish([await _claimed(own_database, process)])
    await publisher.close(0.05)
    assert await publisher.sweep_once() == 0  # what is underway is not sent a second time


@pytest.mark.usefixtures("forgiving")
async def test_events_reach_a_consumer_once_the_broker_is_back(
    own_database: Database,
    service: Service[Any],
    broker: Broker,  # noqa: F811
) -> None:
    process = uuid7()
    producer = Producer(broker.address, "test")
    publisher = Publisher(service.pool, producer, process)
    await broker.stop()
    row = await _claimed(own_database, process)
    publisher.publish([row])
    await publisher.close(20)
    assert not await _is_published(own_database, row["id"])

    await broker.start()
    await (await own_database.owner()).execute(
        "UPDATE events SET retry_at = NULL, occurred_at = occurred_at - interval '1 minute'"
    )

    async def swept() -> bool:
        await publisher.sweep_once()
        await publisher.close(20)
        await (await own_database.owner()).execute("UPDATE events SET retry_at = NULL")
        return await _is_published(own_database, row["id"])

    await wait_for(swept, timeout=30, what="the event is published")
    await producer.close()
    message = await _consumed(broker.address, "action.started", row["id"])
    assert message.data.run_id == str(row["id"])


async def _consumed(servers: str, topic: str, subject: UUID) -> events_pb2.ActionStarted:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        async for record in consumer:
            if record.key == str(subject).encode():
                return events_pb2.ActionStarted.FromString(record.value)
    finally:
        await consumer.stop()
    raise AssertionError("the topic ended")


def test_an_event_is_known_by_its_subject_and_sequence() -> None:
    event = Event(uuid7(), 3, "action.started", now(), uuid7(), {}, None)
    assert event.id == f"{event.subject_id}-3"
    assert event.key == (event.subject_id, 3, event.occurred_at)
