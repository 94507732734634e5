"""The smallest service: says that it runs and that it stopped. Run by test_boot.py."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vai_common import stopping
from vai_common.boot import Service, serve
from vai_common.settings import Settings


async def _ends() -> None:
    """A loop that ends by itself, which the service must report."""


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    if "wrong" in sys.argv:
        raise ValueError("VAI_KINDS names nothing that this service runs")
    service.health.saw_database()
    service.health.schema_fault = None
    if "holds" in sys.argv:
        await service.pool.acquire()  # and never gives it back: closing the pool would wait for it
    if "ends" in sys.argv:
        service.spawn(_ends())
    service.listen()
    yield
    if "stays" in sys.argv:
        await asyncio.Event().wait()
    sys.stdout.write("wound up\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if "stays" in sys.argv:
        stopping.MOST_SECONDS = 0.5
    serve("a-service", Settings, running)
