"""A watchdog that looks when a test says so."""

from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_records.events.publication import Publisher
from vai_testkit.database import Database
from vai_testkit.rings import MemoryBell
from vai_testkit.services import MemoryProducer
from vai_watchdog.watchdog import Watchdog


class Guard:
    """A watchdog, its bell, and the database that it watches."""

    def __init__(self, database: Database, pool: Any, conn: Any) -> None:
        self.database, self.conn = database, conn
        self.id = uuid7()
        self.bell = MemoryBell()
        self.producer = MemoryProducer()
        self.publisher = Publisher(pool, self.producer, self.id)
        self.dog = Watchdog(pool, self.bell, self.publisher, self.id)

    async def look_at_locks(self) -> None:
        await self.dog.look_at_locks_once(self.conn)

    async def held_by(self, process: UUID, **columns: Any) -> UUID:
        return await self.database.put("running", "leased", lease_owner=process, **columns)

    async def there(self, process: UUID) -> bool:
        owner = await self.database.owner()
        return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM processes WHERE id = $1)", process))
