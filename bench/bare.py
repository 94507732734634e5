"""The comparison for a SYNC run: FastAPI on uvloop in its own process, one INSERT, one answer."""

import asyncio
import json
import socket
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any

import asyncpg
import uvicorn
import uvloop
from fastapi import FastAPI

from bench.servers import serving


def endpoint(database: str, path: str) -> AbstractContextManager[str]:
    """The address of a server that writes a row for each POST to `path`."""
    return serving(_serve, database, path)


def _serve(ready: Connection, database: str, path: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(ready, database, path))


async def _run(ready: Connection, database: str, path: str) -> None:
    pool: Any = await asyncpg.create_pool(database, min_size=1, max_size=4)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, body jsonb)")
    app = FastAPI()

    @app.post(path)
    async def write(body: dict[str, Any]) -> dict[str, Any]:
        await pool.execute("INSERT INTO bench_rows (body) VALUES ($1)", json.dumps(body))
        return {"status": "completed"}

    listening = socket.create_server(("127.0.0.1", 0))
    ready.send(listening.getsockname()[1])
    await uvicorn.Server(uvicorn.Config(app, http="httptools", log_level="warning")).serve(sockets=[listening])
