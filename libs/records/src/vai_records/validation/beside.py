"""Large definitions are judged beside the event loop, where nobody else waits for it (rule 24).

An organisation has one judged at a time, so that many large ones of one keep nobody else's waiting; two threads do all.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from uuid import UUID

Found = TypeVar("Found")

LARGE: Final = 20_000
"""Characters of texts and number of values, together."""

_threads = ThreadPoolExecutor(2, thread_name_prefix="judging")
_locks: dict[UUID, asyncio.Lock] = {}
_wanted: Counter[UUID] = Counter()


async def judged(org_id: UUID, given: Any, work: Callable[[], Found]) -> Found:
    """What `work` comes to, which judges `given`: at once where that is small. It uses no database."""
    if not is_large(given):
        return work()
    _wanted[org_id] += 1
    try:
        async with _locks.setdefault(org_id, asyncio.Lock()):
            return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _wanted[org_id] -= 1
        if not _wanted[org_id]:
            del _wanted[org_id], _locks[org_id]


def is_large(value: Any) -> bool:
    """Whether the texts, encrypted ones too, and values in it are more than `LARGE`; it looks no further than that."""
    left = LARGE
    todo = [value]
    while todo:
        one = todo.pop()
        left -= len(one) if isinstance(one, str | bytes) else 1
        if isinstance(one, Mapping):
            left -= len(one)
            todo += one.values() if left >= 0 else ()
        elif isinstance(one, list | tuple):
            left -= len(one)
            todo += one if left >= 0 else ()
        if left < 0:
            return True
    return False
