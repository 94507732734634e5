"""Automations in a database, saved and started as the gateway does it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vai_common.ids import uuid7
from vai_common.queries import Queries
from vai_records.automations import runs, versions
from vai_records.automations.body import AutomationBody
from vai_records.automations.runs import NewAutomationRun
from vai_records.automations.saved_steps import Context, SavedAction, saved_steps
from vai_records.automations.versions import NewVersion

NOOP: dict[str, Any] = {"kind": "dlt_extract", "definition": {"source": "noop"}}
"""The work of a step that does nothing."""

_SAVE = """
INSERT INTO automations (id, org_id, name, slug, version_id, trigger, event_type, due_at, status, labels)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


@dataclass(frozen=True)
class Saved:
    """An automation and its version."""

    id: UUID
    org_id: UUID
    version_id: UUID

    def run(self, **columns: Any) -> NewAutomationRun:
        """An automation run that is about to be made, started by hand unless the test says otherwise."""
        usual = {"org_id": self.org_id, "automation_id": self.id, "version_id": self.version_id}
        return NewAutomationRun(**{**usual, "triggered_by": "manual", **columns})


async def save(
    conn: Queries, org_id: UUID, body: dict[str, Any], *, actions: dict[str, SavedAction] | None = None, **columns: Any
) -> Saved:
    """Saves an automation (document 002's JSON); `columns` may be due_at, status, and the `keyring` that seals it."""
    given = AutomationBody.model_validate({"name": "an automation", **body})
    declared = {name: one.model_dump(mode="json") for name, one in (given.inputs or {}).items()}
    steps, secrets = saved_steps(
        given.steps or given.actions or [],
        Context(declared, actions or {}),
        ("body", "steps"),
        in_sequence=given.actions is not None,
    )
    definition = {
        "inputs": declared,
        "conditions": [one.model_dump(mode="json") for one in given.conditions],
        "steps": steps,
        "max_parallel": given.max_parallel,
    }
    saved, trigger = Saved(uuid7(), org_id, uuid7()), given.trigger.stored()
    keyring = columns.get("keyring")
    sealed = keyring.encrypt_json(secrets, org_id, saved.version_id) if keyring and secrets else None
    await versions.write(conn, NewVersion(saved.version_id, saved.id, org_id, definition, sealed, None))
    name = given.slug or f"automation-{saved.id.hex[-12:]}"
    status = columns.get("status", "active" if given.enabled else "paused")
    values = (given.name, name, saved.version_id, trigger, trigger.get("eventType"), columns.get("due_at"), status)
    await conn.execute(_SAVE, saved.id, org_id, *values, given.labels)
    return saved


async def start(conn: Queries, saved: Saved, **columns: Any) -> UUID:
    """Makes an automation run; rings nobody."""
    new = saved.run(**columns)
    assert await runs.create(conn, [new]) == {new.id}
    return new.id


async def states(conn: Queries, run_id: UUID) -> dict[str, str]:
    """Where the steps of an automation run stand, by key."""
    rows = await conn.fetch("SELECT key, state FROM automation_steps WHERE automation_run_id = $1", run_id)
    return {row["key"]: row["state"] for row in rows}
