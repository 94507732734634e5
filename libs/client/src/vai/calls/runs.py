"""The calls about runs (document 003)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vai.call import (
    API,
    PAGE,
    Call,
    Conversation,
    Page,
    given,
    held,
    instant,
    keyed,
    nothing,
    offset_list,
    prefer,
    segment,
)
from vai.errors import UnexpectedAnswer
from vai.models.answers import Json, Run
from vai.models.people import BatchResult, BulkAnswer, BulkResult

from .waiting import until_ended


def create(
    kind: str,
    definition: Json | None = None,
    *,
    idempotency_key: str | None = None,
    concurrency_key: str | None = None,
    parent_action_run_id: str | None = None,
    labels: Mapping[str, str] | None = None,
    scheduled_for: datetime | str | None = None,
    wait: float | None = None,
    respond_async: bool = False,
    defer: bool = False,
) -> Call[Run]:
    """Make a run and start it (decision 12).

    `wait` (seconds, at most 60) holds the answer until the run ends, `respond_async` answers at once even for SYNC
    kinds, `defer` only creates, `scheduled_for` lets it start at that time. With an idempotency key the call is
    repeated where it may have been lost.
    """
    body = given(
        kind=kind,
        definition=definition,
        idempotencyKey=idempotency_key,
        concurrencyKey=concurrency_key,
        parentActionRunId=parent_action_run_id,
        labels=labels,
        scheduledFor=instant(scheduled_for),
    )
    return Call(
        "POST",
        f"{API}/action-runs",
        Run.read,
        query={"defer": "true"} if defer else {},
        body=body,
        headers=prefer(wait, respond_async),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )


def create_many(bodies: Sequence[Json], *, idempotency_key: str | None = None) -> Call[list[BatchResult]]:
    """Make up to 1,000 runs at once, each judged on its own; `bodies` are as the REST API takes them (`kind`, …).

    The results have the same order. It does not wait for the runs. With an idempotency key the call is repeated if it
    may have been lost: a body without its own key gets this key with its index.
    """

    def read(data: Any) -> list[BatchResult]:
        try:
            return [BatchResult.read(each) for each in data["results"]]
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"these are not the results of a batch: {error!r}") from error

    return Call(
        "POST",
        f"{API}/action-runs/batch",
        read,
        body={"runs": [*bodies]},
        headers=keyed(idempotency_key),
        repeatable=idempotency_key is not None,
    )


def get(run_id: str, *, wait: float | None = None) -> Call[Run]:
    """The run as it stands; `wait` (seconds, at most 60) holds the answer until it has ended."""
    path = f"{API}/action-runs/{segment(run_id)}"
    return Call("GET", path, Run.read, headers=prefer(wait), patience=held(wait), repeatable=True)


def listing(
    *,
    status: str | Sequence[str] | None = None,
    kind: str | Sequence[str] | None = None,
    action_id: str | None = None,
    parent_action_run_id: str | None = None,
    connection_id: str | None = None,
    automation_id: str | None = None,
    trigger_method: str | Sequence[str] | None = None,
    trigger_source_id: str | None = None,
    created_by: str | None = None,
    created_from: datetime | str | None = None,
    created_until: datetime | str | None = None,
    label: str | Sequence[str] | None = None,
    q: str | None = None,
    sort_by: str | None = None,
    order: str | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> Call[Page[Run]]:
    """Runs, newest first unless sorted (`created_at`, `updated_at`). A run matches all filters that are given.

    `label` is `key=value`, or `key` for any value; `q` a part of the action's name, of a key or of the error.
    """
    query = given(
        status=status,
        kind=kind,
        action_id=action_id,
        parent_action_run_id=parent_action_run_id,
        connection_id=connection_id,
        automation_id=automation_id,
        trigger_method=trigger_method,
        trigger_source_id=trigger_source_id,
        created_by=created_by,
        created_from=instant(created_from),
        created_until=instant(created_until),
        label=label,
        q=q,
        sort_by=sort_by,
        order=order,
        limit=limit,
    )
    return offset_list("/action-runs", "runs", Run, query, offset)


def bulk(
    operation: str,
    run_ids: Sequence[str] | None = None,
    *,
    filters: Json | None = None,
    reason: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    idempotency_key: str | None = None,
) -> Call[BulkAnswer]:
    """Cancel, retry, approve, reject, pause, resume or delete up to 1,000 runs: by ids, or those that match `filters`.

    `filters` have the names of the REST API (`{"status": ["failed"], "label": ["team=finance"]}`). Each run is decided
    alone. While `next_cursor` of the answer is not None more runs match: ask again with it as `cursor`.
    """

    def read(data: Any) -> BulkAnswer:
        try:
            return BulkAnswer([BulkResult.read(each) for each in data["results"]], data["nextCursor"])
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"these are not the results of a decision about runs: {error!r}") from error

    ids = None if run_ids is None else [*run_ids]
    body = given(operation=operation, runIds=ids, filters=filters, reason=reason, limit=limit, cursor=cursor)
    repeatable = operation != "retry" or idempotency_key is not None
    return Call(
        "POST", f"{API}/action-runs/bulk", read, body=body, headers=keyed(idempotency_key), repeatable=repeatable
    )


def run_again(
    run_id: str,
    definition_overrides: Json | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    scheduled_for: datetime | str | None = None,
    idempotency_key: str | None = None,
    wait: float | None = None,
    respond_async: bool = False,
) -> Call[Run]:
    """A new run with the definition of an ended run, from the beginning. Overrides are merged in (RFC 7396).

    Without `labels` it has those of the run. The others as in `create`.
    """
    return Call(
        "POST",
        f"{API}/action-runs/{segment(run_id)}/run-again",
        Run.read,
        body=given(definitionOverrides=definition_overrides, labels=labels, scheduledFor=instant(scheduled_for)),
        headers=keyed(idempotency_key) | prefer(wait, respond_async),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )


def delete(run_id: str) -> Call[None]:
    """Hide the run; the record stays. Conflict while it lives."""
    return Call("DELETE", f"{API}/action-runs/{segment(run_id)}", nothing)


def _on(run_id: str, verb: str, wait: float | None = None, body: Json | None = None) -> Call[Run]:
    path = f"{API}/action-runs/{segment(run_id)}/{verb}"
    return Call("POST", path, Run.read, body=body, headers=prefer(wait), patience=held(wait))


def approve(run_id: str, values: Json | None = None, *, wait: float | None = None) -> Call[Run]:
    """Let a run that awaits approval go on; `values` fill in what its definition's `approval_fields` ask for.

    Raises Invalid that names each field.
    """
    return _on(run_id, "approve", wait, body=None if values is None else {"values": values})


def reject(run_id: str, reason: str | None = None) -> Call[Run]:
    """Refuse a run that awaits approval."""
    return _on(run_id, "reject", body=given(reason=reason))


def cancel(run_id: str) -> Call[Run]:
    """Stop a run for good; one that is being worked on stops within 5 s (decision 20)."""
    return _on(run_id, "cancel")


def pause(run_id: str) -> Call[Run]:
    """Hold a run; heavy work stops at the end of its slice."""
    return _on(run_id, "pause")


def resume(run_id: str, *, wait: float | None = None) -> Call[Run]:
    """Let a paused run go on from its checkpoint."""
    return _on(run_id, "resume", wait)


def execute(run_id: str, *, wait: float | None = None) -> Call[Run]:
    """Start a waiting run; of one that has started or ended, the run as it is (decision 13)."""
    return _on(run_id, "execute", wait)


def retry(run_id: str, *, idempotency_key: str | None = None, wait: float | None = None) -> Call[Run]:
    """A new run that goes on from where a failed one stopped (decision 19). The key as in `create`."""
    return Call(
        "POST",
        f"{API}/action-runs/{segment(run_id)}/retry",
        Run.read,
        headers=keyed(idempotency_key) | prefer(wait),
        patience=held(wait),
        repeatable=idempotency_key is not None,
    )


def wait(run_id: str, timeout: float | None = None) -> Conversation[Run]:
    """Wait until the run has ended, and return it. After `timeout` seconds, return it as it is then."""
    return until_ended(lambda hold: get(run_id, wait=hold), timeout)
