"""A scheduler that does what a test says: begins automation runs, starts and ends their steps, ends them."""

from typing import Any
from uuid import UUID

from vai_common import db
from vai_common.ids import uuid7
from vai_records.automations import steps
from vai_records.automations.advance import StepStatus
from vai_records.automations.plan import Plan
from vai_records.automations.steps import Change, Notes
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun

_READ = """
SELECT a.org_id, a.retry_of, v.definition FROM automation_runs a JOIN automation_versions v ON v.id = a.version_id
WHERE a.id = $1
"""


class Scheduling:
    """Each call is a session of its own, as the scheduler's role."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._id = uuid7()

    async def begin(self, run_id: UUID | str) -> None:
        """The first look: its steps are written, all waiting but those that a retry keeps."""
        conn = await db.connect(self._url, "scheduler")
        try:
            [row] = await conn.fetch(_READ, UUID(str(run_id)))
            await steps.open_steps(conn, UUID(str(run_id)), Plan.of(row["definition"]), row["retry_of"])
        finally:
            await conn.close()
        await self._note(run_id, Notes(entries=[("info", "automation_started", "started", {})]))

    async def start(self, run_id: UUID | str, key: str, kind: str = "dlt_extract", **columns: Any) -> str:
        """waiting → running, with a run that is queued unless `columns` say otherwise; its id."""
        conn = await db.connect(self._url, "scheduler")
        try:
            [row] = await conn.fetch(_READ, UUID(str(run_id)))
            new = NewRun(
                row["org_id"],
                kind,
                {"source": "noop"},
                "automation",
                trigger_source_type="automation_run",
                trigger_source_id=str(run_id),
                **columns,
            )
            assert await statements.create(conn, [new])
        finally:
            await conn.close()
        await self.change(run_id, Change(key, StepStatus.RUNNING, new.id))
        return str(new.id)

    async def change(self, run_id: UUID | str, *changes: Change) -> None:
        """Steps stand elsewhere now, and the log tells of each."""
        notes = Notes(changes={change.key: change for change in changes})
        for change in changes:
            word = "started" if change.state is StepStatus.RUNNING else change.state.value
            data = {"step": change.key, "state": change.state.value, "port": change.port, "reason": change.reason}
            notes.entries.append(("info", f"step_{word}", f"{change.key} {word}", data))
        await self._note(run_id, notes)

    async def end(self, run_id: UUID | str, status: str = "completed", **columns: Any) -> None:
        """`columns` may be outcome, reason, error."""
        notes = Notes(entries=[("info", f"automation_{status}", status, {})], status=status, **columns)
        await self._note(run_id, notes)

    async def _note(self, run_id: UUID | str, notes: Notes) -> None:
        conn = await db.connect(self._url, "scheduler")
        try:
            await steps.note(conn, UUID(str(run_id)), notes, self._id, "scheduler-1")
        finally:
            await conn.close()
