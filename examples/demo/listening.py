"""A plain Kafka consumer of the public events: it knows a broker's address and the published protobuf files."""

import asyncio
from collections.abc import Set
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from google.protobuf.message import Message

from contracts.topics import EVENTS

ENDS = frozenset({"action.completed", "action.failed", "action.cancelled"})


class Listener:
    """Hears every public event from `start` on; `events` are pairs of topic and message in the order of arrival."""

    def __init__(self, kafka: str) -> None:
        self._consumer = AIOKafkaConsumer(*EVENTS, bootstrap_servers=kafka, auto_offset_reset="latest")
        self.events: list[tuple[str, Any]] = []

    async def __aenter__(self) -> "Listener":
        await self._consumer.start()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)  # from here on, not from the first look
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearing.cancel()
        with suppress(asyncio.CancelledError):
            await self._hearing
        await self._consumer.stop()

    async def _hear(self) -> None:
        async for record in self._consumer:
            message: Message = EVENTS[record.topic].FromString(record.value)
            self.events.append((record.topic, message))

    async def until_ended(self, runs: Set[str], seconds: float) -> list[tuple[str, Any]]:
        """The events of these runs and of their connections, once each run's last one has come, or time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not runs <= {event.data.run_id for topic, event in self.events if topic in ENDS}:
                    await asyncio.sleep(0.05)
        return [(topic, event) for topic, event in self.events if event.data.run_id in runs]
