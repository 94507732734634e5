"""The kind `call_automation`: starts another automation once, waits without a slot, returns its results (document
002).
"""

from typing import Any
from uuid import UUID

from vai_common.errors import ErrorCode, Permanent
from vai_common.ids import uuid7
from vai_common.messages.bell import AUTOMATION, Bell
from vai_common.queries import Queries
from vai_records.automations import automations, calls, causes, runs
from vai_records.automations.causes import DEFAULT_MOST, Wanted
from vai_records.automations.runs import NewAutomationRun
from vai_records.definitions.call_automation import CallAutomation as Definition
from vai_worker.kind import Park
from vai_worker.owned import Owned


class CallAutomation:
    """The first claim makes the automation run and parks the caller. The claim after its end returns its results."""

    name = "call_automation"
    reads = Definition

    def __init__(self, bell: Bell, most_from_one_cause: int = DEFAULT_MOST) -> None:
        self._bell = bell
        self._most = most_from_one_cause

    async def perform(self, run: Owned) -> dict[str, Any]:
        definition = run.definition_as(Definition)
        steps: dict[str, Any] = {}
        async with run.guarded() as conn:
            called = await calls.called_by(conn, run.id)
            new = None if called is not None else await _call(conn, run, definition, self._most)
            if called is not None and called.status == "completed":
                steps = await calls.results(conn, called.id)
        if new is not None:
            self._bell.ring(AUTOMATION, [new.id])
            raise Park(new.id, f"Waiting for automation run {new.id}")
        assert called is not None
        if called.status == "running":
            raise Park(called.id, f"Waiting for automation run {called.id}")
        await _tell_what_is_left_out(run, steps)
        return _result(called, steps)


async def _tell_what_is_left_out(run: Owned, steps: dict[str, Any]) -> None:
    """Log the results that are too large to return (rule 26)."""
    left_out = [key for key, step in steps.items() if step.get("result_truncated")]
    if left_out:
        most = calls.MOST_BYTES >> 20
        message = (
            f"The results of {', '.join(left_out[:10])} are not handed back: a call hands back {most} MiB in all. "
            "They stay with their own runs; let large data go through tables of the lake."
        )
        await run.log("result_truncated", message, {"steps": left_out}, "warning")


async def _call(conn: Queries, run: Owned, definition: Definition, most: int) -> NewAutomationRun:
    found = await automations.to_start(conn, run.org_id, definition.automation)
    if found is None:
        message = f"There is no automation {definition.automation!r}; name one by its id or its slug."
        raise Permanent(ErrorCode.DATA_ERROR, message)
    wanted = await _wanted(conn, run, found.version_id)
    (judged,) = await causes.judge(conn, [wanted], most)
    if judged.why is not None:
        raise Permanent(ErrorCode.DATA_ERROR, judged.why, {"depth": wanted.depth, "cause": str(wanted.cause_id)})
    new = NewAutomationRun(
        org_id=run.org_id,
        automation_id=found.id,
        version_id=found.version_id,
        triggered_by="automation",
        trigger_key=f"call:{run.id}",
        inputs=definition.inputs,
        depth=wanted.depth,
        cause_id=wanted.cause_id,
        parent_run_id=run.id,
        traceparent=run.traceparent,
    )
    await runs.create(conn, [new])
    return new


async def _wanted(conn: Queries, run: Owned, version_id: UUID) -> Wanted:
    """The cause of the new automation run. The calling run may itself be a step of an automation run, which may have
    been called or triggered by another one.

    A run that a person made is its own cause.
    """
    led_by = await causes.automation_runs_of(conn, [run.id])
    source = (await causes.sources(conn, led_by.values())).get(led_by.get(run.id, run.id))
    return Wanted(uuid7(), 1, version_id) if source is None else Wanted(source.cause_id, source.depth + 1, version_id)


_ENDED = {"cancelled": "was cancelled", "rejected": "was rejected"}


def _result(called: calls.Called, steps: dict[str, Any]) -> dict[str, Any]:
    """The steps with their results. If the automation run failed, the caller fails, too."""
    if called.status != "completed":
        error = called.error or {}
        said = f": {error['message']}" if error.get("message") else ""
        details = {"automation_run_id": str(called.id), "status": called.status, "error": called.error}
        raise Permanent(
            _code(error), f"The called automation {_ENDED.get(called.status, called.status)}{said}", details
        )
    return {
        "automation_run_id": str(called.id),
        "status": called.status,
        "outcome": called.outcome,
        "steps": steps,
    }


def _code(error: dict[str, Any]) -> ErrorCode:
    code = error.get("code")
    return ErrorCode(code) if code in set(ErrorCode) else ErrorCode.DATA_ERROR
