"""Reading hints from Kafka: batches, one subscriber a process with all its topics (rule 5).

The one place where the policy of acknowledgement is set: a hint is never acknowledged, losing one is allowed. Commits
would tie a consumer to a group that a broker which came back empty no longer knows: it would never join again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from vai_common.messages.brokers import Brokers
from vai_common.messages.topics import make_topics

_log = structlog.get_logger()


async def consume(
    brokers: str | Brokers, group: str, topics: list[str], hear: Callable[[str, bytes], None], replication: int = 1
) -> None:
    """Calls `hear` with topic and value of each message from now on, until cancelled; comes back after a break."""
    while True:
        try:
            await make_topics(brokers, topics, replication)
            await _consume_once(Brokers.of(brokers), group, topics, hear)
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("consumer_lost", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(1)


async def _consume_once(brokers: Brokers, group: str, topics: list[str], hear: Callable[[str, bytes], None]) -> None:
    broker = KafkaBroker(brokers.servers, security=brokers.security(), logger=None)

    @broker.subscriber(
        *topics,
        batch=True,
        group_id=group,
        auto_offset_reset="latest",
        ack_policy=AckPolicy.MANUAL,
        max_records=500,
        decoder=_as_sent,
    )
    async def on_batch(values: list[bytes], message: KafkaMessage) -> None:
        raw = message.raw_message
        for record in raw if isinstance(raw, tuple | list) else (raw,):
            hear(record.topic, record.value)

    try:
        await broker.start()
        await asyncio.Event().wait()
    finally:
        # A broker that is gone would be waited for.
        with suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(broker.stop(), 3)


async def _as_sent(message: KafkaMessage) -> Any:
    """The bytes themselves: FastStream would read what looks like JSON, and lose the batch where it is none of ours."""
    return message.body
