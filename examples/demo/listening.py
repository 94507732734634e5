"""A plain Kafka consumer of the public events: it knows the broker's address and the published protobuf messages."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

from vai_contracts.topics import EVENTS


@dataclass(frozen=True)
class Heard:
    """One event; `subject` is the message's key: the run, automation run or connection that it is about."""

    topic: str
    subject: str
    event: Any


class Listener:
    """Hears every public event from its start on, in the order of arrival."""

    def __init__(self, kafka: str) -> None:
        self._consumer = AIOKafkaConsumer(
            *EVENTS, bootstrap_servers=kafka, auto_offset_reset="latest", fetch_max_wait_ms=200
        )
        self._heard: list[Heard] = []
        self._more = asyncio.Event()

    async def __aenter__(self) -> "Listener":
        await self._consumer.start()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)  # so that "latest" means now, not the first look
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearing.cancel()
        with suppress(asyncio.CancelledError):
            await self._hearing
        await self._consumer.stop()

    async def _hear(self) -> None:
        async for record in self._consumer:
            event = EVENTS[record.topic].FromString(record.value)
            self._heard.append(Heard(record.topic, (record.key or b"").decode(), event))
            self._more.set()

    async def until(self, enough: Callable[[Sequence[Heard]], bool], seconds: float) -> list[Heard]:
        """What was heard, once it is enough or the time is over; each event once (they come at least once)."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not enough(self._heard):
                    self._more.clear()
                    await self._more.wait()
        return list({heard.event.id: heard for heard in self._heard}.values())
