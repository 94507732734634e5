"""The first look at an automation run: whether it may begin, and with which inputs (decisions 39 to 41, 45)."""

from enum import Enum, auto
from typing import Any

import orjson

from vai_common.queries import Queries, Row
from vai_records.automations import runs, steps
from vai_records.automations.advance import StepStatus
from vai_records.automations.causes import DEEPEST
from vai_records.automations.inputs import BY_HAND, secret_names, with_defaults, wrong_inputs
from vai_records.automations.runs import Live
from vai_records.automations.steps import Notes
from vai_records.automations.versions import Version
from vai_records.definitions.conditions import Judged, RootedCondition, all_hold, judge
from vai_scheduler.log_texts import tell_cut_off, tell_end, tell_outcome, tell_start

Json = dict[str, Any]


MOST_WAITING = 100
"""How many automation runs of one schedule may wait for the one that is running."""


class Opening(Enum):
    """The outcome of the first look."""

    BEGUN = auto()
    OVER = auto()
    CUT_OFF = auto()
    """Ended, because the budget of its cause is used up. Its automation shows that."""
    LATER = auto()
    """It waits for an earlier run of the same schedule, whose end brings the next look; or for its time, and the sweep
    looks then.
    """


async def open_run(conn: Queries, live: Live, version: Version, notes: Notes) -> Opening:
    """Decide whether the automation run begins, and write its steps. `notes` give the reason if it does not begin."""
    if live.is_early:
        return Opening.LATER
    if live.cut_off is not None:
        tell_end(notes, live, StepStatus.FAILED, _error(live.cut_off, {"depth": live.depth}))
        return Opening.CUT_OFF
    if live.depth > DEEPEST:  # made by an older version, which counts depth alone
        message = f"{DEEPEST} automations have started each other in a row: they look like a loop, so it ends here"
        tell_cut_off(notes, _error(message, {"depth": live.depth}))
        return Opening.OVER
    in_turn = live.triggered_by == "schedule" and (live.overlap != "allow" or live.is_backfill)
    if in_turn and (before := await runs.earlier(conn, live)) is not None:
        return await _meets(conn, live, before, notes)
    event, inputs = await runs.given(conn, live.id)
    if wrong := _wrong_input(version.inputs, inputs, is_sealed=await _is_sealed(conn, live, version)):
        tell_end(notes, live, StepStatus.FAILED, _error(wrong, {}))
        return Opening.OVER
    conditions = [RootedCondition.model_validate(one) for one in version.conditions]
    judged = judge(conditions, {"event": event or {}, "inputs": with_defaults(version.inputs, inputs), "steps": {}})
    if not all_hold(judged):
        data = {"conditions": [one.as_json() for one in judged]}
        tell_outcome(notes, "filtered", _why(next(one for one in judged if not one.holds)), data)
        return Opening.OVER
    changed = set() if live.retry_of is None else await steps.changed_since(conn, version, live.retry_of)
    if live.retry_from is not None:
        changed.add(live.retry_from)
    await steps.open_steps(conn, live.id, version.plan, live.retry_of, changed)
    tell_start(notes, live)
    return Opening.BEGUN


async def _meets(conn: Queries, live: Live, before: Row, notes: Notes) -> Opening:
    """An earlier run of the same schedule is not over: this one waits for it, or is left out with the reason.

    A backfill has its own bound, and other runs wait for it: today's run must not be left out because of a backfill.
    """
    reason = f"automation run {before['id']} was still at work"
    if live.is_backfill:
        return Opening.LATER
    if live.overlap == "queue" or live.waits or before["is_backfill"]:
        if await runs.wait(conn, live, MOST_WAITING):
            return Opening.LATER
        reason += f", and {MOST_WAITING} others of its schedule wait behind it already"
    tell_outcome(notes, "skipped", reason, {"runId": str(before["id"])})
    return Opening.OVER


async def _is_sealed(conn: Queries, live: Live, version: Version) -> bool:
    """Whether it was given secret inputs; asked only where there may be some."""
    return bool(secret_names(version.inputs)) and await runs.sealed(conn, live.id) is not None


def _wrong_input(declared: Json, inputs: Json, *, is_sealed: bool) -> str | None:
    """A sentence about what is wrong with the inputs. None if they are right."""
    for name, wrong in wrong_inputs(declared, inputs, is_sealed=is_sealed):
        what = {
            "missing": "is required and was not given",
            "null": "is required and is null",
            "not_sealed": f"is a secret, and {BY_HAND}: no webhook, event, schedule or call brings it",
            "type": f"is not of the type {declared[name].get('type')}",
        }
        return f"the input {name!r} {what[wrong]}"
    return None


def _why(judged: Judged) -> str:
    said = judged.as_json()
    seen = f"it was {_short(said['seen'])}" if "seen" in said else "there is no such field"
    return f"{said['field']} {said['operator']} {_short(said['value'])}: {seen}"


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:79]}…"


def _error(message: str, details: Json) -> Json:
    return {"code": "DATA_ERROR", "message": message, "details": details, "retryable": False}
