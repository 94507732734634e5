"""What Postgres answers to a look: whether a process holds its lock (rule 7)."""

from typing import Any

import pytest

from vai_testkit.database import Database
from vai_testkit.wait import wait_for
from vai_watchdog.deaths import look


@pytest.mark.parametrize("key", [1, 2**31, 2**32 - 1, 2**32, 2**61 + 2**31 + 7, 2**62 - 1])
async def test_a_lock_is_seen_until_its_connection_closes(database: Database, key: int) -> None:
    process = await database.register(lock_key=key, service="scheduler", counter=41)
    watching, living = await database.connect("watchdog"), await database.connect("scheduler")

    async def row() -> Any:
        return next(found for found in await look(watching) if found["id"] == process)

    assert not (await row())["held"]
    await living.execute("SELECT pg_advisory_lock($1)", key)
    found = await row()
    assert (found["held"], found["service"], found["counter"]) == (True, "scheduler", 41)

    living.terminate()

    async def is_free() -> bool:
        return not (await row())["held"]

    await wait_for(is_free, what="the lock is free")


async def test_a_lock_that_somebody_waits_for_is_not_held(database: Database) -> None:
    process = await database.register(lock_key=(key := 77))
    watching, living, waiting = [await database.connect(role) for role in ("watchdog", "scheduler", "scheduler")]
    await living.execute("SELECT pg_advisory_lock_shared($1)", key)
    assert not await waiting.fetchval("SELECT pg_try_advisory_lock($1)", key)
    assert {row["id"]: row["held"] for row in await look(watching)}[process]
    await living.execute("SELECT pg_advisory_unlock_shared($1)", key)
    assert not {row["id"]: row["held"] for row in await look(watching)}[process]


async def test_other_locks_with_the_same_number_are_not_taken_for_it(database: Database, database_url: str) -> None:
    high, low = 5, 9
    process = await database.register(lock_key=(high << 32) + low)
    watching, pair = await database.connect("watchdog"), await database.connect("scheduler")
    await pair.execute("SELECT pg_advisory_lock($1::int, $2::int)", high, low)
    elsewhere = Database(database_url)
    try:
        await (await elsewhere.connect("scheduler")).execute("SELECT pg_advisory_lock($1)", (high << 32) + low)
        assert not {row["id"]: row["held"] for row in await look(watching)}[process]
    finally:
        await elsewhere.close()
