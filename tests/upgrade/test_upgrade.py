"""An upgrade under load: the older version works, the schema is migrated, both work, the older one stops. Then the way
back, on the new schema: the older one starts again beside the newer one, which stops.

Nothing that was answered may be lost, done twice or left standing, whichever version made it, claimed it or ended it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from tests.integration.runs import RUNS, all_ended, all_published, assert_told_once, journal, sample
from tests.upgrade.before import BEFORE, Version
from tests.upgrade.side import Side, servers, this_python
from vai_devstack.ownership import give_to_services
from vai_devstack.stack import Stack
from vai_records.schema.migrate import migrate
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.wait import breathe, wait_for

Json = dict[str, Any]

_CLIENTS = 4
_ALLOWED = "UPDATE organisations SET settings = settings || '{\"allow_private_addresses\": true}'"
_NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
_OPEN = "SELECT status, phase, count(*) FROM runs WHERE phase <> 'done' GROUP BY 1, 2"
_LEFT = "SELECT count(*) FROM automation_runs WHERE status = 'running'"
_LOGS = """
SELECT r.id FROM runs r LEFT JOIN run_logs l ON l.run_id = r.id
GROUP BY r.id, r.log_seq HAVING count(l.seq) <> r.log_seq OR max(l.seq) IS DISTINCT FROM nullif(r.log_seq, 0)
"""


class Traffic:
    """Clients that post to whichever gateways there are now; `made` are the runs that were answered, by their keys."""

    def __init__(self, web: WebServer) -> None:
        self.gateways: list[httpx2.AsyncClient] = []
        self.made: dict[str, Json] = {}
        self.triggered: list[str] = []
        self.automation = ""
        self._web = web
        self._turn = count()
        self._stopping = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._clients = [asyncio.create_task(self._work()) for _ in range(_CLIENTS)]

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.gather(*self._clients)

    async def grows(self, by: int) -> None:
        """Returns when so many more runs were answered."""
        before = len(self.made)
        await wait_for(lambda: len(self.made) >= before + by or self._failed(), 120, what=f"{by} more runs")
        for client in self._clients:
            if client.done():
                client.result()

    def _failed(self) -> bool:
        return any(client.done() for client in self._clients)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            number = next(self._turn)
            if number % 7 == 3:
                await self._trigger(number)
            else:
                await self._post(self._body(number), number)

    def _body(self, number: int) -> Json:
        if number % 5 == 0:
            url = f"{self._web.url}/order?n={number}"
            return {"kind": "http_request", "definition": {"method": "POST", "url": url, "body": {"n": number}}}
        if number % 20 == 1:
            return {"kind": "dlt_extract", "definition": sample(40, source_name=f"upgrade_{number % 3}")}
        return _NOOP

    async def _post(self, body: Json, number: int) -> None:
        key = uuid4().hex
        answer = await self._answered(
            number, RUNS, {**body, "idempotencyKey": key}, {"Prefer": "respond-async", "Idempotency-Key": key}
        )
        self.made[key] = {**answer, "asked": body}

    async def _trigger(self, number: int) -> None:
        path = f"/api/v1/automations/{self.automation}/trigger"
        answer = await self._answered(number, path, {}, {"Idempotency-Key": uuid4().hex})
        self.triggered.append(answer["runId"])

    async def _answered(self, number: int, path: str, body: Json, headers: dict[str, str]) -> Json:
        """As a careful client: again, with the same key, where no answer comes or 503 does; perhaps elsewhere."""
        for turn in count(number):
            try:
                answer = await self.gateways[turn % len(self.gateways)].post(path, json=body, headers=headers)
            except httpx2.TransportError:
                await breathe()
                continue
            if answer.status_code == 503:
                await breathe()
                continue
            assert answer.status_code in (200, 201), answer.text
            return dict(answer.json())
        raise AssertionError("not reached")


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with WebServer.opened() as server:
        server.replies["/order"] = _taken
        yield server


def _taken(seen: Seen) -> Reply:
    return Reply(body=json.dumps({"taken": json.loads(seen.body)["n"]}).encode())


async def _automation(api: httpx2.AsyncClient) -> str:
    steps = [
        {"key": "first", "action": _NOOP},
        {"key": "second", "action": _NOOP, "depends_on": ["first"]},
        {"key": "always", "action": _NOOP, "depends_on": ["second"], "condition": {"type": "always"}},
    ]
    answer = await api.post("/api/v1/automations", json={"name": "upgrade", "steps": steps})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with servers(tmp_path) as running:
        yield running


@pytest.mark.timeout(900)
@pytest.mark.parametrize("before", BEFORE, ids=lambda version: version.name)
async def test_an_upgrade_and_the_way_back_under_load_lose_and_double_nothing(
    before: Version, stack: Stack, web: WebServer
) -> None:
    await asyncio.to_thread(before.migrate, stack.database, stack.postgres.admin_url, stack.org_id, stack.api_key)
    await give_to_services(stack.postgres.admin_url, stack.database)
    database: Any = await asyncpg.connect(stack.database)
    await database.execute(_ALLOWED)
    older = Side("older", before.python(), stack, {}, before.prefix)
    newer = Side("newer", this_python(), stack, {"VAI_ALLOW_PRIVATE_ADDRESSES": "loopback"})
    traffic = Traffic(web)
    try:
        await older.start()
        async with older.client() as to_older:
            traffic.automation = await _automation(to_older)
            traffic.gateways = [to_older]
            traffic.start()
            await traffic.grows(150)
            await migrate(stack.database)
            await traffic.grows(150)
            await newer.start()
            async with newer.client() as to_newer:
                traffic.gateways = [to_older, to_newer]
                await traffic.grows(300)
                assert older.all_live()
                traffic.gateways = [to_newer]
                await older.stop()
                await traffic.grows(150)
                assert newer.all_live()
                await _back(older, newer, to_newer, traffic)
        await _all_is_as_it_should_be(database, traffic, web)
    finally:
        await asyncio.gather(older.kill(), newer.kill())
        await database.close()


async def _back(older: Side, newer: Side, to_newer: httpx2.AsyncClient, traffic: Traffic) -> None:
    """The rollback of a release: its services go, the schema stays, and the clients are those of the older one."""
    await older.start()
    async with older.client() as to_older:
        traffic.gateways = [to_newer, to_older]
        await traffic.grows(100)
        traffic.gateways = [to_older]
        await newer.stop()
        await traffic.grows(150)
        await traffic.stop()
    assert older.all_live()


async def _all_is_as_it_should_be(database: Any, traffic: Traffic, web: WebServer) -> None:
    ids = [run["id"] for run in traffic.made.values()]
    assert len(set(ids)) == len(ids)
    await all_ended(database, ids)
    await wait_for(lambda: database.fetchval(f"SELECT ({_LEFT}) = 0"), 60, every=0.1, what="all automations ended")
    await wait_for(lambda: database.fetchval(f"SELECT NOT EXISTS ({_OPEN})"), 60, every=0.1, what="nothing is live")
    await all_published(database, ids)
    assert_told_once(await journal(database, ids), ids)
    failed = "SELECT id, kind, error FROM runs WHERE status <> 'completed'"
    assert await database.fetch(failed) == []
    triggered = [UUID(run_id) for run_id in traffic.triggered]
    done = "SELECT count(*) FROM automation_runs WHERE id = ANY($1::uuid[]) AND status = 'completed'"
    assert await database.fetchval(done, triggered) == len(triggered) > 0
    assert await database.fetch(_LOGS) == []
    sent = Counter(json.loads(seen.body)["n"] for seen in web.seen)
    asked = [run["asked"]["definition"]["body"]["n"] for run in traffic.made.values() if run["kind"] == "http_request"]
    assert sent == Counter(asked)
