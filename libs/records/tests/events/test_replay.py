"""Events are sent again from a time on: with the same ids and bytes, to nobody else's account, each once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from vai_common.clock import now
from vai_common.ids import uuid7
from vai_common.messages.kafka import Record
from vai_contracts.topics import EVENTS
from vai_records.events.publication import Publisher
from vai_records.events.replay import replay
from vai_testkit.database import Database
from vai_testkit.services import MemoryProducer
from vai_testkit.wait import wait_for

ALL = list(EVENTS)
HOUR = timedelta(hours=1)
THEN = now().replace(microsecond=0) - timedelta(days=2)
OURS, OTHERS = uuid7(), uuid7()

_PUT = """
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, writer, published_at, failures)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 2)
"""
_STATUS = {"action.completed": "completed", "action.failed": "failed"}


async def _put(
    database: Database,
    at: datetime = THEN,
    type: str = "action.completed",
    org_id: UUID = OURS,
    sent: datetime | None = THEN + HOUR,
) -> str:
    """An event of a run of its own in the journal; its id."""
    subject = uuid7()
    data = {
        "runId": str(subject),
        "actionId": None,
        "actionKind": "dlt_extract",
        "status": _STATUS[type],
        "attempt": 1,
        "createdAt": at.isoformat(),
        "trigger": {"method": "api", "sourceType": None, "sourceId": None},
        "result": {"recordsProcessed": 3, "tables": ["bronze.a.b"]},
    }
    await (await database.owner()).execute(_PUT, subject, 2, at, org_id, type, data, uuid7(), sent)
    return f"{subject}-2"


async def _replay(database: Database, writer: UUID, since: datetime = THEN, **wanted: Any) -> int:
    wanted = {"until": now(), "types": ALL, "batch": 1_000} | wanted
    pool = await database.pool("api-gateway")
    return await replay(pool, OURS, since, wanted["until"], wanted["types"], writer, batch=wanted["batch"])


async def _sent(database: Database, writer: UUID) -> list[Record]:
    producer = MemoryProducer()
    publisher = Publisher(await database.pool("api-gateway"), producer, writer)
    await publisher.sweep_once()
    await publisher.close(10)
    return producer.records


def _ids(records: Sequence[Record]) -> list[str]:
    return sorted(dict(record.headers)["event-id"].decode() for record in records)


async def test_an_event_is_sent_again_with_the_same_bytes(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database, sent=None)
    await (await own_database.owner()).execute("UPDATE events SET writer = $1", writer)
    (first,) = await _sent(own_database, writer)

    assert await _replay(own_database, writer) == 1
    (second,) = await _sent(own_database, writer)

    assert second == first
    assert await _sent(own_database, writer) == []


async def test_only_the_time_that_is_asked_for_is_sent_again(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database, THEN - timedelta(microseconds=1))
    wanted = [await _put(own_database, THEN), await _put(own_database, THEN + HOUR - timedelta(microseconds=1))]
    await _put(own_database, THEN + HOUR)
    assert await _replay(own_database, writer, until=THEN + HOUR) == 2
    assert _ids(await _sent(own_database, writer)) == sorted(wanted)


async def test_only_the_types_that_are_asked_for_are_sent_again(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database)
    failed = await _put(own_database, type="action.failed")
    assert await _replay(own_database, writer, types=["action.failed"]) == 1
    assert _ids(await _sent(own_database, writer)) == [failed]


async def test_another_organisations_events_stay_as_they_are(own_database: Database) -> None:
    writer = uuid7()
    ours = await _put(own_database)
    await _put(own_database, org_id=OTHERS)
    assert await _replay(own_database, writer) == 1
    assert _ids(await _sent(own_database, writer)) == [ours]


async def test_what_is_still_to_be_sent_is_left_to_its_writer(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database, sent=None)
    assert await _replay(own_database, writer) == 0
    assert await _sent(own_database, writer) == []


async def test_what_had_failed_once_does_not_wait(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database)
    await (await own_database.owner()).execute("UPDATE events SET retry_at = $1", now() + HOUR)
    await _replay(own_database, writer)
    assert len(await _sent(own_database, writer)) == 1


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
async def test_batches_lose_and_repeat_nothing_even_at_one_time(own_database: Database, batch: int) -> None:
    writer = uuid7()
    times = [THEN, THEN, THEN, THEN, THEN + HOUR, THEN + 2 * HOUR, THEN + 2 * HOUR]
    ids = [await _put(own_database, at) for at in times]
    assert await _replay(own_database, writer, batch=batch) == 7
    assert _ids(await _sent(own_database, writer)) == sorted(ids)


async def test_two_who_ask_at_once_have_each_event_sent_once(own_database: Database) -> None:
    writers = [uuid7(), uuid7()]
    ids = [await _put(own_database, THEN + place * timedelta(seconds=1)) for place in range(40)]
    counts = await asyncio.gather(*(_replay(own_database, writer, batch=3) for writer in writers))
    assert sum(counts) == 40
    sent = [record for writer in writers for record in await _sent(own_database, writer)]
    assert _ids(sent) == sorted(ids)


async def test_events_of_every_day_that_is_kept_are_found(own_database: Database) -> None:
    writer = uuid7()
    today = now()
    ids = [await _put(own_database, today - timedelta(days=days, minutes=1), sent=today) for days in range(7)]
    assert await _replay(own_database, writer, since=today - timedelta(days=6, hours=1)) == 7
    assert _ids(await _sent(own_database, writer)) == sorted(ids)


async def test_a_sweep_goes_on_until_all_of_a_replay_is_sent(own_database: Database) -> None:
    writer = uuid7()
    await _put(own_database, datetime(2026, 1, 1, tzinfo=UTC))
    await (await own_database.owner()).execute(
        """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, writer, published_at)
        SELECT gen_random_uuid(), 2, $2, org_id, type, data, writer, published_at
        FROM events, generate_series(1, 1200) WHERE org_id = $1""",
        OURS,
        THEN,
    )
    assert await _replay(own_database, writer) == 1_200
    sent = await _sent(own_database, writer)
    assert len(sent) == len(set(_ids(sent))) == 1_200


async def test_a_sweep_stops_where_the_broker_refuses(own_database: Database) -> None:
    class Away(MemoryProducer):
        asked = 0

        async def send(self, records: Sequence[Record]) -> list[Exception | None]:
            self.asked += 1
            return [OSError("away")] * len(records)

    writer, producer = uuid7(), Away()
    await _put(own_database, datetime(2026, 1, 1, tzinfo=UTC))
    await (await own_database.owner()).execute(
        """INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, writer)
        SELECT gen_random_uuid(), 2, $2, org_id, type, data, $3 FROM events, generate_series(1, 1200)
        WHERE org_id = $1""",
        OURS,
        THEN,
        writer,
    )
    publisher = Publisher(await own_database.pool("api-gateway"), producer, writer)
    assert await publisher.sweep_once() == 500
    assert producer.asked == 1


async def test_what_is_underway_is_not_swept_a_second_time(own_database: Database) -> None:
    class Slow(MemoryProducer):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.answer = asyncio.Event(), asyncio.Event()

        async def send(self, records: Sequence[Record]) -> list[Exception | None]:
            self.asked.set()
            await self.answer.wait()
            return await super().send(records)

    writer, producer = uuid7(), Slow()
    publisher = Publisher(await own_database.pool("api-gateway"), producer, writer)
    first = await _put(own_database)
    await _replay(own_database, writer)
    sweeping = asyncio.create_task(publisher.sweep_once())
    await producer.asked.wait()
    second = await _put(own_database, type="action.failed")
    await _replay(own_database, writer)
    again = asyncio.create_task(publisher.sweep_once())
    await wait_for(lambda: len(publisher._underway) == 2)
    producer.answer.set()
    assert [await sweeping, await again] == [1, 1]
    await publisher.close(10)
    assert _ids(producer.records) == sorted([first, second])
