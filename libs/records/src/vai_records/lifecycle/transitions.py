"""The lifecycle of a run as data: every edge between statuses, every move between phases, and who owns each.

The edges are those of document 000 ("Action Lifecycle") and no other. The database trigger and docs/lifecycle.md are
drawn from these two tables (`make generate`); a service's `lifecycle.py` is its slice of them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The document's word for where a run stands."""

    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Phase(StrEnum):
    """What the platform does with a run now."""

    HELD = "held"
    QUEUED = "queued"
    LEASED = "leased"
    DELAYED = "delayed"
    PAUSED = "paused"
    PARKED = "parked"
    DONE = "done"


class HeldFor(StrEnum):
    """What a held run waits for."""

    APPROVAL = "approval"
    LIMIT = "limit"
    DEFERRED = "deferred"
    SCHEDULED = "scheduled"


class Control(StrEnum):
    """What somebody asked of a leased run. The service that releases the run does it."""

    PAUSE = "pause"
    CANCEL = "cancel"


class Owner(StrEnum):
    """A slice of the lifecycle. `WORKER` is the slice that every service with kinds shares (libs/worker)."""

    GATEWAY = "api-gateway"
    DISPATCHER = "run-dispatcher"
    WORKER = "worker"
    WATCHDOG = "watchdog"


@dataclass(frozen=True)
class Edge:
    """A change of status: from one of `phases` of `source` to `phase` of `target`."""

    source: Status
    target: Status
    cause: str
    owner: Owner
    phases: tuple[Phase, ...]
    phase: Phase


@dataclass(frozen=True)
class Move:
    """A change of phase within one status."""

    status: Status
    source: Phase
    target: Phase
    cause: str
    owner: Owner


PHASES: dict[Status, tuple[Phase, ...]] = {
    Status.PENDING: (Phase.HELD, Phase.QUEUED, Phase.PAUSED),
    Status.AWAITING_APPROVAL: (Phase.HELD, Phase.QUEUED),
    Status.RUNNING: (Phase.QUEUED, Phase.LEASED, Phase.DELAYED, Phase.PAUSED, Phase.PARKED),
    Status.COMPLETED: (Phase.DONE,),
    Status.FAILED: (Phase.DONE,),
    Status.CANCELLED: (Phase.DONE,),
    Status.REJECTED: (Phase.DONE,),
}
"""The phases that each status can have; a CHECK of the table holds the pairs."""

TERMINAL: frozenset[Status] = frozenset(status for status, phases in PHASES.items() if phases == (Phase.DONE,))

_PENDING, _AWAITING, _RUNNING = Status.PENDING, Status.AWAITING_APPROVAL, Status.RUNNING
_UNLEASED = (Phase.QUEUED, Phase.DELAYED, Phase.PAUSED, Phase.PARKED)
_LOST = (Phase.LEASED, Phase.QUEUED)

EDGES: tuple[Edge, ...] = (
    Edge(_PENDING, _RUNNING, "claimed", Owner.WORKER, (Phase.QUEUED,), Phase.LEASED),
    Edge(_PENDING, Status.CANCELLED, "cancelled", Owner.GATEWAY, PHASES[_PENDING], Phase.DONE),
    Edge(_PENDING, _AWAITING, "approval_required", Owner.DISPATCHER, (Phase.HELD,), Phase.HELD),
    Edge(_AWAITING, _RUNNING, "claimed", Owner.WORKER, (Phase.QUEUED,), Phase.LEASED),
    Edge(_AWAITING, Status.REJECTED, "rejected", Owner.GATEWAY, PHASES[_AWAITING], Phase.DONE),
    Edge(_AWAITING, Status.REJECTED, "timed_out", Owner.DISPATCHER, (Phase.HELD,), Phase.DONE),
    Edge(_RUNNING, Status.COMPLETED, "completed", Owner.WORKER, (Phase.LEASED,), Phase.DONE),
    Edge(_RUNNING, Status.FAILED, "failed", Owner.WORKER, (Phase.LEASED,), Phase.DONE),
    Edge(_RUNNING, Status.FAILED, "abandoned", Owner.WATCHDOG, _LOST, Phase.DONE),
    Edge(_RUNNING, Status.CANCELLED, "stopped", Owner.WORKER, (Phase.LEASED,), Phase.DONE),
    Edge(_RUNNING, Status.CANCELLED, "cancelled", Owner.GATEWAY, _UNLEASED, Phase.DONE),
    Edge(_RUNNING, Status.CANCELLED, "abandoned", Owner.WATCHDOG, _LOST, Phase.DONE),
)

