"""The parts of a running service, without its process: real settings, pool, bell and producer."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from vai_common.boot import Service
from vai_common.db import open_pool
from vai_common.settings import Settings
from vai_testkit.servers.broker import NOWHERE

_USUAL: dict[str, Any] = {
    "database_url": "postgresql://nowhere/vai",
    "kafka": NOWHERE,
    "bell": "notify",
    "lake_url": "file:///nowhere",
}


@cache
def _plain(settings_type: type[Settings]) -> Settings:
    """Read and checked once: for each test anew that takes 10 ms of CPU and more."""
    return settings_type(**_USUAL)


def _settings(settings_type: type[Settings], url: str, **given: Any) -> Settings:
    if given:
        return settings_type(**{**_USUAL, "database_url": url, **given})
    return _plain(settings_type).model_copy(update={"database_url": url})


@asynccontextmanager
async def opened_service(
    url: str, name: str, settings_type: type[Settings] = Settings, **settings: Any
) -> AsyncIterator[Service[Any]]:
    """A service by this name on the database at `url`; without `kafka=` there is no broker. Closed with the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = Service(name, _settings(settings_type, url, **settings), await open_pool(url, name, 8), listening)
        try:
            yield service
        finally:
            await service.close()
