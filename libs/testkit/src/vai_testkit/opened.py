"""What a running service stands on, without its process: real settings, pool, bell and producer."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from vai_common.boot import Service
from vai_common.db import open_pool
from vai_common.settings import Settings
from vai_testkit.servers.broker import NOWHERE


@asynccontextmanager
async def opened_service(
    url: str, name: str, settings_type: type[Settings] = Settings, **settings: Any
) -> AsyncIterator[Service[Any]]:
    """A service by this name on the database at `url`; without `kafka=` there is no broker. Closed with the block."""
    given = {"database_url": url, "kafka": NOWHERE, "bell": "notify", "lake_url": "file:///nowhere", **settings}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = Service(name, settings_type(**given), await open_pool(url, name, 8), listening)
        try:
            yield service
        finally:
            await service.close()
