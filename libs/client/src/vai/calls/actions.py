"""The calls about actions (document 001)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from vai.call import (
    API,
    PAGE,
    UNSET,
    Call,
    Page,
    Unset,
    get_call,
    given,
    held,
    instant,
    keyed,
    nothing,
    offset_list,
    prefer,
    segment,
)
from vai.models.answers import Action, Json, Run


def create(
    kind: str,
    name: str,
    definition: Json | None = None,
    *,
    slug: str | None = None,
    connection_id: str | None = None,
    template_id: str | None = None,
    labels: Mapping[str, str] | None = None,
    expose: bool | None = None,
) -> Call[Action]:
    """Save an action. Without `slug` the platform makes one from the name; with `expose` it is a tool over MCP."""
    body = given(
        kind=kind,
        name=name,
        definition=definition,
        slug=slug,
        connectionId=connection_id,
        templateId=template_id,
        labels=labels,
        expose=expose,
    )
    return Call("POST", f"{API}/actions", Action.read, body=body)


def get(action_id: str) -> Call[Action]:
    """The action with this id."""
    return get_call(f"/actions/{segment(action_id)}", Action.read)


def by_slug(slug: str) -> Call[Action]:
    """The action with this slug."""
    return get_call(f"/actions/slug/{segment(slug)}", Action.read)


def update(
    action_id: str,
    *,
    name: str | None = None,
    slug: str | None = None,
    status: str | None = None,
    definition: Json | None = None,
    connection_id: str | Unset | None = UNSET,
    labels: Mapping[str, str] | None = None,
    expose: bool | None = None,
    if_match: str | None = None,
) -> Call[Action]:
    """Change what is given; `definition` replaces the whole definition, `connection_id=None` clears it (decision 6).

    With `if_match`, its `etag`, only if nobody has changed it since you read it: ApiError 412.
    """
    body = given(name=name, slug=slug, status=status, definition=definition, labels=labels, expose=expose)
    if connection_id is not UNSET:
        body["connectionId"] = connection_id
    headers = {} if if_match is None else {"If-Match": if_match}
    return Call("PATCH", f"{API}/actions/{segment(action_id)}", Action.read, body=body, headers=headers)


def delete(action_id: str) -> Call[None]:
    """Hide the action; its runs stay readable."""
    return Call("DELETE", f"{API}/actions/{segment(action_id)}", nothing)


def listing(
    q: str | None = None,
    *,
    kinds: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    sort_by: str | None = None,
    order: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Action]]:
    """Actions, newest first unless sorted; `q` looks in name and slug."""
    query = given(q=q, kinds=kinds, statuses=statuses, label=label, sort_by=sort_by, order=order, limit=limit)
    return offset_list("/actions", "actions", Action, query, offset)


def run(
    action_id: str,
    definition_overrides: Json | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    scheduled_for: datetime | str | None = None,
    idempotency_key: str | None = None,
    wait: float | None = None,
    respond_async: bool = False,
) -> Call[Run]:
    """Run an action; the overrides are merged into its definition (RFC 7396). The others as in `runs.create`."""
    return Call(
        "POST",
        f"{API}/actions/{segment(action_id)}/run",
        Run.read,
        body=given(definitionOverrides=definition_overrides, labels=labels, scheduledFor=instant(scheduled_for)),
        headers=keyed(idempotency_key) | prefer(wait, respond_async),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )
