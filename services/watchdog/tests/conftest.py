from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from services.watchdog.tests.guard import Guard
from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_records.runs import statements
from vai_testkit.database import Database, database, database_url, module_url, own_database, postgres_server  # noqa: F401
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_watchdog.watchdog import Watchdog

POST = {"method": "POST", "url": "https://shop.example/orders"}


@dataclass
class Kennel:
    """A watchdog that looks when a test calls it, a worker under its supervision, and the hints and events that it
    sent.
    """

    database: Database
    watchdog: Watchdog
    id: UUID
    bell: MemoryBell
    producer: MemoryProducer
    publisher: Publisher

    async def held_by(self, owner: UUID, **columns: Any) -> UUID:
        """A run that this process works on."""
        return await self.database.put("running", "leased", lease_owner=owner, **columns)

    async def claim(self, run_id: UUID, owner: UUID) -> Any:
        (row,) = await statements.claim(
            await self.database.pool("extract-worker"), owner, ["dlt_extract"], [run_id], 1, "w"
        )
        return row

    async def is_registered(self, process_id: UUID) -> bool:
        owner = await self.database.owner()
        return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM processes WHERE id = $1)", process_id))

    async def said(self, run_id: UUID) -> list[str]:
        return [entry["event"] for entry in await self.database.log(run_id)]

    async def told(self, run_id: UUID) -> list[str]:
        return [event["type"] for event in await self.database.events(run_id)]

    async def sent(self, run_id: UUID) -> list[str]:
        """The topics that heard of this run."""
        await self.publisher.close(5)
        return [record.topic for record in self.producer.records if record.key == str(run_id).encode()]


async def _kennel(database: Database) -> Kennel:  # noqa: F811
    pool, process = await database.pool("watchdog"), await database.register(service="watchdog")
    bell, producer = MemoryBell(), MemoryProducer()
    publisher = Publisher(pool, producer, process)
    return Kennel(database, Watchdog(pool, bell, publisher, process), process, bell, producer, publisher)


@pytest.fixture
async def another(database: Database) -> AsyncIterator[Callable[[], Awaitable[Kennel]]]:  # noqa: F811
    """Makes watchdogs that look after the same database."""
    made: list[Kennel] = []

    async def make() -> Kennel:
        made.append(await _kennel(database))
        return made[-1]

    yield make
    for kennel in made:
        await kennel.publisher.close(5)


@pytest.fixture
async def own_kennel(own_database: Database) -> AsyncIterator[Kennel]:  # noqa: F811
    """A watchdog with a database that a test may damage."""
    kennel = await _kennel(own_database)
    yield kennel
    await kennel.publisher.close(5)


@pytest.fixture
async def kennel(another: Callable[[], Awaitable[Kennel]]) -> Kennel:
    return await another()


@pytest.fixture
async def worker(database: Database) -> UUID:  # noqa: F811
    """A registered process. Only its row exists, so a test can make it die."""
    return await database.register(uuid7(), kinds=["dlt_extract"])


@pytest.fixture
async def guard(own_database: Database) -> AsyncIterator[Guard]:  # noqa: F811
    guard = Guard(own_database, await own_database.pool("watchdog"), await own_database.connect("watchdog"))
    yield guard
    await guard.publisher.close(5)
