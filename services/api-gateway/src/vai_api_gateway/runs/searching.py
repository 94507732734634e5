"""Pages of runs. Those for which all runs may have to be read take turns, so that no organisation slows the others."""

import asyncio
from contextlib import AbstractAsyncContextManager
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg

from vai_api_gateway.http.narrow_pool import turn
from vai_api_gateway.problems import Problem
from vai_common.queries import Pool
from vai_records.runs import lists as run_lists
from vai_records.runs.filters import RunFilters
from vai_records.runs.lists import RunPage, Sorting

AT_ONCE = 2
"""Such lists that an organisation reads side by side, of one gateway."""


class Searches:
    """One for a process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._turns: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    def room(self, org_id: UUID) -> AbstractAsyncContextManager[None]:
        """Room for one search of the organisation. Raises `Overloaded` where too many of its searches go on."""
        return turn(self._turns.setdefault(org_id, asyncio.Semaphore(AT_ONCE)))

    async def page(self, org_id: UUID, filters: RunFilters, sorting: Sorting) -> RunPage:
        """Raises `Problem` 422 where finding the runs takes too long, `Overloaded` where too many are searched for."""
        if not filters.reads_rows:
            return await run_lists.list_page(self._pool, org_id, filters, sorting)
        async with self.room(org_id):
            try:
                return await run_lists.list_page(self._pool, org_id, filters, sorting)
            except asyncpg.QueryCanceledError:
                message = "too many runs would have to be looked through: name a time, too (created_from), or an action"
                raise Problem(422, "too_much", message) from None
