"""Gathers what is to be told into one message for each rule, and notes what is late."""

from uuid import UUID

from vai_common.queries import Pool
from vai_common.rows import Rows
from vai_records.alerts import news
from vai_records.alerts.news import BATCH
from vai_scheduler.metrics import alert_news_gathered


class Gatherer:
    """Any number of them may work side by side: each takes other rows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rows: Rows[int] = Rows("alert_news")
        self._late: Rows[UUID] = Rows("alert_lates")

    async def gather_once(self) -> None:
        """Take all that is there."""
        while await self._rows.batch(self._gather, self._found) == BATCH:
            pass

    async def note_late_once(self) -> None:
        """Note what should have ended by now."""
        await news.note_late(self._pool, self._late)

    async def _found(self) -> list[int]:
        return await news.found(self._pool, self._rows.resting)

    async def _gather(self, only: list[int] | None) -> int:
        async with self._pool.acquire() as conn, conn.transaction():
            taken = await news.gather(conn, self._rows.resting, only)
        alert_news_gathered.inc(taken)
        return taken
