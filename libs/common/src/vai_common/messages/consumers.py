"""Reading hints from Kafka in batches: one FastStream subscriber for all topics of a process (rule 5, decision 64).

Hints are never acknowledged, since a hint may be lost. Commits would tie a consumer to its group: a broker that comes
back empty does not know the group, and the consumer would never join again.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from google.protobuf.message import DecodeError
from prometheus_client import REGISTRY

from vai_common.messages.brokers import Brokers
from vai_common.messages.topics import make_topics
from vai_common.metrics import hints_dropped
from vai_contracts.topics import bell_topic
from vai_contracts.vai.bell.v1.bell_pb2 import RunReady

_log = structlog.get_logger()

MOST_RECORDS = 500
"""Records in one batch."""

_AGAIN_SECONDS = 1.0
_STOP_SECONDS = 3.0


@dataclass(frozen=True)
class Hint:
    """What one record says: these runs of this kind are queued."""

    kind: str
    run_ids: list[UUID]


@dataclass(frozen=True)
class Subscription:
    """What is read, and by whom. The processes of one `group` share the hints of `kinds`.

    `replication` is the number of brokers that keep a topic that is made here. `counted` turns FastStream's metrics on.
    They cost time with each batch, and batches are in the path of a run (rule 18).
    """

    brokers: Brokers
    group: str
    kinds: Sequence[str]
    hear: Callable[[str, list[UUID]], None]
    replication: int = 1
    counted: bool = False

    @property
    def topics(self) -> list[str]:
        return [bell_topic(kind) for kind in self.kinds]


async def consume(subscription: Subscription) -> None:
    """Read hints from now on, until cancelled. If no broker answers, try again."""
    while True:
        try:
            await make_topics(subscription.brokers, subscription.topics, subscription.replication)
            await _until_cancelled(subscriber(subscription))
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("consumer_lost", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(_AGAIN_SECONDS)


def subscriber(subscription: Subscription) -> KafkaBroker:
    """FastStream's broker with its one subscriber, which reads as soon as the broker is started."""
    brokers = subscription.brokers
    broker = KafkaBroker(
        brokers.servers,
        security=brokers.security(),
        middlewares=[_metrics(subscription.group)] if subscription.counted else [],
        apply_types=False,  # The decoder makes the objects. To check their types again costs more than to handle them.
        logger=None,
    )

    @broker.subscriber(
        *subscription.topics,
        batch=True,
        group_id=subscription.group,
        auto_offset_reset="latest",
        ack_policy=AckPolicy.MANUAL,
        max_records=MOST_RECORDS,
        decoder=_Decoder(subscription.kinds),
    )
    async def on_hints(hints: list[Hint]) -> None:
        for hint in hints:
            subscription.hear(hint.kind, hint.run_ids)

    return broker


class _Decoder:
    """Decodes the records of a batch. A record that cannot be decoded is dropped and counted; the others are kept."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = {bell_topic(kind): kind for kind in kinds}

    async def __call__(self, message: KafkaMessage) -> list[Hint]:
        raw: Any = message.raw_message  # FastStream's type is that of one record, even if it reads batches
        records: Sequence[ConsumerRecord[Any, bytes]] = raw if isinstance(raw, tuple | list) else (raw,)
        hints = (self._hint(record.topic, record.value or b"") for record in records)
        return [hint for hint in hints if hint is not None and hint.run_ids]

    def _hint(self, topic: str, value: bytes) -> Hint | None:
        kind = self._kinds[topic]
        try:
            return Hint(kind, [UUID(word) for word in RunReady.FromString(value).run_ids])
        except (DecodeError, ValueError):
            hints_dropped.labels(channel=kind).inc()
            return None


_made: dict[str, KafkaPrometheusMiddleware] = {}


def _metrics(group: str) -> KafkaPrometheusMiddleware:
    """One for a process, since metrics can be registered only once and a subscriber is made again after a break."""
    if group not in _made:
        _made[group] = KafkaPrometheusMiddleware(registry=REGISTRY, app_name=group)
    return _made[group]


async def _until_cancelled(broker: KafkaBroker) -> None:
    try:
        await broker.start()
        await asyncio.Event().wait()
    finally:
        # It would wait for a broker that is gone.
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await broker.stop()
