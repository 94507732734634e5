"""The works whose cost is measured, each done so many times on a stack: by REST where there is a way, as clients do."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Self
from uuid import UUID

from bench import streams
from bench.load import Connection
from bench.rows import PAGE
from bench.statements import Sessions
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_records.lifecycle.entry import Entry
from vai_records.runs import statements

CLIENTS = 16
_RUNS = "/api/v1/action-runs"
_AUTOMATIONS = "/api/v1/automations"
_CONDITION = {"field": "n", "operator": "gt", "value": 3}
_SQL = "SELECT *, amount * quantity AS total FROM {{ orders }}"
_NO_TRANSFORM: Mapping[str, Any] = {"mode": "full_refresh", "sql": _SQL}
_ASYNC, _WAIT = {"Prefer": "respond-async"}, {"Prefer": "wait=60"}

Body = Mapping[str, Any]
Work = Callable[[], Awaitable[object]]

NOOP: Body = {"kind": "dlt_extract", "definition": {"source": "noop"}}
BRANCH: Body = {"kind": "conditional_branch", "definition": {"input": {"n": 5}, "conditions": [_CONDITION]}}


def request(url: str) -> Body:
    """An `http_request` whose answer is about a kilobyte."""
    return {"kind": "http_request", "definition": {"method": "GET", "url": f"{url}/orders-{FEW}?page=1"}}


MIXED_ROWS = (5_000,)
"""Tables that only the second point reads."""

FEW = 5
"""Rows of the smallest table: the answer of an `http_request`."""


def extraction(url: str, count: int) -> Body:
    """So many rows of a REST API, in pages of `PAGE`."""
    paginator = {"type": "page_number", "total_path": "total_pages"}
    resource = {"name": f"orders_{count}", "path": f"orders-{count}", "data_selector": "data", "paginator": paginator}
    return {
        "kind": "dlt_extract",
        "definition": {"source": "rest_api", "source_name": "web", "base_url": url, "resources": [resource]},
    }


def files(name: str) -> Body:
    """The csv files of a folder."""
    resource = {"name": name, "path": f"{name}/*"}
    return {
        "kind": "dlt_extract",
        "definition": {"source": "filesystem", "source_name": "disk", "resources": [resource]},
    }


def transform(table: str) -> Body:
    """A full refresh of all rows of a bronze table, with one column more."""
    inputs = [{"bronze_dataset": table, "as": "orders"}]
    name = table.rpartition(".")[2]
    return {"kind": "duckdb_transform", "definition": {"transform_name": name, "inputs": inputs, **_NO_TRANSFORM}}


async def post(stack: Stack, body: Body, count: int, clients: int = CLIENTS, wait: bool = False) -> None:
    """So many runs from so many clients; `wait`: each client waits for its run's end."""
    await _spread(stack, _RUNS, repeat(json.dumps(body).encode(), count), clients, _WAIT if wait else _ASYNC)


async def trigger(stack: Stack, automation_id: str, count: int, clients: int = 4) -> None:
    """So many runs of an automation, each waited for."""
    await _spread(stack, f"{_AUTOMATIONS}/{automation_id}/trigger", repeat(b"{}", count), clients, _WAIT)


async def _spread(stack: Stack, path: str, bodies: Iterable[bytes], clients: int, headers: Mapping[str, str]) -> None:
    left = iter(bodies)
    await asyncio.gather(*(_client(stack, path, left, headers) for _ in range(clients)))


async def _client(stack: Stack, path: str, left: Iterator[bytes], headers: Mapping[str, str]) -> None:
    async with Connection(stack.api_url, stack.api_key) as client:
        for body in left:
            answer = await client.request("POST", path, body, headers)
            said = answer.json()
            assert answer.status in (200, 201), answer.body
            assert said.get("status") in ("pending", "running", "completed"), answer.body


async def save_chain(stack: Stack, steps: int) -> str:
    """An automation of so many `noop` steps, one after the other; answers its id."""
    body = {"name": f"chain {uuid7().hex[-8:]}", "actions": [NOOP] * steps}
    async with Connection(stack.api_url, stack.api_key) as client:
        answer = await client.request("POST", _AUTOMATIONS, json.dumps(body).encode())
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


BATCH = 20
"""Entries or events of one statement, as busy workers write them."""


async def log(stack: Stack, entries: int) -> None:
    """So many entries in the logs of `BATCH` runs that this process has claimed, `BATCH` at a time."""
    sessions = await Sessions.open(stack.database, stack.org_id)
    ids = await sessions.make(sessions.making)
    rows = await sessions.claim(sessions.working, ids)
    for turn in range(entries // BATCH):
        await _write(sessions, rows, turn)
    await sessions.finish(sessions.working, rows)
    await sessions.close()


class Followed:
    """Runs that this process has claimed, whose logs clients follow."""

    def __init__(self, sessions: Sessions, rows: list[Any], clients: list[streams.Client]) -> None:
        self._sessions = sessions
        self._rows = rows
        self._clients = clients

    @classmethod
    async def open(cls, stack: Stack, clients: int) -> Self:
        sessions = await Sessions.open(stack.database, stack.org_id)
        ids = await sessions.make(sessions.making)
        rows = await sessions.claim(sessions.working, ids)
        following = [ids[number % len(ids)] for number in range(clients)]
        return cls(sessions, rows, await streams.connected(stack, following))

    async def write(self, turns: int, every: float) -> None:
        """An entry in each log, so many times, so many seconds apart."""
        for turn in range(turns):
            await _write(self._sessions, self._rows, turn)
            await asyncio.sleep(every)

    async def close(self) -> None:
        """The runs end, and with them the streams."""
        await self._sessions.finish(self._sessions.working, self._rows)
        await asyncio.wait_for(asyncio.gather(*(client.ended.wait() for client in self._clients)), 60)
        await self._sessions.close()


async def _write(sessions: Sessions, rows: list[Any], turn: int) -> None:
    said = Entry("progress", f"Page {turn} with {PAGE} rows", {"page": turn, "rows": PAGE})
    await statements.log(sessions.working, [(row["id"], row["epoch"], said) for row in rows], "bench")


_WATCHDOG = "SELECT id FROM processes WHERE service = 'watchdog'"
_TELL = """
INSERT INTO events (subject_id, sequence, occurred_at, org_id, type, data, writer, wanted)
SELECT gen_random_uuid(), 1, clock_timestamp(), e.org_id, e.type, e.data, $1, false
FROM (SELECT org_id, type, data FROM events WHERE type = 'action.completed' ORDER BY occurred_at DESC LIMIT 1) e,
    generate_series(1, $2::int)
"""


async def tell(stack: Stack, events: int) -> None:
    """So many events in the watchdog's name, `BATCH` at a time; its sweep publishes them."""
    sessions = await Sessions.open(stack.database, stack.org_id)
    writer = await sessions.working.fetchval(_WATCHDOG)
    for _ in range(events // BATCH):
        await sessions.working.execute(_TELL, writer, BATCH)
    await sessions.close()


async def hot_runs(sessions: Sessions, count: int, organisations: Sequence[UUID]) -> None:
    """Insert, claim and finish alone, `BATCH` at a time, of these organisations in turn."""
    for turn in range(count // BATCH):
        sessions.org_id = organisations[turn % len(organisations)]
        ids = await sessions.make(sessions.making)
        await sessions.finish(sessions.working, await sessions.claim(sessions.working, ids))
