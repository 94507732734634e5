"""A run that has lost two workers is claimed alone: if it kills a third, no other run is harmed (decision 16).

It keeps other runs out for a minute at most, or until it saves a checkpoint: if it kills its worker, it most likely
does so early. If it kills its worker later, that loss counts for it. For the runs beside it, it is a first loss with
others around, which does not count.
"""

import random
from collections.abc import Callable, Sequence
from uuid import UUID

from vai_common.clock import steady_seconds
from vai_common.queries import Pool
from vai_records.lifecycle.sql_fragments import ALONE

HOLDS_SECONDS = 60
"""How long a run that is held alone keeps others out. A checkpoint ends this early, since it clears the losses."""

WAITS_SECONDS = 10
"""How long such a run waits for an idle worker before a busy one makes room for it."""

ROOM_SECONDS = 30.0
"""How long a busy worker claims nothing else, to become idle; if it does not, it goes on as before."""

REST_SECONDS = 300.0
"""Seconds between two such tries of one worker."""

_SHARE = 0.2
"""Of the workers that see such a run wait, about so many try in each second: one is enough."""

_IS_STILL_ALONE = f"SELECT EXISTS (SELECT FROM runs r WHERE r.id = $1 AND {ALONE})"
_WAITS = f"""
SELECT EXISTS (
    SELECT FROM runs r WHERE r.phase = 'queued' AND r.kind = ANY($1::text[]) AND {ALONE}
      AND r.updated_at < clock_timestamp() - interval '{WAITS_SECONDS} s'
)
"""


class Alone:
    """Whether a worker may claim more: not while it holds a run alone, or makes room for one."""

    def __init__(
        self, clock: Callable[[], float] = steady_seconds, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._run: UUID | None = None
        self._held_until = 0.0
        self._room_until = 0.0
        self._rest_until = 0.0

    @property
    def keeps_others_out(self) -> bool:
        now = self._clock()
        return (self._run is not None and now < self._held_until) or now < self._room_until

    def hold(self, run_id: UUID) -> None:
        self._run = run_id
        self._held_until = self._clock() + HOLDS_SECONDS
        self._room_until = 0.0

    def let_go(self, run_id: UUID) -> None:
        if self._run == run_id:
            self._run = None

    async def look_once(self, pool: Pool) -> None:
        """A run that has saved a checkpoint no longer keeps others out."""
        run_id = self._run
        if run_id is not None and self.keeps_others_out and not await pool.fetchval(_IS_STILL_ALONE, run_id):
            self.let_go(run_id)

    async def make_room_once(self, pool: Pool, kinds: Sequence[str]) -> None:
        """For a busy worker: whether it should become idle, because such a run waits for an idle worker."""
        if self._run is not None or self._clock() < self._rest_until or self._chance() >= _SHARE:
            return
        if await pool.fetchval(_WAITS, list(kinds)):
            self._room_until = self._clock() + ROOM_SECONDS
            self._rest_until = self._clock() + REST_SECONDS
