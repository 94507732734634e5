"""Automation runs that people start, wait for, stop and retry (document 002; decisions 20, 40)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.automations.shapes import TriggerBody
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.answers import answer
from vai_api_gateway.http.idempotency import is_same
from vai_api_gateway.lifecycle import Decisions
from vai_api_gateway.problems import conflict
from vai_api_gateway.runs.request_orders import start_of
from vai_api_gateway.runs.waiters import Preference
from vai_common import clock
from vai_common.ids import uuid7
from vai_common.messages.bell import AUTOMATION
from vai_common.queries import Row
from vai_common.telemetry import current_traceparent
from vai_records.automations import automations, run_reads, runs
from vai_records.automations.body import SECRET
from vai_records.automations.inputs import Wrong, apart, secret_names, secret_text_fault, wrong_inputs
from vai_records.automations.runs import NewAutomationRun
from vai_records.refused import Fault, Refused, refused
from vai_records.runs.new_run import own_key

Json = dict[str, Any]


async def by_hand(
    gateway: Gateway, principal: Principal, request: Request, row: Row, body: TriggerBody, key: str | None
) -> Response:
    """Makes an automation run and answers it: 201, or 200 where another request with the key was faster."""
    declared, run_id = row["definition"]["inputs"], uuid7()
    _check_inputs(declared, body.inputs)
    kept, secrets = apart(declared, body.inputs)
    new = NewAutomationRun(
        id=run_id,
        org_id=principal.org_id,
        automation_id=row["id"],
        version_id=row["version_id"],
        triggered_by="manual",
        trigger_key=None if key is None else _trigger_key(key),
        event=body.event,
        inputs=kept,
        sealed=gateway.keyring.encrypt_json(secrets, principal.org_id, run_id) if secrets else None,
        scheduled_for=start_of(body.scheduled_for, deferred=False)[0],
        labels=body.labels,
        created_by=principal.user_id,
        traceparent=current_traceparent(),
    )
    is_new = bool(await runs.create(gateway.pool, [new]))
    if is_new:
        gateway.bell.ring(AUTOMATION, [new.id])
        found = await run_reads.get(gateway.pool, principal.org_id, new.id)
    else:
        found = await triggered_before(gateway, principal, row["id"], body, key)
    return await show(gateway, request, found, 201 if is_new else 200)


async def triggered_before(
    gateway: Gateway, principal: Principal, automation_id: UUID, body: TriggerBody, key: str | None
) -> Any:
    """What this very request has made before, whatever became of the automation since; None where it is new.

    Raises `Problem` 409 where the key has made one with other inputs.
    """
    if key is None:
        return None
    found = await run_reads.by_trigger(gateway.pool, automation_id, _trigger_key(key))
    if found is None or found["org_id"] != principal.org_id:
        return None
    inputs = found["inputs"] | await _secrets(gateway, found)
    asked = (body.inputs, body.event, _instant(body.scheduled_for))
    if not is_same((inputs, found["event"], _instant(found["scheduled_for"])), asked):
        message = "this idempotency key made an automation run with other inputs, another event or another time"
        raise conflict(message, ("header", "Idempotency-Key"))
    return found


async def _secrets(gateway: Gateway, run: Any) -> Json:
    """The secret inputs that an automation run was given. Raises `SecretError`."""
    sealed = await runs.sealed(gateway.pool, run["id"])
    if sealed is None:
        return {}
    opened: Json = gateway.keyring.decrypt_json(sealed, run["org_id"], run["id"])
    return opened


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _trigger_key(key: str) -> str:
    return f"manual:{key}"


async def show(gateway: Gateway, request: Request, run: Any, status: int = 200) -> Response:
    """The automation run with its steps as they stand, or after the wait that the request prefers."""
    wait = Preference.of(request.headers.get("prefer")).wait
    if wait is not None and run["status"] == "running":
        await _until_ended(gateway, run, wait)
        run = await run_reads.get(gateway.pool, run["org_id"], run["id"])
    headers = {} if wait is None else {"Preference-Applied": f"wait={wait:g}"}
    if status == 201:
        headers["Location"] = f"/api/v1/automation-runs/{run['id']}"
    return answer(await whole(gateway, run), status, headers)


async def whole(gateway: Gateway, run: Any) -> Json:
    """With every step, and the runs of those that have one; before it began, all of them wait.

    Of a version that cannot be read the runs alone are shown.
    """
    steps = await run_reads.steps(gateway.pool, run["id"])
    version = await gateway.versions.get(gateway.pool, run["version_id"])
    if not steps and run["status"] == "running":
        steps = [run_reads.waiting(key) for key in version.steps]
    return {
        **run_reads.as_json(run, [run_reads.action_run_json(step) for step in steps if step["run_id"] is not None]),
        "event": run["event"],
        "inputs": run["inputs"],
        "steps": [
            run_reads.step_json(step, version.steps[step["key"]]) for step in steps if step["key"] in version.steps
        ],
    }


async def cancel(gateway: Gateway, principal: Principal, run: Any) -> None:
    """Nothing of it starts any more, and what runs is cancelled; the scheduler ends it. Raises `Problem` 409."""
    if run["status"] != "running":
        raise conflict(f"the automation run has ended: it is {run['status']}")
    decisions = Decisions(gateway.changes, gateway.bell, gateway.publisher, gateway.process_id, principal.org_id)
    await decisions.stop_automation_runs([run["id"]])


async def begin_now(gateway: Gateway, run: Any) -> None:
    """Starts one that is scheduled before its time; any other stays as it is."""
    await runs.begin_now(gateway.changes, run["org_id"], run["id"])
    gateway.bell.ring(AUTOMATION, [run["id"]])


async def retried_before(
    gateway: Gateway, run: Any, key: str | None, *, latest: bool, from_step: str | None = None
) -> Any:
    """The retry that this key has made, or None. Raises `Problem` 409 where it has made another one.

    The key of the other kind is looked for, too: by which version a retry went is told by its key alone.
    """
    if key is None:
        return None
    if await run_reads.by_trigger(gateway.pool, run["automation_id"], _retry_key(key, latest=not latest)) is not None:
        message = "this idempotency key made a retry with another version (same or latest)"
        raise conflict(message, ("header", "Idempotency-Key"))
    found = await run_reads.by_trigger(gateway.pool, run["automation_id"], _retry_key(key, latest=latest))
    if found is not None and found["retry_of"] != run["id"]:
        raise conflict("this idempotency key made a retry of another automation run", ("header", "Idempotency-Key"))
    if found is not None and found["retry_from"] != from_step:
        raise conflict("this idempotency key made a retry from another step", ("header", "Idempotency-Key"))
    return found


def _retry_key(key: str, *, latest: bool) -> str:
    return own_key(f"retry:{key}", "latest") if latest else f"retry:{key}"


async def retry(
    gateway: Gateway,
    principal: Principal,
    run: Any,
    key: str | None = None,
    *,
    latest: bool = False,
    from_step: str | None = None,
) -> Any:
    """A new automation run from the steps that failed, or also from a step; two at once make one.

    It goes by the version of the run before, or by the `latest` one: that of the automation as it is now. Raises
    `Problem` 409, and `Refused` for a step that there is not.
    """
    again = ("failed", "cancelled") if from_step is None else ("failed", "cancelled", "completed")
    if run["status"] not in again or run["outcome"] is not None:
        said = run_reads.display_status(run)
        which = "that failed or was cancelled" if from_step is None else "that had steps and has ended"
        raise conflict(f"the automation run is {said}; only one {which} can be retried")
    version_id = run["version_id"]
    if latest:
        row = await automations.get(gateway.pool, principal.org_id, run["automation_id"])
        if row is None:
            raise conflict("the automation was deleted: it can be retried with the version of the run alone")
        version_id = row["version_id"]
    if from_step is not None:
        await _check_step(gateway, version_id, from_step)
    run_id, secrets = uuid7(), await _secrets(gateway, run)
    new = NewAutomationRun(
        id=run_id,
        org_id=principal.org_id,
        automation_id=run["automation_id"],
        version_id=version_id,
        triggered_by="manual",
        trigger_key=None if key is None else _retry_key(key, latest=latest),
        event=run["event"],
        inputs=run["inputs"],
        sealed=gateway.keyring.encrypt_json(secrets, principal.org_id, run_id) if secrets else None,
        labels=run["labels"] or {},
        retry_of=run["id"],
        retry_from=from_step,
        created_by=principal.user_id,
        traceparent=current_traceparent(),
    )
    if await runs.create(gateway.pool, [new]):
        gateway.bell.ring(AUTOMATION, [new.id])
        return await run_reads.get(gateway.pool, principal.org_id, new.id)
    live = await run_reads.live_retry_of(gateway.pool, principal.org_id, run["id"])
    if live is not None:
        if live["retry_from"] != from_step:
            begun = "the steps that failed" if live["retry_from"] is None else f"step {live['retry_from']}"
            raise conflict(f"a retry from {begun} goes on: automation run {live['id']}; wait for its end or cancel it")
        return live
    before = await retried_before(gateway, run, key, latest=latest, from_step=from_step)
    return before or await retry(gateway, principal, run, key, latest=latest, from_step=from_step)


async def _check_step(gateway: Gateway, version_id: UUID, key: str) -> None:
    version = await gateway.versions.get(gateway.pool, version_id)
    if key not in version.steps:
        known = ", ".join(list(version.steps)[:20]) or "none"
        raise refused(("body", "fromStep"), f"there is no step {key!r}; there are {known}", "unknown_step")


async def finish_stops_once(gateway: Gateway) -> None:
    """Stops what a gateway that died had left, what was called by a run that was cancelled meanwhile, and the runs of
    automation runs that were given up."""
    for org_id, ids in (await runs.to_stop(gateway.pool)).items():
        await _decisions(gateway, org_id).stop_automation_runs(ids)
    for org_id, ids in (await runs.left_behind(gateway.pool)).items():
        await _decisions(gateway, org_id).cancel_left_behind(ids)


def _decisions(gateway: Gateway, org_id: UUID) -> Decisions:
    return Decisions(gateway.changes, gateway.bell, gateway.publisher, gateway.process_id, org_id)


async def _until_ended(gateway: Gateway, run: Any, seconds: float) -> None:
    until = clock.steady_seconds() + seconds
    follower = gateway.automation_tail.follow(run, run["log_seq"])
    try:
        while follower.watched.ended is None and not gateway.stopping.is_set():
            if (left := until - clock.steady_seconds()) <= 0:
                break
            follower.take()
            await follower.changed(left)
    finally:
        gateway.automation_tail.leave(follower)


_WRONG: dict[Wrong, tuple[str, str]] = {
    "missing": ("the automation needs this input", "missing"),
    "null": ("the automation needs this input: it cannot be null", "type_error"),
}


def _check_inputs(declared: Json, given: Json) -> None:
    faults: list[Fault] = []
    for name, wrong in wrong_inputs(declared, given):
        is_secret = declared[name].get("type") == SECRET
        message = "a secret is a text" if is_secret else f"the input is no {declared[name].get('type')}"
        of_type = (message, "type_error")
        faults.append((("body", "inputs", name), *_WRONG.get(wrong, of_type)))
    names: Sequence[str] = [name for name in given if declared and name not in declared]
    faults += [(("body", "inputs", name), f"no such input; there are {', '.join(declared)}", "extra") for name in names]
    for name in secret_names(declared):
        if isinstance(text := given.get(name), str) and (fault := secret_text_fault(text)) is not None:
            faults.append((("body", "inputs", name), fault, "value_error"))
    if faults:
        raise Refused(faults)
