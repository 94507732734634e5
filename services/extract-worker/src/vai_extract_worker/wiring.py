"""The kinds that the extract-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from vai_common.boot import Service
from vai_common.loops import every
from vai_extract_worker.dlt_extract import DltExtract
from vai_extract_worker.file_sync import FileSync
from vai_extract_worker.loading.sweep import sweep
from vai_extract_worker.settings import Settings
from vai_worker.wiring import running as worker_running

PRELOADED = (
    "dlt",
    "pyarrow.parquet",
    "vai_extract_worker.extract",
    "vai_extract_worker.rest.source",
    "vai_extract_worker.sync.child",
)
SWEEP_SECONDS = 3600.0


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    settings = service.settings
    root = settings.files_root or None
    kinds = (DltExtract(root, settings.addresses), FileSync(root, settings.files_push, settings.addresses))
    async with worker_running(service, kinds, PRELOADED):
        service.spawn(every(SWEEP_SECONDS, partial(sweep, service.pool, settings.lake_url)))
        yield
