"""Prints every public event once. `KAFKA` names the broker, `GROUP` the consumer group."""

import asyncio
import os
import signal
import sys
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from google.protobuf.message import DecodeError

from vai_contracts.topics import EVENTS
from vai_contracts.vai.words.v1.words_pb2 import ActionKind, AutomationRunStatus, RunStatus
from vai_contracts.words import to_word

REMEMBERED = 100_000


class Seen:
    """The ids of the last events. A consumer with a database keeps them there, in the transaction of its work."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, event_id: str) -> bool:
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return True


def line(topic: str, event: Any) -> str:
    data = event.data
    if topic.startswith("action."):
        what = f"{word(ActionKind, data.action_kind)} {word(RunStatus, data.status)}"
    elif topic.startswith("automation."):
        what = f"{data.slug} {word(AutomationRunStatus, data.status)}"
    else:
        what = f"{getattr(data, 'source', '')} {' '.join(getattr(data, 'tables', ()))}".rstrip()
    failure = f": {data.error.message}" if hasattr(data, "error") and data.HasField("error") else ""
    return f"{event.occurred_at.ToJsonString()} {topic} {event.id} {what}{failure}"


def word(enum: Any, value: int) -> str:
    """A value that is newer than these contracts is shown by its number."""
    return to_word(enum, value) if value in enum.values() else str(value)


def handle(record: Any, seen: Seen) -> None:
    try:
        event: Any = EVENTS[record.topic].FromString(record.value)
    except DecodeError as error:
        print(f"{record.topic} at {record.partition}:{record.offset} is left out: {error}", file=sys.stderr)
        return
    if seen.is_new(event.id):
        print(line(record.topic, event), flush=True)


async def consume() -> None:
    consumer = AIOKafkaConsumer(
        *EVENTS,
        bootstrap_servers=os.environ.get("KAFKA", "127.0.0.1:19092"),
        group_id=os.environ.get("GROUP", "example-python"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    seen = Seen()
    await consumer.start()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=1_000)
            for records in batches.values():
                for record in records:
                    handle(record, seen)
            if batches:
                # After a rebalance somebody else has the partition, and gets these records again.
                with suppress(CommitFailedError):
                    await consumer.commit()
    finally:
        await consumer.stop()


async def main() -> None:
    consuming = asyncio.ensure_future(consume())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, consuming.cancel)
    with suppress(asyncio.CancelledError):
        await consuming


if __name__ == "__main__":
    asyncio.run(main())
