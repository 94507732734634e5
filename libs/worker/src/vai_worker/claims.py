"""Claims runs such that a row that cannot be moved does not block the others (rule 22)."""

from collections.abc import Callable, Sequence
from uuid import UUID

from vai_common.db import is_away
from vai_common.queries import Pool, Row
from vai_common.rows import Rows
from vai_records.metrics import runs_given_up
from vai_records.runs import statements
from vai_records.runs.statements import Share
from vai_worker import lifecycle
from vai_worker.alone import HOLDS_SECONDS
from vai_worker.lifecycle import Holder


class Claims:
    """Claims queued runs. A run whose claim fails rests, and the others are claimed without it."""

    def __init__(
        self,
        pool: Pool,
        holder: Holder,
        kinds: Sequence[str],
        on_ended: Callable[[Sequence[Row]], None] = lambda rows: None,
    ) -> None:
        """`on_ended` gets the rows of runs that could not be claimed in several turns and were ended."""
        self._pool = pool
        self._holder = holder
        self._kinds = list(kinds)
        self._on_ended = on_ended
        self._rows: Rows[UUID] = Rows("claims", last_resort=self._fail)

    async def hinted(self, ids: Sequence[UUID], share: Share | None) -> Sequence[Row]:
        """Claim those of the ids that are still queued."""

        async def some(part: list[UUID]) -> Sequence[Row]:
            return await statements.claim(
                self._pool, self._holder.id, self._kinds, part, len(part), self._holder.name, share
            )

        return await self._rows.each(ids, some)

    async def waiting(self, most: int, share: Share | None) -> Sequence[Row]:
        """Claim runs that wait, from the organisations in turn. If that fails, read their ids and claim them by id."""
        resting = self._rows.resting
        if not resting:
            try:
                return await statements.pull(self._pool, self._holder.id, self._kinds, most, self._holder.name, share)
            except Exception as error:
                if is_away(error):
                    raise
        found = await statements.waiting(self._pool, self._kinds, most + len(resting))
        return await self.hinted([run_id for run_id in found if run_id not in resting][:most], share)

    async def alone(self) -> Sequence[Row]:
        """Claim one run that has lost two workers."""
        resting = [run_id for run_id in self._rows.resting if isinstance(run_id, UUID)]
        asked = (HOLDS_SECONDS, resting)
        try:
            return await statements.pull_alone(self._pool, self._holder.id, self._kinds, self._holder.name, *asked)
        except Exception as error:
            if is_away(error):
                raise
            failure = error

        async def fail(_: UUID) -> None:
            raise failure

        for run_id in await statements.waiting_alone(self._pool, self._kinds, *asked):
            await self._rows.one(run_id, fail)
        return []

    async def _fail(self, run_id: UUID) -> bool:
        """End a run whose claim fails again and again (rule 23)."""
        async with self._pool.acquire() as conn:
            ended, rows = await lifecycle.fail_unclaimable(conn, self._holder, run_id)
        for row in rows:
            runs_given_up.labels(kind=row["kind"]).inc()
        self._on_ended(rows)
        return ended
