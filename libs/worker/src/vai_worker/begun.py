"""What this process has begun and may not be done twice, for as long as its lease might come back (decision 24)."""

from vai_common.clock import steady_seconds
from vai_records.runs.statements import Lease
from vai_worker.owned import Owned

REMEMBERED_SECONDS = 120.0
YOUNG_SECONDS = 60.0
"""A lease that is older may be of a run that is forgotten here: a database that was restored brings back any."""


class Begun:
    """Tells a lease that was never worked on (the answer to its claim was lost) from one that may have had effects."""

    def __init__(self) -> None:
        self._dropped: dict[tuple[object, int], float] = {}

    def note(self, run: Owned) -> None:
        """To be called when a run leaves this process's hands, however it does."""
        now = steady_seconds()
        while self._dropped and now - (oldest := next(iter(self._dropped.items())))[1] > REMEMBERED_SECONDS:
            del self._dropped[oldest[0]]
        if run.begun and not run.may_rerun:
            self._dropped.pop((run.id, run.epoch), None)
            self._dropped[run.id, run.epoch] = now

    def may_hold(self, lease: Lease) -> bool:
        """Whether the work of a lease that nobody here knows may have begun."""
        return lease.age > YOUNG_SECONDS or (lease.run_id, lease.epoch) in self._dropped