MOVES: tuple[Move, ...] = (
    Move(_PENDING, Phase.HELD, Phase.QUEUED, "released", Owner.DISPATCHER),
    Move(_PENDING, Phase.HELD, Phase.QUEUED, "executed", Owner.GATEWAY),
    Move(_PENDING, Phase.HELD, Phase.PAUSED, "paused", Owner.GATEWAY),
    Move(_PENDING, Phase.QUEUED, Phase.PAUSED, "paused", Owner.GATEWAY),
    Move(_PENDING, Phase.PAUSED, Phase.QUEUED, "resumed", Owner.GATEWAY),
    Move(_PENDING, Phase.PAUSED, Phase.HELD, "resumed", Owner.GATEWAY),
    Move(_AWAITING, Phase.HELD, Phase.QUEUED, "approved", Owner.GATEWAY),
    Move(_AWAITING, Phase.HELD, Phase.QUEUED, "released", Owner.DISPATCHER),
    Move(_RUNNING, Phase.QUEUED, Phase.LEASED, "claimed_again", Owner.WORKER),
    Move(_RUNNING, Phase.LEASED, Phase.DELAYED, "retrying", Owner.WORKER),
    Move(_RUNNING, Phase.LEASED, Phase.PAUSED, "paused", Owner.WORKER),
    Move(_RUNNING, Phase.LEASED, Phase.PARKED, "waiting_for_child", Owner.WORKER),
    Move(_RUNNING, Phase.LEASED, Phase.QUEUED, "interrupted", Owner.WORKER),
    Move(_RUNNING, Phase.LEASED, Phase.QUEUED, "recovered", Owner.WATCHDOG),
    Move(_RUNNING, Phase.LEASED, Phase.PAUSED, "recovered", Owner.WATCHDOG),
    Move(_RUNNING, Phase.DELAYED, Phase.QUEUED, "due", Owner.DISPATCHER),
    Move(_RUNNING, Phase.QUEUED, Phase.PAUSED, "paused", Owner.GATEWAY),
    Move(_RUNNING, Phase.DELAYED, Phase.PAUSED, "paused", Owner.GATEWAY),
    Move(_RUNNING, Phase.PARKED, Phase.PAUSED, "paused", Owner.GATEWAY),
    Move(_RUNNING, Phase.PAUSED, Phase.QUEUED, "resumed", Owner.GATEWAY),
    # If a limit is reached, a run that goes on waits for room like a new one: delayed, until the dispatcher queues it.
    Move(_RUNNING, Phase.PAUSED, Phase.DELAYED, "resumed", Owner.GATEWAY),
    Move(_RUNNING, Phase.PARKED, Phase.DELAYED, "child_ended", Owner.WORKER),
    Move(_RUNNING, Phase.PARKED, Phase.DELAYED, "child_cancelled", Owner.GATEWAY),
    Move(_RUNNING, Phase.PARKED, Phase.DELAYED, "child_abandoned", Owner.WATCHDOG),
    Move(_RUNNING, Phase.PARKED, Phase.DELAYED, "swept", Owner.DISPATCHER),
    Move(_RUNNING, Phase.PARKED, Phase.QUEUED, "child_ended", Owner.WORKER),
    Move(_RUNNING, Phase.PARKED, Phase.QUEUED, "child_cancelled", Owner.GATEWAY),
    Move(_RUNNING, Phase.PARKED, Phase.QUEUED, "child_abandoned", Owner.WATCHDOG),
    Move(_RUNNING, Phase.PARKED, Phase.QUEUED, "swept", Owner.DISPATCHER),
)

CREATORS: tuple[str, ...] = ("api-gateway", "scheduler", "agent-worker")
"""The services that make runs; a run begins pending, queued or held."""

SLICES: dict[str, tuple[Owner, ...]] = {
    "api-gateway": (Owner.GATEWAY,),
    "run-dispatcher": (Owner.DISPATCHER,),
    "extract-worker": (Owner.WORKER,),
    "transform-worker": (Owner.WORKER,),
    "agent-worker": (Owner.WORKER,),
    "scheduler": (Owner.WORKER,),
    "watchdog": (Owner.WATCHDOG,),
}
"""What each service may change; the database refuses the rest."""


def edges_of(owner: Owner) -> tuple[Edge, ...]:
    return tuple(edge for edge in EDGES if edge.owner is owner)


def moves_of(owner: Owner) -> tuple[Move, ...]:
    return tuple(move for move in MOVES if move.owner is owner)


def targets(status: Status) -> tuple[Status, ...]:
    """The statuses that document 000 lets a run of this status change to; empty where it is final."""
    return tuple(dict.fromkeys(edge.target for edge in EDGES if edge.source is status))
