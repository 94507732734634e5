"""Repeats a statement that must succeed until the database is back. Nobody else takes over the work meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import structlog

from vai_common.db import is_away

Answer = TypeVar("Answer")

FIRST_WAIT = 0.05
LONGEST_WAIT = 1.0

_log = structlog.get_logger()


async def insist(run_id: UUID, write: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer of a guarded statement. It may be sent twice; if it is refused, the caller reads the row (rule 1)."""
    wait = FIRST_WAIT
    while True:
        try:
            return await write()
        except Exception as error:
            if not is_away(error):
                raise
            _log.warning("ending_kept", run_id=str(run_id), error=repr(error))
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)
