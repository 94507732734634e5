"""The columns of a run that code reads. Each is named here once; statements and answers are made from these types.

A column that is added to `ShownRun` is read, shown by the REST API under its name in camelCase, and stands in the
answer for a new run. Besides, it has to be in a migration, in the gateway's `RunShape` and in the client's `Run`.
Rows stay asyncpg's records: nothing is converted.
"""

from datetime import datetime
from typing import Any, NewType, TypedDict, get_type_hints
from uuid import UUID

Json = dict[str, Any]
JsonText = NewType("JsonText", str)
"""JSON that has not been read yet."""


class RunEnd(TypedDict):
    """The shown columns that a claim or an ending changes. The gRPC message `RunEnd` carries them, too."""

    status: str
    retry_count: int
    interrupt_count: int
    progress: Json | None
    result: Json | None
    error: Json | None
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class ShownRun(RunEnd):
    """The columns that the REST API shows."""

    id: UUID
    action_id: UUID | None
    approval_values: Json | None
    concurrency_key: str | None
    created_at: datetime
    definition: Json
    idempotency_key: str | None
    kind: str
    labels: dict[str, str] | None
    parent_run_id: UUID | None
    scheduled_for: datetime | None
    trigger_method: str
    trigger_source_id: str | None
    trigger_source_type: str | None


class RunRow(ShownRun):
    """The columns that reading a run needs; never its secrets."""

    org_id: UUID
    connection_id: UUID | None
    retry_of: UUID | None
    phase: str
    held_for: str | None
    control: str | None
    lease_owner: UUID | None
    fingerprint: bytes | None
    requires_approval: bool
    decided_at: datetime | None
    created_by: UUID | None
    due_at: datetime | None
    log_seq: int
    recovered: bool
    may_rerun: bool | None
    approval_timeout_seconds: float | None


class KeptRun(RunRow):
    """A run that may have been deleted: its row stays for a while."""

    deleted_at: datetime | None


class ListedRun(RunRow):
    """A run of a list: what was too large is left out, and its mark is true."""

    definition_cut: bool
    progress_cut: bool
    result_cut: bool
    error_cut: bool
    approval_values_cut: bool


class ChangedRun(ListedRun, KeptRun):
    """A run in the stream of changes."""


class ClaimedRun(TypedDict):
    """What a worker needs of a run that it claims. It reads a definition once for all runs that have the same."""

    id: UUID
    org_id: UUID
    action_id: UUID | None
    connection_id: UUID | None
    retry_of: UUID | None
    kind: str
    status: str
    phase: str
    epoch: int
    lease_owner: UUID
    due_at: datetime
    recovered: bool
    retry_count: int
    control: str | None
    definition: JsonText
    secrets: bytes | None
    progress: Json | None
    started_at: datetime
    traceparent: str | None
    may_rerun: bool | None
    waits_since: datetime | None


class EndedRun(RunEnd):
    """What is needed of a run after its end."""

    id: UUID
    org_id: UUID
    action_id: UUID | None
    kind: str
    phase: str
    epoch: int
    watched: bool
    traceparent: str | None


def columns(row: type) -> tuple[str, ...]:
    """The names of a row type's columns, for a statement."""
    return tuple(get_type_hints(row))


def blank(row: type) -> dict[str, Any]:
    """An empty row: counters are 0, booleans false, and the rest is NULL."""
    nothing: dict[object, object] = {int: 0, bool: False}
    return {name: nothing.get(kind) for name, kind in get_type_hints(row).items()}
