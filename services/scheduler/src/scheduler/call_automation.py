"""Another automation as a step: started once, waited for without a slot, its results handed back (document 002)."""

from typing import Any

from common.bell import AUTOMATION, Bell
from common.errors import ErrorCode, Permanent
from records.automations import automations, calls, runs
from records.automations.runs import NewAutomationRun
from records.definitions.call_automation import CallAutomation as Definition
from scheduler.opening import DEEPEST
from worker.kind import Park
from worker.owned import Owned


class CallAutomation:
    """The first claim makes the automation run and parks; the claim after its end hands on what it came to."""

    name = "call_automation"

    def __init__(self, bell: Bell) -> None:
        self._bell = bell

    async def perform(self, run: Owned) -> dict[str, Any]:
        definition = Definition.model_validate(run.definition)
        steps: dict[str, Any] = {}
        async with run.guarded() as conn:
            called = await calls.called_by(conn, run.id)
            new = None if called is not None else await _call(conn, run, definition)
            if called is not None and called.status == "completed":
                steps = await calls.results(conn, called.id)
        if new is not None:
            self._bell.ring(AUTOMATION, [new.id])
            raise Park(new.id, f"Waiting for automation run {new.id}")
        assert called is not None
        if called.status == "running":
            raise Park(called.id, f"Waiting for automation run {called.id}")
        return _result(called, steps)


async def _call(conn: Any, run: Owned, definition: Definition) -> NewAutomationRun:
    found = await automations.to_start(conn, run.org_id, definition.automation)
    if found is None:
        message = f"There is no automation {definition.automation!r}; name one by its id or its slug."
        raise Permanent(ErrorCode.DATA_ERROR, message)
    depth = await calls.depth_of(conn, run.id)
    if depth > DEEPEST:
        message = f"{DEEPEST} automations have called each other in a row; one of them seems to call itself."
        raise Permanent(ErrorCode.DATA_ERROR, message, {"depth": depth})
    new = NewAutomationRun(
        org_id=run.org_id,
        automation_id=found.id,
        version_id=found.version_id,
        triggered_by="automation",
        trigger_key=f"call:{run.id}",
        inputs=definition.inputs,
        depth=depth,
        parent_run_id=run.id,
        traceparent=run.traceparent,
    )
    await runs.create(conn, [new])
    return new


def _result(called: calls.Called, steps: dict[str, Any]) -> dict[str, Any]:
    """Its steps with their results; a failure is the caller's failure, too."""
    if called.status != "completed":
        error = called.error or {}
        said = error.get("message") or called.status
        details = {"automation_run_id": str(called.id), "status": called.status, "error": called.error}
        raise Permanent(_code(error), f"The called automation {called.status}: {said}", details)
    return {
        "automation_run_id": str(called.id),
        "status": called.status,
        "outcome": called.outcome,
        "steps": steps,
    }


def _code(error: dict[str, Any]) -> ErrorCode:
    code = error.get("code")
    return ErrorCode(code) if code in set(ErrorCode) else ErrorCode.DATA_ERROR
