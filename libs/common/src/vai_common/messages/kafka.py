"""Writing to Kafka. The broker may be away: events are stored in the journal first (rules 9 and 19)."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownError

from vai_common.loops import within
from vai_common.messages import refusals
from vai_common.messages.brokers import Brokers
from vai_common.messages.partitions import partition_of
from vai_common.messages.topics import make_topics
from vai_common.metrics import broker_up
from vai_common.telemetry import PRODUCER, span

_log = structlog.get_logger()

_ANSWER_SECONDS = 10.0

_SENDING = {"messaging.system": "kafka", "messaging.operation.name": "send", "messaging.operation.type": "send"}

_AGAIN_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""The longest wait, in seconds, before another try of a record that the broker refused without a reason."""


@dataclass(frozen=True)
class Record:
    """One message: the key is the subject's id, so that a subject's events stay in one partition."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def is_unreachable(error: Exception | None) -> bool:
    """Whether the broker, and not the record, is the reason that it was not written."""
    return isinstance(error, KafkaError | OSError | TimeoutError) and not isinstance(error, MessageSizeTooLargeError)


class Producer:
    """One producer for a process. It connects when first needed, and again after a break.

    A broker that comes back empty has lost its topics. Missing topics are made again.
    """

    def __init__(self, brokers: str | Brokers, client_id: str, replication: int = 1) -> None:
        self._brokers = Brokers.of(brokers)
        self._replication = replication
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self.on_refused: Callable[[str | None], None] = lambda sentence: None
        """Told what the broker refuses us, and None when it has taken everything."""

    async def send(self, records: Sequence[Record]) -> list[Exception | None]:
        """Write records and wait for the broker's answer. Return for each None, or why it was not written."""
        with span("write to Kafka", None, {**_SENDING, "messaging.batch.message_count": len(records)}, PRODUCER):
            return await self._send(records)

    async def _send(self, records: Sequence[Record]) -> list[Exception | None]:
        try:
            producer = await self._connected()
            await self._ensure(producer, {record.topic for record in records})
        except (KafkaError, OSError, TimeoutError) as error:
            await self._lost(error, records[0].topic)
            return [error] * len(records)
        answers = await _sent(producer, records)
        for longest in _AGAIN_SECONDS:
            again = [place for place, answer in enumerate(answers) if isinstance(answer, UnknownError)]
            if not again:
                break
            # The embedded broker answers this if two processes write to one partition at the same moment.
            await asyncio.sleep(random.uniform(longest / 2, longest))
            for place, answer in zip(again, await _sent(producer, [records[place] for place in again]), strict=True):
                answers[place] = answer
        failed = next((place for place, answer in enumerate(answers) if answer is not None), None)
        if failed is not None:
            await self._lost(answers[failed], records[failed].topic)
        else:
            broker_up.set(1)
            self.on_refused(None)
        return answers

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            try:
                async with asyncio.timeout(3):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                _log.info("producer_abandoned")

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = await started(self._brokers, self._client_id)
            return self._producer

    async def _ensure(self, producer: AIOKafkaProducer, topics: set[str]) -> None:
        missing = [topic for topic in topics if not producer.client.cluster.partitions_for_topic(topic)]
        if missing:
            await make_topics(self._brokers, missing, self._replication)

    async def _lost(self, error: Exception | None, topic: str) -> None:
        broker_up.set(0)
        if refused := refusals.of_writing(error, topic, self._brokers.user):
            self.on_refused(refused)
        _log.warning("broker_lost", error=f"{type(error).__name__}: {error}")
        await self.close()


async def started(brokers: Brokers, client_id: str) -> AIOKafkaProducer:
    """A producer that is connected. Raises KafkaError, OSError or TimeoutError; nothing of it is left then."""
    producer = AIOKafkaProducer(
        **brokers.options(), client_id=client_id, acks="all", request_timeout_ms=5_000, partitioner=partition_of
    )
    try:
        async with asyncio.timeout(5):
            await producer.start()
    except BaseException:
        await within(3, producer.stop(), "a producer that did not start")
        raise
    return producer


async def _sent(producer: AIOKafkaProducer, records: Sequence[Record]) -> list[Exception | None]:
    """Put all records into the producer's batches, then wait once for all, instead of one task for each record."""
    away: dict[str, Exception] = {}
    sending = [away.get(record.topic) or await _put(producer, record, away) for record in records]
    futures = [future for future in sending if isinstance(future, asyncio.Future)]
    if futures:
        await asyncio.wait(futures, timeout=_ANSWER_SECONDS)
    return [_outcome(future) for future in sending]


async def _put(
    producer: AIOKafkaProducer, record: Record, away: dict[str, Exception]
) -> "asyncio.Future[object] | Exception":
    """`away` holds the topics that cannot be written to, so that only the first record of each waits."""
    try:
        future: asyncio.Future[object] = await producer.send(
            record.topic, value=record.value, key=record.key, headers=record.headers
        )
    except (KafkaError, OSError, TimeoutError) as error:
        if not isinstance(error, MessageSizeTooLargeError):
            away[record.topic] = error
        return error
    return future


def _outcome(sending: "asyncio.Future[object] | Exception") -> Exception | None:
    if isinstance(sending, Exception):
        return sending
    if not sending.done():
        sending.cancel()
        return TimeoutError(f"the broker did not answer within {_ANSWER_SECONDS:g} s")
    error = sending.exception()
    if error is not None and not isinstance(error, KafkaError | OSError | TimeoutError):
        raise error
    return error
