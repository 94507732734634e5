"""The log entries and events of automation runs."""

from typing import Any

from vai_records.automations.advance import Skip, StepStatus, shown_state
from vai_records.automations.runs import Live
from vai_records.automations.steps import Change, Notes

Json = dict[str, Any]

_WORDS = {
    StepStatus.RUNNING: ("info", "step_started", "{key} started"),
    StepStatus.COMPLETED: ("info", "step_completed", "{key} completed"),
    StepStatus.FAILED: ("error", "step_failed", "{key} failed: {why}"),
    StepStatus.CANCELLED: ("warning", "step_cancelled", "{key} was cancelled"),
    StepStatus.REJECTED: ("warning", "step_rejected", "{key} was rejected"),
    StepStatus.SKIPPED: ("info", "step_skipped", "{key} is skipped: {why}"),
    StepStatus.PASSED_BY: ("info", "step_skipped", "{key} is skipped: {why}"),
}
_ENDS = {
    StepStatus.COMPLETED: ("info", "automation_completed", "The automation completed"),
    StepStatus.FAILED: ("error", "automation_failed", "The automation failed"),
    StepStatus.CANCELLED: ("warning", "automation_cancelled", "The automation was cancelled"),
}


def tell_change(notes: Notes, change: Change) -> None:
    """The status of a step has changed."""
    notes.changes[change.key] = change
    level, word, message = _WORDS[change.state]
    why = (change.error or {}).get("message") or change.reason or "see its run"
    data = {
        "step": change.key,
        "state": shown_state(change.state),
        "runId": str(change.run_id) if change.run_id else None,
        "port": change.port,
        "reason": change.reason,
        "error": change.error,
    }
    notes.entries.append((level, word, message.format(key=change.key, why=why), data))


def tell_skip(notes: Notes, key: str, skip: Skip) -> None:
    tell_change(notes, Change(key, skip.state, reason=skip.reason))


def tell_start(notes: Notes, live: Live) -> None:
    """The first look: the automation run begins."""
    notes.entries.append(("info", "automation_started", "The automation started", {"triggeredBy": live.triggered_by}))
    notes.events.append(("automation.started", _event(live, "running", None)))


def tell_end(notes: Notes, live: Live, ended: StepStatus, error: Json | None) -> None:
    """All steps are over, or the automation run could not begin."""
    level, word, message = _ENDS[ended]
    why = f"{message}: {error['message']}" if error else message
    notes.status, notes.error = ended.value, error
    notes.entries.append((level, word, why, {"error": error} if error else {}))
    notes.events.append((f"automation.{ended.value}", _event(live, ended.value, error)))


def tell_outcome(notes: Notes, outcome: str, reason: str, data: Json) -> None:
    """Completed without a step (decision 40): it is visible but has no event."""
    notes.status, notes.outcome, notes.reason = "completed", outcome, reason
    notes.entries.append(("info", f"automation_{outcome}", reason, data))


def tell_cut_off(notes: Notes, error: Json) -> None:
    """Failed before it began, without an event: the event might lead here again."""
    notes.status, notes.error = "failed", error
    notes.entries.append(("error", "automation_failed", error["message"], {"error": error}))


def _event(live: Live, status: str, error: Json | None) -> Json:
    return {
        "automationRunId": str(live.id),
        "automationId": str(live.automation_id),
        "name": live.name,
        "slug": live.slug,
        "status": status,
        "triggeredBy": live.triggered_by,
        "createdAt": live.created_at.isoformat(),
        "error": error,
        "parentRunId": str(live.parent_run_id) if live.parent_run_id else None,
        "retryOf": str(live.retry_of) if live.retry_of else None,
        "depth": live.depth,
    }
