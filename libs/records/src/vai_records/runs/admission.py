"""Does anything hold this run? The one rule by which a run waits or is queued (rule 3)."""

from dataclasses import dataclass

from vai_records.lifecycle.moves import HeldFor


@dataclass(frozen=True)
class Limits:
    """How many runs may be live (queued or leased) at once; None is no limit, the default (rule 11)."""

    organisation: int | None = None
    connection: int | None = None

    @property
    def any(self) -> bool:
        return self.organisation is not None or self.connection is not None


def admit(*, requires_approval: bool, approved: bool, deferred: bool, limits: Limits) -> HeldFor | None:
    """What holds the run, or None: queue it.

    Asked when a run is made, executed, approved and resumed. Where there is a limit the run is held and the dispatcher
    alone counts and lets it in.
    """
    if deferred:
        return HeldFor.DEFERRED
    if requires_approval and not approved:
        return HeldFor.APPROVAL
    if limits.any:
        return HeldFor.LIMIT
    return None
