"""Gives a stack work of every kind, including failures, so that every metric changes."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2

from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_testkit.signing import standard
from vai_testkit.stack import client_of, create_run

SERVICES = {"extract-worker": 2}
SETTINGS = {"VAI_ALLOW_PRIVATE_ADDRESSES": "loopback", "VAI_METRICS_ORGANISATIONS": "true"}
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
PEOPLE = {"source": "sample", "resources": [{"name": "people", "rows": 20_000, "slices": 4}]}
_LONG = {
    "source": "sample",
    "source_name": "long",
    "resources": [{"name": "people", "rows": 400_000, "slices": 400, "rows_per_second": 4_000}],
}
_SQL = "SELECT count(*) AS people FROM {{ people }}"
TRANSFORM = {
    "transform_name": "stg_people",
    "inputs": [{"as": "people", "bronze_dataset": "bronze.sample.people"}],
    "sql": _SQL,
}
_TRIGGERS: dict[str, dict[str, Any]] = {
    "webhook": {"type": "webhook", "path": "/live", "secret": SECRET},
    "schedule": {"type": "schedule", "schedule": "* * * * *", "timezone": "UTC"},
    "event": {"type": "event", "eventType": "action.completed", "filters": {"kind": "duckdb_transform"}},
}

Turn = Callable[[], Awaitable[object]]


@contextlib.asynccontextmanager
async def outside() -> AsyncIterator[str]:
    """A server of somebody else: `/status/500` answers so, `/slow` after 10 seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            if path == "/slow":
                await asyncio.sleep(10)
            status = int(path.split("/")[2]) if path.startswith("/status/") else 200
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


class Load:
    """What clients of one organisation do, each in turns of its own."""

    def __init__(self, stack: Stack, api: httpx2.AsyncClient, web: str) -> None:
        self._stack = stack
        self._api = api
        self._web = web
        self._long = ""

    async def run(self, seconds: float) -> None:
        """All of it at once, for so long. Raises what a client was not to get."""
        for name, trigger in _TRIGGERS.items():
            body = {"name": f"live {name}", "trigger": trigger, "actions": [NOOP]}
            (await self._api.post("/api/v1/automations", json=body)).raise_for_status()
        await create_run(self._api, "dlt_extract", PEOPLE)
        self._long = (await create_run(self._api, "dlt_extract", _LONG))["id"]
        turns: list[tuple[float, Turn]] = [
            (0.2, self._many), (3, self._extract), (3, self._transform), (2, self._bad), (1, self._calls),
            (4, self._approvals), (1, self._webhooks), (1, self._asks),
        ]  # fmt: skip
        tasks = [asyncio.create_task(_again(pause, turn)) for pause, turn in turns]
        tasks += [asyncio.create_task(self._follow(path)) for path in self._streams()]
        tasks.append(asyncio.create_task(self._faults()))
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _many(self) -> None:
        (await self._api.post("/api/v1/action-runs/batch", json={"runs": [NOOP] * 10})).raise_for_status()

    async def _extract(self) -> None:
        await create_run(self._api, "dlt_extract", PEOPLE)

    async def _transform(self) -> None:
        await create_run(self._api, "duckdb_transform", TRANSFORM)

    async def _bad(self) -> None:
        await create_run(self._api, "duckdb_transform", TRANSFORM | {"sql": "SELECT nothing FROM {{ people }}"})
        missing = {"source": "rest_api", "base_url": f"{self._web}/status/404", "resources": ["nothing"]}
        await create_run(self._api, "dlt_extract", missing)

    async def _calls(self) -> None:
        for path in ("/", "/status/500", "/status/404"):
            retry = {"retry": {"max_attempts": 2, "initial_interval_seconds": 0.5}}
            await create_run(self._api, "http_request", {"url": self._web + path, **retry})

    async def _approvals(self) -> None:
        for approved in (True, False):
            run = await create_run(self._api, "dlt_extract", {"source": "noop", "requires_approval": True})
            if approved:
                await asyncio.sleep(0.5)
                await self._api.post(f"/api/v1/action-runs/{run['id']}/approve")

    async def _webhooks(self) -> None:
        path, body = f"/webhooks/{self._stack.org_id}/live", b'{"order": 7}'
        await self._api.post(path, content=body, headers=standard(SECRET, body, uuid7().hex))
        await self._api.post(path, content=body, headers={"webhook-id": "x"})

    async def _asks(self) -> None:
        for path in ("action-runs", "automations", "action-runs/00000000-0000-0000-0000-000000000000"):
            await self._api.get(f"/api/v1/{path}")

    def _streams(self) -> list[str]:
        return [f"/api/v1/action-runs/{self._long}/logs/stream"] * 3 + ["/api/v1/action-runs/stream"]

    async def _follow(self, path: str) -> None:
        with contextlib.suppress(httpx2.HTTPError):
            async with self._api.stream("GET", path, timeout=None) as answer:
                async for _ in answer.aiter_bytes():
                    pass

    async def _faults(self) -> None:
        """A worker dies, and another one is stopped politely; both come back."""
        for number in (signal.SIGKILL, signal.SIGTERM):
            await asyncio.sleep(15)
            for index in range(2) if number is signal.SIGTERM else (0,):
                await self._stack.kill_service("extract-worker", index, number)
                await asyncio.sleep(3)
                await self._stack.start_service("extract-worker", index)


async def _again(pause: float, turn: Turn) -> None:
    while True:
        await turn()
        await asyncio.sleep(pause)


@contextlib.asynccontextmanager
async def clients(stack: Stack) -> AsyncIterator[Load]:
    """Those who give a stack its work."""
    async with outside() as web, client_of(stack) as api:
        yield Load(stack, api, web)
