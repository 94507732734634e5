"""The kinds that the transform-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vai_common.boot import Service
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_transform_worker.settings import Settings
from vai_worker.wiring import running as worker_running

PRELOADED = (
    "duckdb",
    "deltalake",
    "sqlglot.dialects.duckdb",
    "vai_transform_worker.transform",
    "vai_transform_worker.query.warm_start",
)


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    kinds = (DuckdbTransform(service.settings.child_memory_mb, service.settings.bounds),)
    async with worker_running(service, kinds, PRELOADED):
        yield
