"""Following logs as they are written: one query for all watched runs tells which have moved (rule 10)."""

import asyncio
from collections import defaultdict
from typing import Any
from uuid import UUID

TAIL_SECONDS = 0.05

_MOVED = "SELECT id, log_seq, phase, status FROM runs WHERE id = ANY($1::uuid[])"


class Follower:
    """One who follows one run; `changed` is set when its log has grown or it has ended."""

    def __init__(self, run_id: UUID, sequence: int) -> None:
        self.run_id = run_id
        self.sequence = sequence
        self.ended: str | None = None
        self.changed = asyncio.Event()


class Tail:
    """Compares `log_seq` of the watched runs every 50 ms, and does nothing while nobody watches."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._followers: dict[UUID, set[Follower]] = defaultdict(set)
        self._somebody = asyncio.Event()

    def follow(self, run_id: UUID, sequence: int) -> Follower:
        follower = Follower(run_id, sequence)
        self._followers[run_id].add(follower)
        self._somebody.set()
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers[follower.run_id].discard(follower)
        if not self._followers[follower.run_id]:
            del self._followers[follower.run_id]
        if not self._followers:
            self._somebody.clear()

    async def look_once(self) -> None:
        """Waits until somebody watches, then tells the followers of the runs that moved."""
        await self._somebody.wait()
        for row in await self._pool.fetch(_MOVED, list(self._followers)):
            ended = row["status"] if row["phase"] == "done" else None
            for follower in self._followers.get(row["id"], ()):
                if row["log_seq"] > follower.sequence or ended != follower.ended:
                    follower.ended = ended
                    follower.changed.set()
