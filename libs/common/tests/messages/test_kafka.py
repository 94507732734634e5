"""Writing to a broker that comes and goes."""

import asyncio
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from vai_common.ids import uuid7
from vai_common.messages import kafka as kafka_module
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.partitions import partition_of
from vai_devstack.servers.broker import Broker
from vai_testkit.servers.broker import NOWHERE
from vai_testkit.wait import wait_for

TOPIC = "action.started"


def _records(key: UUID, count: int) -> list[Record]:
    return [Record(TOPIC, key.bytes, f"v{number}".encode(), [("type", b"t")]) for number in range(count)]


async def _read(servers: str, key: UUID, count: int) -> list[tuple[bytes | None, dict[str, bytes]]]:
    """The first records with this key, from the beginning of the topic."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    found: list[tuple[bytes | None, dict[str, bytes]]] = []
    await consumer.start()
    try:
        while len(found) < count:
            each = await asyncio.wait_for(anext(consumer), 20)
            if each.key == key.bytes:
                found.append((each.value, dict(each.headers)))
    finally:
        await consumer.stop()
    return found


async def test_records_arrive_in_their_order_with_key_and_headers(broker: Broker) -> None:
    key, producer = uuid7(), Producer(broker.address, "test")
    assert await producer.send(_records(key, 20)) == [None] * 20
    await producer.close()
    assert await _read(broker.address, key, 20) == [(f"v{n}".encode(), {"type": b"t"}) for n in range(20)]
    assert REGISTRY.get_sample_value("vai_broker_up") == 1


async def test_without_a_broker_each_record_gets_its_answer() -> None:
    producer = Producer(NOWHERE, "test")
    answers = await producer.send(_records(uuid7(), 3))
    assert [isinstance(answer, Exception) for answer in answers] == [True] * 3
    assert REGISTRY.get_sample_value("vai_broker_up") == 0
    await producer.close()


async def test_nothing_to_send_is_nothing(broker: Broker) -> None:
    producer = Producer(broker.address, "test")
    assert await producer.send([]) == []
    await producer.close()


@pytest.mark.usefixtures("forgiving")
async def test_a_broker_that_comes_back_empty_is_written_to_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_module, "_ANSWER_SECONDS", 1.0)
    key, producer = uuid7(), Producer(broker.address, "test")
    assert await producer.send(_records(key, 1)) == [None]
    await broker.stop()
    assert await producer.send(_records(key, 1)) != [None]
    await broker.start()

    async def written() -> bool:
        return await producer.send(_records(key, 1)) == [None]

    await wait_for(written, timeout=30, what="a record is written")
    await producer.close()
    assert (await _read(broker.address, key, 1))[0][0] == b"v0"


async def test_many_who_send_at_once_share_one_connection(broker: Broker) -> None:
    key, producer = uuid7(), Producer(broker.address, "test")
    answers = await asyncio.gather(*(producer.send(_records(key, 5)) for _ in range(8)))
    assert answers == [[None] * 5] * 8
    await producer.close()
    assert len(await _read(broker.address, key, 40)) == 40


async def test_closing_twice_is_as_once(broker: Broker) -> None:
    producer = Producer(broker.address, "test")
    await producer.send(_records(uuid7(), 1))
    await producer.close()
    await producer.close()


@given(st.binary(max_size=60), st.integers(1, 24))
def test_a_key_has_the_partition_that_every_client_gives_it(key: bytes, partitions: int) -> None:
    those = list(range(partitions))
    theirs = DefaultPartitioner()(key, those, those)
    assert [partition_of(key, those, those) for _ in range(2)] == [theirs, theirs]


def test_without_a_key_any_partition_will_do() -> None:
    assert partition_of(None, [0, 1, 2], [2]) == 2
