"""SQLAlchemy in tests: an engine is made once and pointed at the database of each test.

What an engine has compiled stays with it: to make one for each test, and compile each statement anew, takes a test of
the gateway a tenth of a second of CPU.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from vai_common import db

Key = tuple[str, str, int]


class _Engine:
    """An engine of `db.engine` whose next connections go to the database that `database` names."""

    def __init__(self, url: str, role: str, size: int) -> None:
        self.engine = db.engine(url, role, size)
        self.database = ""
        event.listen(self.engine.sync_engine, "do_connect", self._point)

    def _point(self, _dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> None:
        arguments["database"] = self.database


_idle: dict[Key, list[_Engine]] = {}


@asynccontextmanager
async def engine_on(url: str, role: str, size: int) -> AsyncIterator[AsyncEngine]:
    """What `db.engine` makes, for as long as the block lasts."""
    server, _, name = url.partition("?")[0].rpartition("/")
    idle = _idle.setdefault((server, role, size), [])
    taken = idle.pop() if idle else _Engine(url, role, size)
    taken.database = name
    try:
        yield taken.engine
    finally:
        await taken.engine.dispose()
        idle.append(taken)
