"""Webhooks are stored before they are answered, in groups: what arrives while a commit is under way goes into the next
one (rule 17).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vai_common.batcher import Batcher, Overloaded
from vai_common.messages.bell import AUTOMATION, Bell
from vai_common.queries import Pool
from vai_records.automations import runs, webhooks
from vai_records.automations.runs import NewAutomationRun

_MOST_BYTES = 64 * 1_048_576
"""Of bodies that wait for their commit."""


@dataclass(frozen=True)
class Started:
    """The automation run that a webhook got: a new one, or the one that an earlier delivery of it has made."""

    run_id: UUID
    is_new: bool


class WebhookIntake:
    """Stores what webhooks start, and rings for it. Raises `batcher.Overloaded` where too much waits."""

    def __init__(self, pool: Pool, bell: Bell) -> None:
        self._pool = pool
        self._bell = bell
        self._bytes = 0
        self._news: Batcher[NewAutomationRun, UUID | None] = Batcher(self._insert, most_waiting=4_000)
        # A count is not written again: it would count twice what only seemed to fail.
        self._ignored: Batcher[UUID, None] = Batcher(
            self._record_ignored, most_waiting=4_000, in_flight=1, halves=False, when_away="fail"
        )

    async def start(self, new: NewAutomationRun, size: int) -> Started:
        """The automation run, durable; `size` is what its body takes, in bytes."""
        if self._bytes + size > _MOST_BYTES:
            raise Overloaded
        stored = self._news.put(new)
        self._bytes += size
        stored.add_done_callback(lambda _: self._give_back(size))
        # A caller who goes takes nothing back: what was put in waits for its commit all the same, and so do its bytes.
        run_id = await asyncio.shield(stored)
        if run_id is None:  # what stood in its way is gone
            raise Overloaded
        return Started(run_id, run_id == new.id)

    def _give_back(self, size: int) -> None:
        self._bytes -= size

    async def ignore(self, automation_id: UUID) -> None:
        """Records that a webhook came to an automation that takes none."""
        await self._ignored.submit(automation_id)

    async def drained(self) -> None:
        await asyncio.gather(self._news.drained(), self._ignored.drained())

    async def _insert(self, batch: Sequence[NewAutomationRun]) -> list[UUID | None]:
        made = await runs.create(self._pool, batch)
        met = [_key(new) for new in batch if new.id not in made]
        earlier = await webhooks.of_triggers(self._pool, met) if met else {}
        stored = [new.id if new.id in made else earlier.get(_key(new)) for new in batch]
        # One that is there already is its own where only the answer to its COMMIT was lost (rule 1).
        self._bell.ring(AUTOMATION, [new.id for new, run_id in zip(batch, stored, strict=True) if run_id == new.id])
        return stored

    async def _record_ignored(self, batch: Sequence[UUID]) -> list[None]:
        await webhooks.ignored(self._pool, batch)
        return [None] * len(batch)


def _key(new: NewAutomationRun) -> tuple[UUID, str]:
    return new.automation_id, new.trigger_key or ""
