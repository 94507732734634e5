"""Creates or moves a run and answers its caller, waiting if that is wanted (decisions 12 and 13).

SYNC kinds work like ASYNC ones, with the same row and the same claim. But instead of ringing the bell, the gateway
calls a worker, and waits.
"""

from dataclasses import replace
from typing import Any, cast

import orjson
from fastapi import Request, Response

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http.answers import answer
from vai_api_gateway.problems import Problem, conflict
from vai_api_gateway.runs.intake import Created, KeyBusy, KeyReused
from vai_api_gateway.runs.waiters import Preference, within
from vai_common.clock import steady_seconds
from vai_common.queries import Row
from vai_contracts.run_end_fields import COUNTS, JSON_FIELDS, TIMES
from vai_contracts.vai.executor.v1 import executor_pb2 as pb
from vai_contracts.vai.words.v1 import words_pb2
from vai_contracts.words import to_word
from vai_records.definitions.kinds import KINDS, Mode
from vai_records.lifecycle.transitions import HeldFor
from vai_records.runs import runs
from vai_records.runs.new_run import NewRun
from vai_records.runs.row import RunRow

SYNC_SECONDS = 30.0
"""How long to wait for a SYNC kind. After that the answer is the live run (document 000, "Execution Model")."""

APPROVAL_SECONDS = 1.0
"""How long to wait until a new run that needs an approval awaits it."""


async def start(gateway: Gateway, request: Request, new: NewRun) -> Response:
    """Create the run, start it and answer it: 201, or 200 with the run that the idempotency key had already made."""
    preference = Preference.of(request.headers.get("prefer"))
    calls = _is_called(new.kind, new.held_for, preference)
    if not calls and preference.wait is not None:
        created = await _create_and_wait(gateway, new, preference.wait)
    else:
        created = await create(gateway, new, ring=not calls)
    run = created.run
    if created.is_new and calls:
        run = await _call(gateway, run, preference.wait or SYNC_SECONDS)
    elif calls and run["phase"] != "done":
        run = await _waited(gateway, run, preference.wait or SYNC_SECONDS)
    elif created.is_new and preference.wait is None and new.held_for is HeldFor.APPROVAL:
        run = await _until_awaiting(gateway, run)
    return _shown(gateway, run, preference, 201 if created.is_new else 200, called=calls)


async def _create_and_wait(gateway: Gateway, new: NewRun, seconds: float) -> Created:
    """The run after its end, or when the time is up."""
    with gateway.waiters.expecting(new.id) as end:
        created = await create(gateway, replace(new, watched=True))
        if created.is_new:
            await within(seconds, end)
            return replace(created, run=await _read(gateway, created.run))
    return replace(created, run=await _waited(gateway, created.run, seconds))


async def moved(gateway: Gateway, request: Request, run: RunRow, status: int = 200) -> Response:
    """The answer after a decision: at once, waited for as preferred, and a SYNC run that is queued is called."""
    preference = Preference.of(request.headers.get("prefer"))
    calls = run["phase"] == "queued" and run["status"] == "pending" and _is_called(run["kind"], None, preference)
    if calls:
        run = await _call(gateway, run, preference.wait or SYNC_SECONDS)
    elif preference.wait is not None and run["phase"] != "done":
        run = await _waited(gateway, run, preference.wait)
    return _shown(gateway, run, preference, status, called=calls)


async def show(gateway: Gateway, request: Request, run: RunRow, status: int = 200) -> Response:
    """The run now, or after the wait that the request prefers."""
    preference = Preference.of(request.headers.get("prefer"))
    if preference.wait is not None and run["phase"] != "done":
        run = await _waited(gateway, run, preference.wait)
    return _shown(gateway, run, preference, status, called=False)


async def create(gateway: Gateway, new: NewRun, *, ring: bool = True) -> Created:
    """Raises `Problem` 409 if a key is in use (decisions 14 and 15)."""
    try:
        return await gateway.intake.create(new, ring=ring)
    except (KeyReused, KeyBusy) as error:
        raise key_refusal(error) from error


def key_refusal(error: KeyReused | KeyBusy) -> Problem:
    """What the client is told of a key that is in use."""
    if isinstance(error, KeyBusy):
        message = f"run {error.run_id} with this concurrency key is live; wait for its end or cancel it"
        return conflict(message, ("body", "concurrencyKey"))
    message = "this idempotency key made a run of another kind, definition or scheduledFor, or one that was deleted"
    return conflict(message, ("body", "idempotencyKey"))


def _is_called(kind: str, held_for: str | None, preference: Preference) -> bool:
    return held_for is None and KINDS[kind].mode is Mode.SYNC and not preference.respond_async


async def _call(gateway: Gateway, run: RunRow, seconds: float) -> RunRow:
    """Call a worker. If none takes it, ring the bell and watch the row. `seconds` is for all of it."""
    until = steady_seconds() + seconds
    got = await gateway.fleet.execute(run, seconds, lambda: _unheard(gateway, run, seconds))
    if got is not None and got.outcome == pb.OUTCOME_ENDED and got.HasField("end"):
        return _with_end(run, got)
    if got is None or got.outcome in (pb.OUTCOME_NO_SLOT, pb.OUTCOME_NOT_CLAIMED):
        gateway.bell.ring(run["kind"], [run["id"]])
    return await _waited(gateway, run, max(0.0, until - steady_seconds()))


async def _unheard(gateway: Gateway, run: RunRow, seconds: float) -> None:
    """The called worker does not answer, and another one may take the run: return when it has ended."""
    gateway.bell.ring(run["kind"], [run["id"]])
    await gateway.waiters.until_ended(run["id"], seconds)


async def _waited(gateway: Gateway, run: RunRow, seconds: float) -> RunRow:
    await gateway.waiters.until_ended(run["id"], seconds)
    return await _read(gateway, run)


async def _read(gateway: Gateway, run: RunRow) -> RunRow:
    return await runs.get(gateway.pool, run["org_id"], run["id"]) or run


async def _until_awaiting(gateway: Gateway, run: RunRow) -> RunRow:
    """The run when it awaits its approval, or after a second."""
    follower = gateway.tail.follow(run, run["log_seq"])
    try:
        await follower.changed(APPROVAL_SECONDS)
    finally:
        gateway.tail.leave(follower)
    return await _read(gateway, run)


def _with_end(run: RunRow, got: pb.ExecuteResponse) -> RunRow:
    """The row after its end, from the worker's answer, so that it need not be read."""
    end, zone = got.end, run["created_at"].tzinfo
    changed = {
        "status": to_word(words_pb2.RunStatus, got.status),
        "phase": "done",
        "control": None,
        **{name: getattr(end, name) for name in COUNTS},
        **{name: getattr(end, name).ToDatetime(zone) for name in TIMES},
        **{name: _loaded(getattr(end, field)) for name, field in JSON_FIELDS.items()},
    }
    return cast("RunRow", {**cast("Row", run), **changed})


def _loaded(text: bytes) -> Any:
    return orjson.loads(text) if text else None


def _shown(gateway: Gateway, run: RunRow, preference: Preference, status: int, *, called: bool) -> Response:
    applied = []
    if preference.wait is not None:
        applied.append(f"wait={preference.wait:g}")
    if preference.respond_async and not called:
        applied.append("respond-async")
    headers = {"Preference-Applied": ", ".join(applied)} if applied else {}
    if status == 201:
        headers["Location"] = f"/api/v1/action-runs/{run['id']}"
    return answer(runs.as_json(run, gateway.fleet.kinds), status, headers)
