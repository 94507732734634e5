"""What the platform answers about itself, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime

from .answers import Answer, Json


@dataclass(frozen=True, kw_only=True)
class Process(Answer):
    """One running instance of a service. `slots_used` is by runs of all organisations."""

    name: str
    service: str
    state: str
    started_at: datetime
    beat_at: datetime
    version: str | None = None
    kinds: list[str] = field(default_factory=list)
    slots: int = 0
    slots_used: int = 0


@dataclass(frozen=True, kw_only=True)
class Loss(Answer):
    """A process that ended without saying so."""

    name: str
    service: str
    why: str
    lost_at: datetime


@dataclass(frozen=True, kw_only=True)
class Queue(Answer):
    """What waits for workers of a kind; `queued`, `leased` and `oldest_seconds` are the organisation's own."""

    kind: str
    service: str
    workers: int = 0
    slots: int = 0
    slots_used: int = 0
    queued: int = 0
    leased: int = 0
    oldest_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class System(Answer):
    """How the installation is, as far as an organisation's administrator sees it."""

    checked_at: datetime
    version: str
    processes: list[Process]
    queues: list[Queue]
    journal: Json
    database: Json
    limits: Json
    processes_total: int = 0
    counted_up_to: int = 0
    losses: list[Loss] = field(default_factory=list)
