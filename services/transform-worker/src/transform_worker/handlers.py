"""The kinds that the transform-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.boot import Service
from transform_worker.duckdb_transform import DuckdbTransform
from transform_worker.settings import Settings
from worker.running import running as worker_running

PRELOADED = (
    "duckdb",
    "deltalake",
    "sqlglot.dialects.duckdb",
    "transform_worker.transform",
    "transform_worker.warm_start",
)


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    kinds = (DuckdbTransform(service.settings.child_memory_mb, service.settings.bounds),)
    async with worker_running(service, kinds, PRELOADED):
        yield
