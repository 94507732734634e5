"""What can be wrong with Kafka and with the lake."""

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from vai_common.errors import RunError
from vai_common.messages.brokers import Brokers
from vai_common.messages.topics import make_topics
from vai_contracts.topics import EVENTS, bell_topic
from vai_records.definitions.kinds import KINDS
from vai_worker.doctor.finding import Finding
from vai_worker.lake import Lake
from vai_worker.storage import Unread, open_lake

LEAST_SHARE = 0.05
"""Of the lake's disk that should be free."""

_SECONDS = 10.0


def topics() -> list[str]:
    """Every topic that this version writes."""
    return [*EVENTS, *(bell_topic(kind.name) for kind in KINDS.values() if kind.available)]


async def kafka(brokers: Brokers, replication: int) -> Finding:
    """Reaches the broker and makes those of our topics that are missing, as the services do."""
    try:
        there = await asyncio.wait_for(_listed(brokers), _SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        fault = f"{brokers.servers} does not answer: {type(error).__name__}"
        return Finding("kafka", fault, "See VAI_KAFKA, its sign-in and the network; runs go on, events wait meanwhile")
    missing = [topic for topic in topics() if topic not in there]
    try:
        if missing:
            await asyncio.wait_for(make_topics(brokers, missing, replication), _SECONDS)
            there = await asyncio.wait_for(_listed(brokers), _SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        fault = f"topics could not be made ({type(error).__name__}): {', '.join(missing[:3])}, …"
        return Finding("kafka", fault, "Give VAI_KAFKA_USER the right to create topics, or make these beforehand")
    if still := [topic for topic in missing if topic not in there]:
        fault = f"the broker made no topics: {', '.join(still[:3])}"
        return Finding("kafka", fault, "Give VAI_KAFKA_USER the right to create topics, or make these beforehand")
    return Finding("kafka", seen=f"{len(topics())} topics are there")


async def _listed(brokers: Brokers) -> set[str]:
    admin = AIOKafkaAdminClient(**brokers.options(), client_id="vai-doctor", request_timeout_ms=5_000)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def lake(url: str) -> Finding:
    """Writes a file into the lake and takes it away; of a folder it also looks at the disk."""
    if Lake(url).is_remote:
        return await asyncio.to_thread(_bucket, url)
    return await asyncio.to_thread(_folder, Path(Lake(url).root))


def _bucket(url: str) -> Finding:
    """The keys are those of the environment (AWS_…), as for the services."""
    from obstore.exceptions import BaseError

    name, storage = f"doctor/{uuid4().hex}", open_lake(url)
    try:
        storage.put(name, b"vai")
        read = b"".join(storage.parts(name))
        storage.delete([name])
    except (RunError, Unread, BaseError, OSError) as error:
        fault = f"{url} cannot be written, read and deleted in: {_first_line(error)}"
        return Finding(
            "lake", fault, "See VAI_LAKE_URL, AWS_… and the rights: PutObject, GetObject, DeleteObject, ListBucket"
        )
    if read != b"vai":
        return Finding("lake", f"{url} gives back {read[:20]!r} for b'vai'", "It is no S3, or a cache stands before it")
    return Finding("lake", seen=f"{url} is written, read and deleted in")


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", "") or error).strip().splitlines()[0]


def _folder(root: Path) -> Finding:
    probe = root / f".doctor-{uuid4().hex}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"vai")
        probe.unlink()
        disk = shutil.disk_usage(root)
    except OSError as error:
        fault = f"{root} cannot be written: {error.strerror}"
        return Finding("lake", fault, "Mount it, and let the services' user write there (VAI_LAKE_URL)")
    told = f"{disk.free / disk.total:.0%} of its disk are free"
    if disk.free < LEAST_SHARE * disk.total:
        return Finding(
            "lake", told, "Make room, or give it a larger disk: extractions and transforms fail when it is full"
        )
    return Finding("lake", seen=told)
