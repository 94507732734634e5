"""The kinds that the transform-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vai_common.boot import Service
from vai_common.loops import every
from vai_transform_worker.create_flashboard import CreateFlashboard
from vai_transform_worker.duckdb_transform import DuckdbTransform
from vai_transform_worker.explain_schema import ExplainSchema
from vai_transform_worker.generate_query import GenerateQuery
from vai_transform_worker.settings import Settings
from vai_transform_worker.upkeep.keeper import Keeper
from vai_worker.wiring import running as worker_running

PRELOADED = (
    "duckdb",
    "deltalake",
    "sqlglot.dialects.duckdb",
    "vai_transform_worker.transform",
    "vai_transform_worker.asking.query_child",
    "vai_transform_worker.asking.schema_child",
    "vai_transform_worker.flashboards.board_child",
    "vai_transform_worker.query.warm_start",
)


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    settings = service.settings
    memory_mb, bounds = settings.child_memory_mb, settings.bounds
    kinds = (
        DuckdbTransform(memory_mb, bounds, settings.spark),
        GenerateQuery(memory_mb, bounds.spill_mb),
        ExplainSchema(memory_mb, bounds.spill_mb),
        CreateFlashboard(memory_mb, bounds.spill_mb),
    )
    async with worker_running(service, kinds, PRELOADED):
        if settings.upkeep_seconds and DuckdbTransform.name in settings.kinds_among(tuple(each.name for each in kinds)):
            service.spawn(every(settings.upkeep_seconds, Keeper(service.pool, settings.lake_url).work_once))
        yield
