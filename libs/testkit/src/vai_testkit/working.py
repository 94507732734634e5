"""A whole worker in a test's own process: its life, its slots, its fork server and its Executor."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from vai_common.boot import Service
from vai_testkit.opened import opened_service
from vai_testkit.toys import ToyHeavy, ToyLight
from vai_worker.kind import Kind
from vai_worker.settings import WorkerSettings
from vai_worker.wiring import running
from vai_worker.worker import Worker


@asynccontextmanager
async def working(
    url: str, *kinds: Kind, preload: Sequence[str] = ("vai_testkit.toys",), **settings: Any
) -> AsyncIterator[tuple[Service[Any], Worker]]:
    """A worker for these kinds (none given: the toys) on the database at `url`; leaving the block is SIGTERM."""
    async with (
        opened_service(url, "extract-worker", WorkerSettings, **settings) as service,
        running(service, kinds or (ToyHeavy(), ToyLight()), tuple(preload)) as worker,
    ):
        yield service, worker
