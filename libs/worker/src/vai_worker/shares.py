"""Keeps some slots of a worker free for other organisations than the one that holds the most.

If the installation has only one organisation, no slot is kept free.
"""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from vai_common.queries import Pool
from vai_records.runs.statements import Share
from vai_worker.owned import Owned

LOOK_SECONDS = 3.0
REST_SECONDS = 0.005
"""Seconds between claims while an organisation has its share: most hints are for its runs, which must wait."""

_SEVERAL = "SELECT count(*) > 1 FROM (SELECT FROM organisations LIMIT 2) AS few"


class Shares:
    """`kept_percent` of the slots, at least one, are kept for others than the organisation that holds the most."""

    def __init__(self, slots: int, kept_percent: int) -> None:
        kept = max(1, slots * kept_percent // 100) if kept_percent and slots > 1 else 0
        self.most = slots - kept
        self._kept = kept
        self._several = True  # Until the first look: a worker that starts may see the runs of one organisation only.
        self._asked: Counter[UUID] = Counter()

    @property
    def count(self) -> bool:
        """Whether there is anything to share."""
        return self._several and self._kept > 0

    async def look_once(self, pool: Pool) -> None:
        """Is there more than one organisation?"""
        self._several = await pool.fetchval(_SEVERAL)

    def now(self, owned: Iterable[Owned]) -> Share | None:
        """How many slots each organisation may still take; None if there is no limit."""
        if not self.count:
            return None
        held = Counter(run.org_id for run in owned if run.has_slot) + self._asked
        return Share(list(held), [max(0, self.most - count) for count in held.values()], self.most)

    def ask(self, owned: Iterable[Owned], org_id: UUID) -> bool:
        """Whether an organisation may have one more. Its slot counts as taken until `answered` is called."""
        if (
            self.count
            and sum(run.has_slot and run.org_id == org_id for run in owned) + self._asked[org_id] >= self.most
        ):
            return False
        self._asked[org_id] += 1
        return True

    def answered(self, org_id: UUID) -> None:
        """The run was claimed, or was not."""
        self._asked[org_id] -= 1
        if not self._asked[org_id]:
            del self._asked[org_id]
