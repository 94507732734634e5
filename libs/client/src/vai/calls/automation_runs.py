"""The calls about automation runs (document 002)."""

from collections.abc import Sequence
from typing import Literal

from vai.call import API, PAGE, Call, Conversation, Page, given, held, keyed, nothing, offset_list, prefer, segment
from vai.models.automations import AutomationRun

from .automations import GraphFormat, drawing
from .waiting import until_ended

Version = Literal["same", "latest"]


def listing(
    automation_id: str | None = None,
    *,
    status: str | Sequence[str] | None = None,
    triggered_by: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[AutomationRun]]:
    """Automation runs, newest first, without their steps; `label` is `key=value`, or `key` for any value."""
    query = given(automation_id=automation_id, status=status, triggered_by=triggered_by, label=label, limit=limit)
    return offset_list("/automation-runs", "automationRuns", AutomationRun, query, offset)


def get(run_id: str, *, wait: float | None = None) -> Call[AutomationRun]:
    """The automation run with every step; `wait` (seconds, at most 60) holds the answer until it has ended."""
    return Call("GET", _path(run_id), AutomationRun.read, headers=prefer(wait), patience=held(wait), repeatable=True)


def cancel(run_id: str, *, wait: float | None = None) -> Call[AutomationRun]:
    """Start none of its steps any more, and cancel what runs."""
    path = _path(run_id, "/cancel")
    return Call("POST", path, AutomationRun.read, headers=prefer(wait), patience=held(wait))


def execute(run_id: str, *, wait: float | None = None) -> Call[AutomationRun]:
    """Start a scheduled one before its time. One that has begun or ended is answered as it is."""
    path = _path(run_id, "/execute")
    return Call("POST", path, AutomationRun.read, headers=prefer(wait), patience=held(wait), repeatable=True)


def retry(
    run_id: str,
    *,
    version: Version | None = None,
    from_step: str | None = None,
    idempotency_key: str | None = None,
    wait: float | None = None,
) -> Call[AutomationRun]:
    """A new automation run from the steps that failed; what succeeded is kept.

    With `from_step` that step and all after it run again, too, also of a run that completed. It uses the version of the
    old automation run. With `version="latest"` it uses the present automation, and changed steps run again. With an
    idempotency key the call is repeated if it may have been lost.
    """
    return Call(
        "POST",
        _path(run_id, "/retry"),
        AutomationRun.read,
        body=given(version=version, fromStep=from_step) or None,
        headers=keyed(idempotency_key) | prefer(wait),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )


def wait(run_id: str, timeout: float | None = None) -> Conversation[AutomationRun]:
    """Wait until it has ended, and return it. After `timeout` seconds, return it as it is then."""
    return until_ended(lambda hold: get(run_id, wait=hold), timeout)


def stream(run_id: str, after: str | None = None) -> Call[None]:
    """The changes of its steps as server-sent events, after the entry `after`."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    return Call("GET", _path(run_id, "/stream"), nothing, headers=headers, repeatable=True)


def graph(run_id: str, format: GraphFormat = "mermaid") -> Call[str]:
    """A drawing of its steps with their states and durations: Mermaid text or SVG."""
    return drawing(_path(run_id, "/graph"), format)


def _path(run_id: str, rest: str = "") -> str:
    return f"{API}/automation-runs/{segment(run_id)}{rest}"
