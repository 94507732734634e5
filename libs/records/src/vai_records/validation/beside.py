"""Large definitions are judged beside the event loop, where nobody else waits for it (rule 24).

An organisation has one judged at a time, so that many large ones of one keep nobody else's waiting; two threads do all.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar
from uuid import UUID

Found = TypeVar("Found")

LARGE: Final = 20_000
"""Characters of texts and number of values, together."""

_threads = ThreadPoolExecutor(2, thread_name_prefix="judging")
_locks: dict[UUID, asyncio.Lock] = {}
_wanted: Counter[UUID] = Counter()


async def judged(org_id: UUID, given: Any, work: Callable[[], Found]) -> Found:
    """What `work` comes to, which judges `given`: at once where that is small. It uses no database.

    In a thread `work` has the caller's context: its log lines are about the same run.
    """
    if not is_large(given):
        return work()
    _wanted[org_id] += 1
    try:
        async with _locks.setdefault(org_id, asyncio.Lock()):
            return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, work)
    finally:
        _wanted[org_id] -= 1
        if not _wanted[org_id]:
            del _wanted[org_id], _locks[org_id]


_TEXTS, _ROWS = (str, bytes), (list, tuple)


def is_large(value: Any) -> bool:
    """Whether the texts, encrypted ones too, and values in it are more than `LARGE`; it looks no further than that.

    Only `dict`, `list` and `tuple` are looked into: this is asked for every run.
    """
    left = LARGE
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, _TEXTS):
            left -= len(one)
        elif isinstance(one, dict):
            left -= 1 + len(one)
            todo += one.values() if left >= 0 else ()
        elif isinstance(one, _ROWS):
            left -= 1 + len(one)
            todo += one if left >= 0 else ()
        else:
            left -= 1
        if left < 0:
            return True
    return False
