"""Notifications: heard while the listener listens, lost while it does not, and it always comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from vai_common.messages.notifications import LARGEST_PAYLOAD, Listener, notify
from vai_testkit.database import Database
from vai_testkit.wait import wait_for

_LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'watchdog' AND query LIKE 'LISTEN%'"


class Heard:
    """An listener on two channels, and what it heard."""

    def __init__(self, url: str) -> None:
        self.listener = Listener(url, "watchdog")
        self.words: list[str] = []
        self.returns = 0
        self.listener.on("one", lambda payload: self.words.append(f"one {payload}"))
        self.listener.on("two", lambda payload: self.words.append(f"two {payload}"))
        self.listener.on_return(self._returned)

    def _returned(self) -> None:
        self.returns += 1


@pytest.fixture
async def heard(own_database: Database) -> AsyncIterator[Heard]:
    heard = Heard(own_database.url)
    listening = asyncio.create_task(heard.listener.listen())
    await wait_for(lambda: heard.returns == 1, what="the listener listens")
    yield heard
    listening.cancel()
    await asyncio.wait([listening])


async def test_each_channel_is_heard_by_who_asked_for_it(own_database: Database, heard: Heard) -> None:
    pool = await own_database.pool("api-gateway")
    for channel, payload in (("one", "a"), ("three", "b"), ("two", "c"), ("one", "")):
        await notify(pool, channel, payload)
    await wait_for(lambda: len(heard.words) == 3, what="all is heard")
    assert heard.words == ["one a", "two c", "one "]


async def test_the_largest_payload_gets_through(own_database: Database, heard: Heard) -> None:
    await notify(await own_database.pool("api-gateway"), "one", "x" * LARGEST_PAYLOAD)
    await wait_for(lambda: heard.words, what="it is heard")
    assert len(heard.words[0]) == LARGEST_PAYLOAD + len("one ")


async def test_a_listener_comes_back_and_says_so(own_database: Database, heard: Heard) -> None:
    owner = await own_database.owner()
    for pid in [row["pid"] for row in await owner.fetch(_LISTENERS)]:
        await owner.execute("SELECT pg_terminate_backend($1)", pid)
    await wait_for(lambda: heard.returns == 2, what="the listener is back")
    await notify(await own_database.pool("api-gateway"), "one", "again")
    await wait_for(lambda: heard.words == ["one again"], what="it hears again")


async def test_a_listener_waits_for_a_database_that_is_away() -> None:
    heard = Heard("postgresql://nobody:x@127.0.0.1:1/nowhere")
    listening = asyncio.create_task(heard.listener.listen())
    await asyncio.wait([listening], timeout=0.2)
    assert not listening.done()
    assert heard.returns == 0
    listening.cancel()
    await asyncio.wait([listening])
