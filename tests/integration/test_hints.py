"""Hints are hints: a message that comes twice, many times, or never, changes nothing about how often a run runs."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from tests.integration.runs import all_ended, assert_told_once, decide, deferred, journal
from vai_common.messages.bell import HELD
from vai_common.messages.kafka import Producer, Record
from vai_contracts.topics import bell_topic
from vai_contracts.vai.bell.v1.bell_pb2 import RunReady
from vai_devstack.stack import Stack
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import create_run

_NOTIFY = "SELECT pg_notify('ready_' || $1, $2)"
_CLAIMS = "SELECT run_id, count(*) FROM run_logs WHERE event = 'lease_acquired' AND run_id = ANY($1::uuid[]) GROUP BY 1"


class Ringer:
    """Rings as the platform does, by the transport that this stack's services listen to."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._producer = Producer(stack.kafka, "ringer")

    async def ring(self, kind: str, run_ids: list[str], times: int) -> None:
        if self._stack.broker.bell == "kafka":
            value = RunReady(run_ids=run_ids).SerializeToString()
            await self._producer.send([Record(bell_topic(kind), None, value)] * times)
            return
        conn = await asyncpg.connect(self._stack.database)
        payload = ",".join(UUID(run_id).hex for run_id in run_ids)
        for _ in range(times):
            await conn.execute(_NOTIFY, kind, payload)
        await conn.close()

    async def close(self) -> None:
        await self._producer.close()


@pytest.fixture
async def ringer(stack: Stack) -> Any:
    ringer = Ringer(stack)
    yield ringer
    await ringer.close()


@pytest.mark.parametrize("times", [2, 50])
async def test_a_run_whose_hint_comes_many_times_runs_once(
    api: httpx2.AsyncClient, database: Any, web: WebServer, ringer: Ringer, times: int
) -> None:
    definition = {"method": "POST", "url": f"{web.url}/once"}
    ids = [run["id"] for run in await asyncio.gather(*(deferred(api, "http_request", definition) for _ in range(20)))]
    respond_async = {"Prefer": "respond-async"}
    await asyncio.gather(
        ringer.ring("http_request", ids, times),
        *(decide(api, run_id, "execute", headers=respond_async) for run_id in ids),
        ringer.ring("http_request", ids, times),
    )
    await all_ended(database, ids)
    assert Counter(seen.headers["idempotency-key"] for seen in web.seen) == dict.fromkeys(ids, 1)
    assert {str(run_id): claims for run_id, claims in await database.fetch(_CLAIMS, ids)} == dict.fromkeys(ids, 1)
    assert_told_once(await journal(database, ids), ids)


async def test_a_hint_for_an_ended_run_or_for_none_is_dropped(
    api: httpx2.AsyncClient, database: Any, ringer: Ringer
) -> None:
    run = await create_run(api, "dlt_extract", {"source": "noop"})
    await all_ended(database, [run["id"]])
    await ringer.ring("dlt_extract", [run["id"], str(UUID(int=7))], 5)
    await ringer.ring(HELD, [run["id"]], 5)
    after = await create_run(api, "dlt_extract", {"source": "noop"})
    await all_ended(database, [after["id"]])
    assert_told_once(await journal(database, [run["id"], after["id"]]), [run["id"], after["id"]])


async def test_a_run_that_nobody_rings_for_is_pulled(api: httpx2.AsyncClient, database: Any) -> None:
    """Queued without a ring, as if every hint had been lost."""
    run_id = (await deferred(api, "dlt_extract", {"source": "noop"}))["id"]
    async with database.transaction():
        await database.execute("SET LOCAL vai.role = 'api-gateway'")
        await database.execute("UPDATE runs SET phase = 'queued', held_for = NULL WHERE id = $1", UUID(run_id))
    await all_ended(database, [run_id], timeout=5)
