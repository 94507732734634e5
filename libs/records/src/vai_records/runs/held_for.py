"""Decides whether a run is queued or held, and what a held run waits for: an approval, a limit, a time, or a word."""

from dataclasses import dataclass

from vai_records.lifecycle.transitions import HeldFor


@dataclass(frozen=True)
class Limits:
    """How many runs may be live (queued or leased) at once. None, the default, means no limit (rule 11)."""

    organisation: int | None = None
    connection: int | None = None

    @property
    def any(self) -> bool:
        return self.organisation is not None or self.connection is not None


def admit(
    *, requires_approval: bool, approved: bool, deferred: bool, limits: Limits, later: bool = False
) -> HeldFor | None:
    """What the run has to wait for, or None: queue it.

    Called when a run is made, executed, approved and resumed. `later`: its time has not come. When it has, the
    dispatcher moves it on, and only then is an approval asked for. If there is a limit the run is held: only the
    dispatcher counts live runs and queues it.
    """
    if deferred:
        return HeldFor.DEFERRED
    if later:
        return HeldFor.SCHEDULED
    if requires_approval and not approved:
        return HeldFor.APPROVAL
    if limits.any:
        return HeldFor.LIMIT
    return None
