"""The main work of this service: it stores new runs, in groups, before it answers (rule 17).

Runs that arrive during a commit go into the next one. On an idle system a request does not wait.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import asyncpg

from vai_api_gateway.http.turns import Turns
from vai_common.batcher import Batcher, Overloaded
from vai_common.messages.bell import Bell
from vai_common.queries import Pool
from vai_records.runs import runs, statements
from vai_records.runs.new_run import NewRun, is_repeat
from vai_records.runs.row import RunRow, blank

_TRIES = 3

_LITTLE = 4
"""New runs of an organisation that are being stored."""


@dataclass(frozen=True)
class Created:
    """The run of a request: a new one, or the one that its idempotency key has made before."""

    run: RunRow
    is_new: bool


_BLANK = blank(RunRow)
_Lane = Batcher[NewRun, datetime | None]


class KeyReused(Exception):
    """The idempotency key was used for another kind or definition, or for a run that was deleted (decision 14)."""


class KeyBusy(Exception):
    """A live run has this concurrency key (decision 15)."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class Intake:
    """Inserts runs and rings the bell for them. `create` raises `batcher.Overloaded` if too many wait."""

    def __init__(self, pool: Pool, bell: Bell) -> None:
        self._pool = pool
        self._bell = bell
        self._batcher: _Lane = Batcher(self._insert, most=200, in_flight=2, most_waiting=4_000)
        # A second one, for organisations with few runs while another one has many.
        self._quick: _Lane = Batcher(self._insert, most=50, in_flight=1, most_waiting=4_000)
        self._pending: Counter[UUID] = Counter()
        self.turns = Turns()

    async def create(self, new: NewRun, *, ring: bool = True) -> Created:
        """The run, committed. `ring=False` if the caller gives it to a worker itself."""
        created_at = await self._inserted(new)
        if created_at is None:
            # Its row may be its own: the answer to the COMMIT was lost, and the batch was written again (rule 1).
            mine = await runs.get(self._pool, new.org_id, new.id)
            if mine is None:
                return await self._met_another(new, ring)
            created_at = mine["created_at"]
        if ring or new.held_for is not None:
            self._ring([new])
        await self.turns.again(new.org_id)
        return Created(_as_inserted(new, created_at), True)

    async def create_together(self, news: Sequence[NewRun]) -> list[Created | KeyReused | KeyBusy]:
        """Many runs in one transaction, answered in their order. A key that is in use is one of the answers."""
        made = await self._insert_together(news) if news else {}
        self._ring([new for new in news if new.id in made])
        return [
            Created(_as_inserted(new, made[new.id]), True) if new.id in made else await self._other(new) for new in news
        ]

    async def drained(self) -> None:
        await self._batcher.drained()
        await self._quick.drained()

    async def _inserted(self, new: NewRun) -> datetime | None:
        lane, org_id = self._lane(new.org_id), new.org_id
        self._pending[org_id] += 1
        try:
            return await lane.submit(new)
        finally:
            self._pending[org_id] -= 1
            if not self._pending[org_id]:
                del self._pending[org_id]

    def _lane(self, org_id: UUID) -> _Lane:
        """The second one for an organisation with few runs, if another one has some."""
        others = len(self._pending) - (org_id in self._pending)
        return self._quick if others and self._pending[org_id] < _LITTLE else self._batcher

    async def _insert(self, batch: Sequence[NewRun]) -> list[datetime | None]:
        made = await statements.create(self._pool, batch)
        return [made.get(new.id) for new in batch]

    async def _insert_together(self, news: Sequence[NewRun]) -> dict[UUID, datetime]:
        """Keys are locked in one order. If two batches deadlock, Postgres undoes one, which tries again."""
        ordered = sorted(news, key=lambda new: (*sorted(new.keys), new.id.hex))
        for _ in range(_TRIES):
            with suppress(asyncpg.DeadlockDetectedError):
                async with self._pool.acquire() as conn, conn.transaction():
                    return await statements.create(conn, ordered)
        raise Overloaded

    async def _other(self, new: NewRun) -> Created | KeyReused | KeyBusy:
        try:
            return await self._met_another(new, True)
        except (KeyReused, KeyBusy) as refused:
            return refused

    def _ring(self, news: Sequence[NewRun]) -> None:
        hints: dict[str, list[UUID]] = defaultdict(list)
        for new in news:
            word, rung = new.ring
            hints[word].append(rung)
        for kind, ids in hints.items():
            self._bell.ring(kind, ids)

    async def _met_another(self, new: NewRun, ring: bool) -> Created:
        """Read, one by one, the runs that have the same keys (rule 17)."""
        if new.idempotency_key is not None:
            first = await runs.of_idempotency_key(self._pool, new.org_id, new.idempotency_key)
            if first is not None:
                if first["deleted_at"] is not None or not is_repeat(first, new.fingerprint, new.beside):
                    raise KeyReused
                return Created(first, False)
        if new.retry_of is not None:
            other = await runs.live_retry_of(self._pool, new.org_id, new.retry_of)
            if other is not None:
                return Created(other, False)
        if new.concurrency_key is not None:
            live = await runs.live_of_concurrency_key(self._pool, new.org_id, new.concurrency_key)
            if live is not None:
                raise KeyBusy(live["id"])
        # The run with the same key has ended meanwhile.
        return await self.create(new, ring=ring)


def _as_inserted(new: NewRun, created_at: datetime) -> RunRow:
    """The row as it is after its insert, so that it need not be read."""
    made = {"status": "pending", "phase": new.phase, "created_at": created_at, "updated_at": created_at}
    return cast("RunRow", {**_BLANK, **vars(new), **made})
