"""Stores webhooks, in groups, before they are answered. Those that arrive during a commit go into the next one
(rule 17).
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
"""Bytes of all bodies that wait for their commit."""


@dataclass(frozen=True)
class Started:
    """The automation run of a webhook: a new one, or the one that an earlier delivery has made."""

    run_id: UUID
    is_new: bool


class WebhookIntake:
    """Stores automation runs of webhooks, and rings the bell. Raises `batcher.Overloaded` if too many wait."""

    def __init__(self, pool: Pool, bell: Bell) -> None:
        self._pool = pool
        self._bell = bell
        self._bytes = 0
        self._news: Batcher[NewAutomationRun, UUID | None] = Batcher(self._insert, most_waiting=4_000)
        # A count is not repeated after an error: it may have been committed, and would be counted twice.
        self._ignored: Batcher[UUID, None] = Batcher(
            self._record_ignored, most_waiting=4_000, in_flight=1, halves=False, when_away="fail"
        )

    async def start(self, new: NewAutomationRun, size: int) -> Started:
        """The automation run, committed. `size` is that of its body, in bytes."""
        if self._bytes + size > _MOST_BYTES:
            raise Overloaded
        stored = self._news.put(new)
        self._bytes += size
        stored.add_done_callback(lambda _: self._give_back(size))
        # If the caller goes away, the item still waits for its commit, so its bytes still count.
        run_id = await asyncio.shield(stored)
        if run_id is None:  # the run with the same key is gone
            raise Overloaded
        return Started(run_id, run_id == new.id)

    def _give_back(self, size: int) -> None:
        self._bytes -= size

    async def ignore(self, automation_id: UUID) -> None:
        """Record that a webhook came to an automation that is not active."""
        await self._ignored.submit(automation_id)

    async def drained(self) -> None:
        await asyncio.gather(self._news.drained(), self._ignored.drained())

    async def _insert(self, batch: Sequence[NewAutomationRun]) -> list[UUID | None]:
        made = await runs.create(self._pool, batch)
        met = [_key(new) for new in batch if new.id not in made]
        earlier = await webhooks.of_triggers(self._pool, met) if met else {}
        stored = [new.id if new.id in made else earlier.get(_key(new)) for new in batch]
        # An existing row may be its own, if the answer to the COMMIT was lost (rule 1).
        self._bell.ring(AUTOMATION, [new.id for new, run_id in zip(batch, stored, strict=True) if run_id == new.id])
        return stored

    async def _record_ignored(self, batch: Sequence[UUID]) -> list[None]:
        await webhooks.ignored(self._pool, batch)
        return [None] * len(batch)


def _key(new: NewAutomationRun) -> tuple[UUID, str]:
    return new.automation_id, new.trigger_key or ""
