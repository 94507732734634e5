"""What runs find out about their connection (decision 30)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_common.ids import uuid7
from vai_common.messages.bell import EVENT, NotifyBell
from vai_common.messages.notifications import Listener
from vai_records.definitions.base import Retry
from vai_testkit.automations import NOOP, save
from vai_testkit.database import Database, new_run
from vai_testkit.toys import ToyLight
from vai_testkit.wait import wait_for
from vai_testkit.working import working
from vai_worker.owned import Owned
from vai_worker.retry_rules import final_error


class Shop:
    """A worker, and a connection that its runs work on."""

    def __init__(self, database: Database, light: ToyLight) -> None:
        self.database, self.light = database, light
        self.org_id, self.connection_id = uuid7(), uuid7()

    async def open(self) -> None:
        owner = await self.database.owner()
        await owner.execute(
            "INSERT INTO organisations (id, slug, name) VALUES ($1, $2, 'Acme')", self.org_id, str(self.org_id)
        )
        await owner.execute(
            "INSERT INTO connections (id, org_id, name, slug, provider) VALUES ($1, $2, 'Shop', 'shop', 'shopify')",
            self.connection_id,
            self.org_id,
        )

    async def row(self) -> Any:
        owner = await self.database.owner()
        return await owner.fetchrow("SELECT status, last_error FROM connections WHERE id = $1", self.connection_id)

    async def run(self, error: Exception, **fields: Any) -> UUID:
        """A run that ends with this error; its id, once it has ended."""

        def act(_run: Owned) -> dict[str, Any]:
            raise error

        self.light.act = act
        usual = {"connection_id": self.connection_id, "definition": {"retry": {"max_attempts": 1}}}
        made = new_run(**{"org_id": self.org_id, "kind": self.light.name, **usual, **fields})
        await self.database.make(made)

        async def ended() -> bool:
            return await self.database.where(made.id) in ("failed/done", "running/delayed")

        await wait_for(ended, timeout=20, what="the run has ended")
        return made.id


@pytest.fixture
async def shop(own_database: Database) -> AsyncIterator[Shop]:
    light = ToyLight()
    async with working(own_database.url, light):
        shop = Shop(own_database, light)
        await shop.open()
        yield shop


@pytest.mark.parametrize(
    "error",
    [
        Permanent(ErrorCode.AUTH_ERROR, "The key is refused"),
        Permanent(ErrorCode.CONNECTION_ERROR, "There is no such host"),
        Retryable(ErrorCode.CONNECTION_ERROR, "It does not answer, at the last attempt"),
    ],
)
async def test_a_final_refusal_is_noted_at_the_connection_and_told(shop: Shop, error: Any) -> None:
    run_id = await shop.run(error)
    row = await shop.row()
    final = final_error(error, 1, Retry(max_attempts=1))
    assert final is not None
    told_error = final.as_json()
    assert (row["status"], row["last_error"]) == ("error", told_error)
    (told,) = await shop.database.events(shop.connection_id)
    assert told["type"] == "connection.error"
    data = {"connectionId": str(shop.connection_id), "source": "shopify", "runId": str(run_id)}
    assert told["data"] == data | {"error": told_error}
    assert [event["type"] for event in await shop.database.events(run_id)][-1] == "action.failed"


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (Permanent(ErrorCode.DATA_ERROR, "bad"), {}),
        (Retryable(ErrorCode.CONNECTION_ERROR, "away"), {"definition": {}}),
        (Permanent(ErrorCode.AUTH_ERROR, "refused"), {"connection_id": None}),
    ],
)
async def test_what_is_not_the_connections_fault_or_not_final_leaves_it_alone(
    shop: Shop, error: Any, fields: dict[str, Any]
) -> None:
    await shop.run(error, **fields)
    row = await shop.row()
    assert (row["status"], row["last_error"]) == ("active", None)
    assert await shop.database.events(shop.connection_id) == []


async def test_the_scheduler_hears_of_a_refusal_that_an_automation_waits_for(shop: Shop) -> None:
    trigger = {"type": "event", "eventType": "connection.error"}
    await save(await shop.database.owner(), shop.org_id, {"actions": [NOOP], "trigger": trigger})
    listener, heard, ready = Listener(shop.database.url, "scheduler"), list[UUID](), asyncio.Event()
    NotifyBell(None, listener).on_ring((EVENT,), lambda _word, ids: heard.extend(ids))
    listener.on_return(ready.set)
    listening = asyncio.create_task(listener.listen())
    await asyncio.wait_for(ready.wait(), 10)
    await shop.run(Permanent(ErrorCode.AUTH_ERROR, "The key is refused"))
    await wait_for(lambda: heard, what="the scheduler hears of it")
    assert heard == [shop.connection_id]
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_run_ends_even_if_its_connection_cannot_be_told_of(shop: Shop) -> None:
    owner = await shop.database.owner()
    await owner.execute("ALTER TABLE connections ADD CONSTRAINT stays CHECK (status = 'active')")
    run_id = await shop.run(Permanent(ErrorCode.AUTH_ERROR, "The key is refused"))
    assert await shop.database.where(run_id) == "failed/done"
