"""The kinds that the transform-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.boot import Service
from transform_worker.duckdb_transform import DuckdbTransform
from transform_worker.settings import Settings
from worker.running import running as worker_running

KINDS = (DuckdbTransform(),)
PRELOADED = ("duckdb", "deltalake", "sqlglot", "transform_worker.transform")


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    async with worker_running(service, KINDS, PRELOADED):
        yield
