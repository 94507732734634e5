"""The calls about automations (document 002)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from vai.call import API, PAGE, Call, Page, get_call, given, held, instant, keyed, nothing, offset_list, prefer, segment
from vai.models.answers import Json
from vai.models.automations import Automation, AutomationRun, Backfill

GraphFormat = Literal["mermaid", "svg"]


def create(body: Json) -> Call[Automation]:
    """Save an automation, as document 002 writes it. A webhook's secret is in the answer's `trigger`, and only there.

    Without `slug` the platform makes one from the name.
    """
    return Call("POST", f"{API}/automations", Automation.read, body=body)


def validate(body: Json) -> Call[Json]:
    """Check an automation without saving it. The answer says how it was understood. Raises Invalid."""
    return Call("POST", f"{API}/automations/validate", dict, body=body)


def get(automation_id: str) -> Call[Automation]:
    """The automation with this id."""
    return get_call(f"/automations/{segment(automation_id)}", Automation.read)


def by_slug(slug: str) -> Call[Automation]:
    """The automation with this slug."""
    return get_call(f"/automations/slug/{segment(slug)}", Automation.read)


def body(automation_id: str) -> Call[Json]:
    """The arguments with which `create` makes an equal automation, without its slug and its secrets."""
    return get_call(f"/automations/{segment(automation_id)}/body", dict)


def update(automation_id: str, parts: Json, *, if_match: str | None = None) -> Call[Automation]:
    """Change what `parts` names; runs that go on keep the steps that they began with.

    With `if_match`, its `etag`, only if nobody has changed it since you read it: ApiError 412.
    """
    headers = {} if if_match is None else {"If-Match": if_match}
    return Call("PATCH", f"{API}/automations/{segment(automation_id)}", Automation.read, body=parts, headers=headers)


def delete(automation_id: str) -> Call[None]:
    """Hide the automation; its runs stay readable. Conflict while one of them goes on."""
    return Call("DELETE", f"{API}/automations/{segment(automation_id)}", nothing)


def pause(automation_id: str) -> Call[Automation]:
    """Stop its triggers. Runs go on, and `trigger` still works."""
    return Call("POST", f"{API}/automations/{segment(automation_id)}/pause", Automation.read)


def resume(automation_id: str) -> Call[Automation]:
    """Let its triggers fire again, from now on."""
    return Call("POST", f"{API}/automations/{segment(automation_id)}/resume", Automation.read)


def listing(
    q: str | None = None,
    *,
    statuses: Sequence[str] | None = None,
    triggers: Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    sort_by: str | None = None,
    order: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Automation]]:
    """Automations, newest first unless sorted; `q` looks in name and slug."""
    filters = given(q=q, statuses=statuses, triggers=triggers, label=label)
    query = filters | given(sort_by=sort_by, order=order, limit=limit)
    return offset_list("/automations", "automations", Automation, query, offset)


def trigger(
    automation_id: str,
    inputs: Json | None = None,
    *,
    event: Json | None = None,
    labels: Mapping[str, str] | None = None,
    scheduled_for: datetime | str | None = None,
    idempotency_key: str | None = None,
    wait: float | None = None,
) -> Call[AutomationRun]:
    """Start it by hand. `wait` (seconds, at most 60) holds the answer until its run has ended.

    `event` stands in for what another trigger would bring; `labels` are besides those of the automation;
    `scheduled_for` lets it begin at that time. With an idempotency key the call is repeated where it may have been
    lost.
    """
    return Call(
        "POST",
        f"{API}/automations/{segment(automation_id)}/trigger",
        AutomationRun.read,
        body=given(inputs=inputs, event=event, labels=labels, scheduledFor=instant(scheduled_for)),
        headers=keyed(idempotency_key) | prefer(wait),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )


def backfill(
    automation_id: str,
    since: datetime | str,
    until: datetime | str | None = None,
    *,
    dry_run: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Call[Backfill]:
    """Make up for the times of its schedule from `since` until now, or `until`: one after another, the oldest first.

    A time that has an automation run gets no second one, unless it was skipped, so that the call may
    be repeated. With `dry_run` the answer shows the times, and nothing is made.
    """
    body = given(since=instant(since), until=instant(until), dryRun=dry_run or None, labels=labels)
    path = f"{API}/automations/{segment(automation_id)}/backfill"
    return Call("POST", path, Backfill.read, body=body, repeatable=True)


def graph(automation_id: str, format: GraphFormat = "mermaid") -> Call[str]:
    """A drawing of its steps: Mermaid text or SVG."""
    return drawing(f"{API}/automations/{segment(automation_id)}/graph", format)


def drawing(path: str, format: GraphFormat) -> Call[str]:
    headers = {"Accept": "image/svg+xml" if format == "svg" else "text/vnd.mermaid"}
    return Call("GET", path, str, query={"format": format}, headers=headers, repeatable=True, text=True)
