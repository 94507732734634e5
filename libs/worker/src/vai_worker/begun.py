"""Runs that this process has begun and that must not be done twice, as long as a lease may come back (decision 24)."""

from vai_common.clock import steady_seconds
from vai_records.runs.statements import Lease
from vai_worker.owned import Owned

REMEMBERED_SECONDS = 120.0
YOUNG_SECONDS = 60.0
"""Seconds. A lease that is older may belong to a run that is forgotten here, for example after a restore."""


class Begun:
    """Tells a lease that was never worked on (the answer to its claim was lost) from one whose work may have begun."""

    def __init__(self) -> None:
        self._dropped: dict[tuple[object, int], float] = {}

    def note(self, run: Owned) -> None:
        """Call this when this process no longer holds the run, for whatever reason."""
        now = steady_seconds()
        while self._dropped and now - (oldest := next(iter(self._dropped.items())))[1] > REMEMBERED_SECONDS:
            del self._dropped[oldest[0]]
        if run.begun and not run.may_rerun:
            self._dropped.pop((run.id, run.epoch), None)
            self._dropped[run.id, run.epoch] = now

    def may_hold(self, lease: Lease) -> bool:
        """Whether the work of an unknown lease may have begun in this process."""
        return lease.age > YOUNG_SECONDS or (lease.run_id, lease.epoch) in self._dropped
