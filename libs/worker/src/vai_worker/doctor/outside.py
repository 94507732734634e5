"""What can be wrong with Kafka and with the lake."""

import asyncio
import shutil

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from vai_common.messages import refusals
from vai_common.messages.brokers import Brokers
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.topics import make_topics
from vai_contracts.topics import EVENTS, bell_topic
from vai_records.definitions.kinds import KINDS
from vai_worker.doctor.finding import Finding
from vai_worker.lake import rights as lake_rights
from vai_worker.lake.places import Lake

LEAST_SHARE = 0.05
"""Of the lake's disk that should be free."""

_SECONDS = 10.0


def topics() -> list[str]:
    """Every topic that this version writes."""
    return [*EVENTS, *(bell_topic(kind.name) for kind in KINDS.values() if kind.available)]


async def kafka(brokers: Brokers, replication: int) -> Finding:
    """Reaches the broker, makes those of our topics that are missing, as the services do, and writes hints that say
    nothing. The right to write an event shows only with an event."""
    try:
        async with asyncio.timeout(_SECONDS):
            there = await _listed(brokers)
    except (KafkaError, OSError, TimeoutError) as error:
        fault = f"{brokers.servers} does not answer: {type(error).__name__}"
        return Finding("kafka", fault, "See VAI_KAFKA, its sign-in and the network; runs go on, events wait meanwhile")
    missing = [topic for topic in topics() if topic not in there]
    try:
        if missing:
            async with asyncio.timeout(_SECONDS):
                await make_topics(brokers, missing, replication)
            async with asyncio.timeout(_SECONDS):
                there = await _listed(brokers)
        async with asyncio.timeout(_SECONDS):
            refused = await _refused_hint(brokers)
    except refusals.NotMade as error:
        return Finding.of("kafka", str(error))
    except (KafkaError, OSError, TimeoutError) as error:
        fault = f"topics could not be made ({type(error).__name__}): {', '.join(missing[:3])}, …"
        return Finding("kafka", fault, "Give VAI_KAFKA_USER the right to create topics, or make these beforehand")
    if still := [topic for topic in missing if topic not in there]:
        fault = f"the broker made no topics: {', '.join(still[:3])}"
        return Finding("kafka", fault, "Give VAI_KAFKA_USER the right to create topics, or make these beforehand")
    return Finding.of("kafka", refused, f"{len(topics())} topics are there")


async def _listed(brokers: Brokers) -> set[str]:
    admin = AIOKafkaAdminClient(**brokers.options(), client_id="vai-doctor", request_timeout_ms=5_000)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def _refused_hint(brokers: Brokers) -> str | None:
    producer = Producer(brokers, "vai-doctor")
    hints = [Record(topic, None, b"") for topic in topics() if topic not in EVENTS]
    try:
        answers = await producer.send(hints)
    finally:
        await producer.close()
    sentences = (
        refusals.of_writing(answer, hint.topic, brokers.user) for hint, answer in zip(hints, answers, strict=True)
    )
    return next((sentence for sentence in sentences if sentence), None)


async def lake(url: str) -> Finding:
    """Writes a file into the lake and takes it away; of a folder it also looks at the disk."""
    wrong = await lake_rights.fault(url)
    if wrong is not None or Lake(url).is_remote:
        return Finding.of("lake", wrong, f"{url} is written, read and deleted in")
    disk = shutil.disk_usage(Lake(url).root)
    told = f"{disk.free / disk.total:.0%} of its disk are free"
    if disk.free < LEAST_SHARE * disk.total:
        return Finding(
            "lake", told, "Make room, or give it a larger disk: extractions and transforms fail when it is full"
        )
    return Finding("lake", seen=told)
