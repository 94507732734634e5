"""A run that is about to be made."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.messages.bell import HELD, ROOM
from vai_records.lifecycle.transitions import HeldFor
from vai_records.runs.row import KeptRun

_APART = "\x1f"


def own_key(*parts: object) -> str:
    """A key that the platform makes. No request can have it, since keys of requests have no control characters."""
    return _APART.join(map(str, parts))


def shown_key(key: str | None) -> str | None:
    """A key as people see it: without the control characters that keep the platform's own keys apart."""
    return key.replace(_APART, ":") if key else key


def is_repeat(first: KeptRun, mark: bytes | None, beside: tuple[str | None, UUID | None]) -> bool:
    """Whether the run of an idempotency key was made by the same request: fingerprint, concurrency key and parent."""
    return first["fingerprint"] == mark and (first["concurrency_key"], first["parent_run_id"]) == beside


COLUMNS = """id, org_id, action_id, connection_id, parent_run_id, retry_of, kind, phase, held_for, watched,
    definition, secrets, concurrency_key, idempotency_key, fingerprint, trigger_method, trigger_source_type,
    trigger_source_id, requires_approval, created_by, traceparent, may_rerun, approval_timeout_seconds, labels,
    scheduled_for"""
"""What the creating statement writes, in the order of `NewRun.columns`."""


@dataclass(frozen=True)
class NewRun:
    """The row of a new run. `held_for` comes from `held_for.admit`; None means queued."""

    org_id: UUID
    kind: str
    definition: dict[str, Any]
    trigger_method: str
    held_for: str | None = None
    trigger_source_type: str | None = None
    trigger_source_id: str | None = None
    action_id: UUID | None = None
    connection_id: UUID | None = None
    parent_run_id: UUID | None = None
    retry_of: UUID | None = None
    watched: bool = False
    secrets: bytes | None = None
    concurrency_key: str | None = None
    idempotency_key: str | None = None
    # a repeat with the same idempotency key must have the same (decision 14)
    fingerprint: bytes | None = None
    requires_approval: bool = False
    created_by: UUID | None = None
    traceparent: str | None = None
    # whether it may be done again after its worker was lost (decision 24); None: the database reads the definition
    may_rerun: bool | None = None
    approval_timeout_seconds: float | None = None
    # what people call it by; None where it has no labels
    labels: dict[str, str] | None = None
    # when it starts, if it is held for that
    scheduled_for: datetime | None = None
    id: UUID = field(default_factory=uuid7)

    @property
    def phase(self) -> str:
        return "held" if self.held_for else "queued"

    @property
    def ring(self) -> tuple[str, UUID]:
        """What the bell says after the commit: the run's kind or why it is held, and the id for that."""
        if self.held_for is None:
            return self.kind, self.id
        return (ROOM, self.org_id) if self.held_for == HeldFor.LIMIT else (HELD, self.id)

    @property
    def beside(self) -> tuple[str | None, UUID | None]:
        """What a repeat must have in common besides the fingerprint."""
        return self.concurrency_key, self.parent_run_id

    @property
    def keys(self) -> frozenset[str]:
        """Keys that no other run may have (see `vai_records.runs.statements.create`)."""
        retried = str(self.retry_of) if self.retry_of else None
        return frozenset(key for key in (self.idempotency_key, self.concurrency_key, retried) if key)

    def columns(self) -> tuple[Any, ...]:
        """The values of `COLUMNS`."""
        return (
            self.id,
            self.org_id,
            self.action_id,
            self.connection_id,
            self.parent_run_id,
            self.retry_of,
            self.kind,
            self.phase,
            self.held_for,
            self.watched,
            self.definition,
            self.secrets,
            self.concurrency_key,
            self.idempotency_key,
            self.fingerprint,
            self.trigger_method,
            self.trigger_source_type,
            self.trigger_source_id,
            self.requires_approval,
            self.created_by,
            self.traceparent,
            self.may_rerun,
            self.approval_timeout_seconds,
            self.labels,
            self.scheduled_for,
        )
