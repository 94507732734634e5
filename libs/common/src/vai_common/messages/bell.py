"""The bell: "runs of this kind are queued". A hint (rule 4), sent by NOTIFY or Kafka. A lost one costs a second."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from opentelemetry.trace import Span

from vai_common.batcher import Batcher, Overloaded
from vai_common.messages.brokers import Brokers
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.notifications import Listener
from vai_common.metrics import hints_dropped
from vai_common.queries import Queries
from vai_common.telemetry import PRODUCER, Attributes, begun, ended, is_kept
from vai_contracts.topics import bell_topic
from vai_contracts.vai.bell.v1.bell_pb2 import RunReady

MOST_IDS = 200
"""Ids in one hint."""

HELD = "held"
"""Rung like a kind, for the dispatcher: runs are held for an approval."""

ROOM = "room"
"""Rung like a kind, for the dispatcher, with ids of organisations: one of their runs waits for room under a limit, or
has ended and left room."""

AUTOMATION = "automation"
"""Rung like a kind, for the scheduler: something has happened in these automation runs."""

EVENT = "event"
"""Rung like a kind, for the scheduler: the journal has events that automations wait for."""


class Bell(Protocol):
    """Rings and listens. `heard` gets hints: in no order, some may be lost, some may come twice."""

    def ring(self, kind: str, run_ids: Sequence[UUID]) -> None:
        """Ring soon, in batches. Does not wait and never fails."""

    def on_ring(self, kinds: Sequence[str], heard: Callable[[str, list[UUID]], None]) -> None:
        """Call `heard` with kind and ids for each hint. Call this before `listen`."""

    async def listen(self) -> None:
        """Listens until cancelled."""

    async def close(self) -> None:
        """Send the hints that still wait."""


class _Ringer:
    """What both transports share: hints are gathered by kind while earlier ones are being sent."""

    system = ""

    def __init__(self) -> None:
        self._batcher: Batcher[tuple[str, UUID, Span | None], None] = Batcher(self._ring_batch, most=1_000, in_flight=1)

    def ring(self, kind: str, run_ids: Sequence[UUID]) -> None:
        sending = self._span(kind, len(run_ids)) if run_ids and is_kept() else None
        last = len(run_ids) - 1
        for place, run_id in enumerate(run_ids):
            try:
                self._batcher.put((kind, run_id, sending if place == last else None))
            except Overloaded:
                hints_dropped.labels(channel=kind).inc()

    def _span(self, kind: str, number: int) -> Span | None:
        """Of who rings, from here to the end of the batch that takes its last hint along."""
        told: Attributes = {
            "messaging.system": self.system,
            "messaging.destination.name": bell_topic(kind),
            "messaging.operation.name": "ring",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": number,
        }
        return begun(f"ring {bell_topic(kind)}", None, told, PRODUCER)

    async def close(self) -> None:
        await self._batcher.drained()

    async def _ring_batch(self, hints: list[tuple[str, UUID, Span | None]]) -> list[None]:
        by_kind: dict[str, dict[UUID, None]] = defaultdict(dict)
        for kind, run_id, _ in hints:
            by_kind[kind][run_id] = None
        parts = [
            (kind, ids[start : start + MOST_IDS])
            for kind, ids in ((kind, list(once)) for kind, once in by_kind.items())
            for start in range(0, len(ids), MOST_IDS)
        ]
        await self._send(parts)
        for *_, sending in hints:
            ended(sending)
        return [None] * len(hints)

    async def _send(self, parts: list[tuple[str, list[UUID]]]) -> None:
        raise AssertionError("a transport sends")


class NotifyBell(_Ringer):
    """Postgres NOTIFY, one channel for each kind. For the embedded stack, whose broker answers a long poll too late."""

    system = "postgresql"

    def __init__(self, pool: Queries, listener: Listener) -> None:
        super().__init__()
        self._pool = pool
        self._listener = listener

    def on_ring(self, kinds: Sequence[str], heard: Callable[[str, list[UUID]], None]) -> None:
        for kind in kinds:
            self._listener.on(f"ready_{kind}", _decoder(kind, heard))

    async def listen(self) -> None:
        """The listener listens for the whole process; there is nothing else to do."""
        await asyncio.Event().wait()

    async def _send(self, parts: list[tuple[str, list[UUID]]]) -> None:
        channels = [f"ready_{kind}" for kind, _ in parts]
        payloads = [",".join(run_id.hex for run_id in ids) for _, ids in parts]
        await self._pool.execute(
            "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) t(c, p)", channels, payloads
        )


def _decoder(kind: str, heard: Callable[[str, list[UUID]], None]) -> Callable[[str], None]:
    def decode(payload: str) -> None:
        try:
            ids = [UUID(hex=word) for word in payload.split(",")]
        except ValueError:
            hints_dropped.labels(channel=kind).inc()
            return
        heard(kind, ids)

    return decode


class KafkaBell(_Ringer):
    """Kafka topics `run.ready.<kind>`; the processes of one group share the hints.

    `replication` is the number of brokers that keep a topic that is made here. `counted` turns FastStream's metrics on.
    """

    system = "kafka"

    def __init__(
        self,
        producer: Producer,
        brokers: str | Brokers,
        group: str,
        replication: int = 1,
        *,
        counted: bool = False,
    ) -> None:
        super().__init__()
        self._producer = producer
        self._brokers = Brokers.of(brokers)
        self._group = group
        self._replication = replication
        self._counted = counted
        self._heard: dict[str, Callable[[str, list[UUID]], None]] = {}

    def on_ring(self, kinds: Sequence[str], heard: Callable[[str, list[UUID]], None]) -> None:
        self._heard |= dict.fromkeys(kinds, heard)

    async def listen(self) -> None:
        if not self._heard:
            await asyncio.Event().wait()
        from vai_common.messages.consumers import Subscription, consume  # with NOTIFY FastStream is not needed

        await consume(
            Subscription(self._brokers, self._group, list(self._heard), self._hear, self._replication, self._counted)
        )

    def _hear(self, kind: str, ids: list[UUID]) -> None:
        self._heard[kind](kind, ids)

    async def _send(self, parts: list[tuple[str, list[UUID]]]) -> None:
        records = [
            Record(bell_topic(kind), None, RunReady(run_ids=[str(i) for i in ids]).SerializeToString())
            for kind, ids in parts
        ]
        await self._producer.send(records)
