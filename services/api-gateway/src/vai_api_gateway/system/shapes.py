"""The REST shape of /api/v1/system."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from vai_api_gateway.http.shapes import KindName, Shape
from vai_records.lifecycle.transitions import HeldFor

ProcessState = Literal["alive", "late", "stopping"]


class ProcessShape(Shape):
    """One running instance of a service."""

    name: str = Field(description="As in `workerId` of log entries.")
    service: str
    version: str | None
    kinds: list[KindName]
    slots: int
    slots_used: int = Field(description="By runs of all organisations.")
    state: ProcessState = Field(description="`late`: its last beat is more than 12 s old.")
    started_at: datetime
    beat_at: datetime


class LossShape(Shape):
    """A process that ended without saying so. Its runs were taken back."""

    name: str
    service: str
    version: str | None
    why: str
    started_at: datetime
    beat_at: datetime = Field(description="Its last sign of life.")
    lost_at: datetime = Field(description="When the last of its runs was taken back.")


class QueueShape(Shape):
    """What waits for workers of a kind. `queued`, `leased` and `oldestSeconds` are the organisation's own."""

    kind: KindName
    service: str
    workers: int = Field(description="Living processes that serve the kind; without one, its runs wait.")
    slots: int = Field(description="Of these processes together; a process may serve other kinds, too.")
    slots_used: int = Field(description="By runs of all kinds and organisations.")
    queued: int
    oldest_seconds: float | None = Field(description="How long the oldest of them has been queued.")
    leased: int


class JournalShape(Shape):
    """Events of all organisations that are not on Kafka yet."""

    unpublished: int
    oldest_seconds: float | None


class DatabaseShape(Shape):
    """`bytes` is measured every five minutes."""

    bytes: int
    connections: int = Field(description="Of all clients of the server.")
    connections_limit: int


class ConnectionLimitShape(Shape):
    id: UUID
    name: str
    slug: str
    max_running: int
    live: int


class LimitsShape(Shape):
    """How many runs may be live at once, and how many are: the organisation's own."""

    max_running: int | None
    live: int = Field(description="Queued and leased.")
    held: dict[HeldFor, int] = Field(description="Runs that wait before they may be claimed, by their reason.")
    connections: list[ConnectionLimitShape] = Field(description="Those with a limit, the first 50.")


class SystemShape(Shape):
    checked_at: datetime = Field(description="Numbers are kept for a few seconds.")
    version: str = Field(description="Of the gateway that answers.")
    processes: list[ProcessShape] = Field(description="500 at most.")
    processes_total: int
    losses: list[LossShape] = Field(description="The last 20 in 30 days.")
    queues: list[QueueShape]
    journal: JournalShape
    database: DatabaseShape
    limits: LimitsShape
    counted_up_to: int = Field(description="Where a number of runs or events stops counting.")
