"""The kinds that the extract-worker runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.boot import Service
from extract_worker.dlt_extract import DltExtract
from extract_worker.settings import Settings
from worker.running import running as worker_running

KINDS = (DltExtract(),)
PRELOADED = ("dlt", "pyarrow.parquet", "extract_worker.extract")


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    async with worker_running(service, KINDS, PRELOADED):
        yield
