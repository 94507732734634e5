"""A plain consumer of the public topics, as any team would write it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer

from vai_contracts.topics import EVENTS
from vai_testkit.wait import wait_for


class Listener:
    """Keeps every message that was ever on its topics: `seen` holds (decoded event, headers, raw value)."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.seen: list[tuple[Any, dict[str, str], bytes]] = []

    def of(self, subject: str) -> list[tuple[Any, dict[str, str], bytes]]:
        """What was told about one run or connection."""
        return [each for each in self.seen if each[0].id.startswith(subject)]

    async def hear(self) -> None:
        """Takes in what has come since."""
        for batch in (await self._consumer.getmany(timeout_ms=200)).values():
            for record in batch:
                event: Any = EVENTS[record.topic].FromString(record.value)
                headers = {name: value.decode() for name, value in record.headers}
                assert record.key.decode() == event.id.rpartition("-")[0]
                self.seen.append((event, headers, record.value))

    async def until(self, condition: Callable[["Listener"], Any], timeout: float = 30.0, what: str = "heard") -> None:
        async def holds() -> bool:
            await self.hear()
            return bool(condition(self))

        await wait_for(holds, timeout, what=what)


@asynccontextmanager
async def listening(kafka: str, *topics: str) -> AsyncIterator[Listener]:
    """A consumer that begins at the topics' first message."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_wait_ms=100, group_id=None
    )
    await consumer.start()
    try:
        yield Listener(consumer)
    finally:
        await consumer.stop()
