"""The kinds that the extract-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from common.boot import Service
from common.loops import every
from extract_worker.dlt_extract import DltExtract
from extract_worker.settings import Settings
from extract_worker.sweep import sweep
from worker.running import running as worker_running

PRELOADED = ("dlt", "pyarrow.parquet", "extract_worker.extract", "extract_worker.rest_api")
SWEEP_SECONDS = 3600.0


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    settings = service.settings
    kinds = (DltExtract(settings.files_root or None, settings.addresses),)
    async with worker_running(service, kinds, PRELOADED):
        service.spawn(every(SWEEP_SECONDS, partial(sweep, service.pool, settings.lake_url)))
        yield
