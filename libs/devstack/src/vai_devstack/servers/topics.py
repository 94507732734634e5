"""Makes the topics: every public event, a bell for each kind, the dispatcher's and the scheduler's.

An embedded broker begins empty at each start.
"""

import asyncio

from aiokafka.errors import KafkaError

from vai_common.clock import steady_seconds
from vai_common.messages.brokers import KafkaSecurity
from vai_common.messages.topics import make_topics
from vai_contracts.topics import EVENTS, bell_topic
from vai_devstack.errors import StackError
from vai_records.definitions.kinds import KINDS

_SECONDS = 30.0
# Those of vai_common.messages.bell, whose module is too heavy to import for some words at each start.
_WORDS = ("held", "room", "automation", "event")


def all_topics() -> list[str]:
    """`action.completed`, …, `run.ready.dlt_extract`, …"""
    return [*EVENTS, *(bell_topic(kind) for kind in (*KINDS, *_WORDS))]


async def create_topics(kafka: str) -> None:
    """Make the topics that are not there yet; a broker that has just come up is asked until it can (30 s)."""
    brokers = KafkaSecurity().brokers(kafka)
    until = steady_seconds() + _SECONDS
    while True:
        try:
            return await make_topics(brokers, all_topics())
        except (KafkaError, OSError) as error:
            if steady_seconds() >= until:
                raise StackError(f"the broker at {kafka} does not make topics: {error!r}") from error
            await asyncio.sleep(0.1)
