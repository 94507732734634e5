"""One suite for both transports of the bell (rule 4): what one promises, the other keeps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from vai_common.db import open_pool
from vai_common.ids import uuid7
from vai_common.messages.bell import HELD, MOST_IDS, Bell, KafkaBell, NotifyBell
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.notifications import Listener, notify
from vai_contracts.topics import bell_topic
from vai_devstack.servers.broker import Broker
from vai_testkit.database import Database, execute
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = ("dlt_extract", "http_request", HELD)


@dataclass
class Belfry:
    """A bell that rings, one that hears, and the ways to disturb them."""

    bell: Bell
    mumble: Callable[[str, bytes], Awaitable[None]]
    disturb: Callable[[], Awaitable[None]]
    hints: list[tuple[str, list[UUID]]] = field(default_factory=list)

    def heard(self, kind: str, ids: list[UUID]) -> None:
        self.hints.append((kind, ids))

    def of(self, kind: str) -> list[UUID]:
        return [run_id for heard, ids in self.hints if heard == kind for run_id in ids]

    async def rings(self, timeout: float) -> None:
        """Returns when a ring is heard; what is rung while nobody listens is lost, so it rings again and again."""

        def heard() -> bool:
            self.bell.ring(HELD, [uuid7()])
            return bool(self.of(HELD))

        await wait_for(heard, timeout, every=0.3, what="the bell is heard")
        last = uuid7()
        self.bell.ring(HELD, [last])
        await wait_for(lambda: last in self.of(HELD), what="the last ring is heard")
        self.hints.clear()


@asynccontextmanager
async def _notify(url: str) -> AsyncIterator[Belfry]:
    pool, listener = await open_pool(url, "extract-worker", 2), Listener(url, "run-dispatcher")
    listeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    belfry = Belfry(
        NotifyBell(pool, listener),
        lambda kind, value: notify(pool, f"ready_{kind}", value.decode()),
        lambda: execute(url, listeners),
    )
    belfry.bell.on_ring(KINDS, belfry.heard)
    async with _listening(listener.listen()):
        yield belfry
    await belfry.bell.close()
    await pool.close()


@asynccontextmanager
async def _listening(listen: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(listen)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def _kafka(broker: Broker) -> AsyncIterator[Belfry]:
    producer = Producer(broker.address, "test")

    async def mumble(kind: str, value: bytes) -> None:
        assert await producer.send([Record(bell_topic(kind), None, value)]) == [None]

    async def disturb() -> None:
        await broker.stop()
        await broker.start()

    belfry = Belfry(KafkaBell(producer, broker.address, f"group-{uuid7()}"), mumble, disturb)
    belfry.bell.on_ring(KINDS, belfry.heard)
    try:
        async with _listening(belfry.bell.listen()):
            yield belfry
    finally:
        await belfry.bell.close()
        await producer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["notify", "kafka"])
async def belfry(request: pytest.FixtureRequest, module_url: str, broker: Broker) -> AsyncIterator[Belfry]:
    ways = _notify(module_url) if request.param == "notify" else _kafka(broker)
    async with ways as belfry:
        await belfry.rings(timeout=30)
        yield belfry


async def test_a_ring_arrives_with_its_kind_and_ids(belfry: Belfry) -> None:
    ids = {kind: [uuid7() for _ in range(3)] for kind in KINDS}
    for kind in KINDS:
        belfry.bell.ring(kind, ids[kind])
    await wait_for(lambda: all(set(ids[kind]) <= set(belfry.of(kind)) for kind in KINDS), what="all is heard")
    for kind in KINDS:
        assert set(belfry.of(kind)) & {run_id for other in KINDS if other != kind for run_id in ids[other]} == set()


async def test_many_ids_come_in_hints_of_a_bounded_size(belfry: Belfry) -> None:
    belfry.hints.clear()
    ids = [uuid7() for _ in range(3 * MOST_IDS + 7)]
    belfry.bell.ring("dlt_extract", ids)
    await wait_for(lambda: set(ids) <= set(belfry.of("dlt_extract")), what="all is heard")
    assert max(len(hint) for _, hint in belfry.hints) <= MOST_IDS
    assert len(belfry.hints) < len(ids) / 10


async def test_ringing_for_nothing_is_nothing(belfry: Belfry) -> None:
    belfry.hints.clear()
    belfry.bell.ring("dlt_extract", [])
    last = uuid7()
    belfry.bell.ring("http_request", [last])
    await wait_for(lambda: belfry.of("http_request") == [last], what="the last is heard")
    assert belfry.of("dlt_extract") == []


@pytest.mark.parametrize("garbage", [b"not ids at all", b"0", b"\x0a\x03abc"])
async def test_what_cannot_be_decoded_is_dropped_and_counted(belfry: Belfry, garbage: bytes) -> None:
    belfry.hints.clear()
    before = REGISTRY.get_sample_value("vai_hints_dropped_total", {"channel": "dlt_extract"}) or 0
    await belfry.mumble("dlt_extract", garbage)

    def counted() -> bool:
        return (REGISTRY.get_sample_value("vai_hints_dropped_total", {"channel": "dlt_extract"}) or 0) > before

    await wait_for(counted, what="the drop is counted")
    good = uuid7()
    belfry.bell.ring("dlt_extract", [good])
    await wait_for(lambda: belfry.of("dlt_extract") == [good], what="the next is heard")


async def test_ringing_does_not_wait(belfry: Belfry) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(2_000):
        belfry.bell.ring("http_request", [uuid7()])
    assert loop.time() - started < 1
    await wait_for(lambda: len(belfry.of("http_request")) >= 2_000, what="all is heard")


@pytest.mark.usefixtures("forgiving")
async def test_a_bell_comes_back_after_a_break(belfry: Belfry) -> None:
    await belfry.disturb()
    await belfry.rings(timeout=60)
    ids = [uuid7() for _ in range(5)]
    belfry.bell.ring("dlt_extract", ids)
    await wait_for(lambda: set(ids) <= set(belfry.of("dlt_extract")), what="all is heard")


async def test_a_ring_without_anybody_to_send_it_fails_nobody() -> None:
    """The broker is away, the database is away: the runs are found by looking."""
    producer = Producer("127.0.0.1:1", "test")
    bell = KafkaBell(producer, "127.0.0.1:1", "group")
    bell.ring("dlt_extract", [uuid7()])
    await asyncio.wait_for(bell.close(), 20)
    await producer.close()


async def test_a_ring_into_a_database_that_is_away_fails_nobody(module_url: str) -> None:
    database = Database(module_url)
    pool = await database.pool("extract-worker")
    bell = NotifyBell(pool, Listener(module_url, "extract-worker"))
    await database.close()
    bell.ring("dlt_extract", [uuid7()])
    await asyncio.wait_for(bell.close(), 20)
