"""Parses large answers outside of the event loop: one at a time for each organisation, and only few together.

So the large answers of one organisation do not delay the calls of others.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from vai_agent_worker.response import Answer
from vai_records.secrets.hiding import Hidden

LARGE = 65_536
"""In bytes. Smaller answers are parsed in the event loop, in less than a millisecond."""

AT_ONCE = 2


class Parsing:
    """One object per process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="parsing")
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def result(self, org_id: UUID, answer: Answer, hidden: Hidden) -> dict[str, Any]:
        """`answer.result(hidden)`, when it is this organisation's turn."""
        if len(answer.raw) < LARGE:
            return answer.result(hidden)
        turn = self._turns.setdefault(org_id, asyncio.Lock())
        async with turn:
            return await asyncio.get_running_loop().run_in_executor(self._threads, answer.result, hidden)
