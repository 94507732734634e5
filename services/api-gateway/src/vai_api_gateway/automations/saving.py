"""Checks an automation as it was sent, and makes its columns and its version (decisions 36 to 45)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.automations.calls import calls_of, refuse_bad_calls, with_ids
from vai_api_gateway.automations.shapes import step_json
from vai_api_gateway.automations.trigger_columns import due_after_now, trigger_columns
from vai_api_gateway.catalogue.slugs import refuse_long_name
from vai_api_gateway.gateway import Gateway
from vai_common.ids import uuid7
from vai_common.queries import Row
from vai_records.automations import named_connections, saved_steps
from vai_records.automations.body import AutomationBody, AutomationParts, InputBody, Places, StepBody
from vai_records.automations.inputs import BY_HAND, SCHEDULED_FOR, is_needed, secret_names
from vai_records.automations.plan import DEFAULT_PARALLEL
from vai_records.automations.references import may_name
from vai_records.automations.saved_steps import Context, SavedAction
from vai_records.automations.step_faults import Names, condition_faults
from vai_records.automations.versions import NewVersion
from vai_records.automations.warnings import condition_warnings, step_warnings, trigger_warnings
from vai_records.catalogue import actions
from vai_records.catalogue.actions import ToRun
from vai_records.definitions.conditions import RootedCondition
from vai_records.refused import Fault, Refused, refused
from vai_records.runs import orders
from vai_records.validation import beside, checks, sharing
from vai_records.variables import names

Json = dict[str, Any]

_PARTS = {"steps", "actions", "inputs", "conditions", "max_parallel"}
"""The contents of a version."""

_BESIDE = ("name", "slug", "description", "labels", "expose")
"""What an author decides beside a version."""

_NOTHING: Json = {"inputs": {}, "conditions": [], "steps": [], "max_parallel": DEFAULT_PARALLEL}


@dataclass(frozen=True)
class Draft:
    """An automation before it is written. `secret` was made here, and is shown once."""

    columns: Json
    version: NewVersion | None
    secret: str | None = None
    warnings: tuple[Fault, ...] = ()


async def draft(gateway: Gateway, principal: Principal, body: AutomationBody, slug: str) -> Draft:
    """A new automation. Raises `Refused` with every fault."""
    automation_id = uuid7()
    version, warned = await _version(gateway, principal, (automation_id, slug), body, None)
    _refuse_unmet(body.trigger.type, version.definition["inputs"])
    columns, secret = await trigger_columns(gateway, principal.org_id, automation_id, body.trigger, body.enabled)
    columns |= {"name": body.name, "slug": slug, "description": body.description, "labels": body.labels}
    columns["expose"] = body.expose
    refuse_long_name(slug, expose=body.expose)
    warned = (*warned, *trigger_warnings(columns["trigger"]))
    return Draft(columns | {"status": "active" if body.enabled else "paused"}, version, secret, warned)


async def redraft(gateway: Gateway, principal: Principal, row: Row, parts: AutomationParts) -> Draft:
    """The changes of a PATCH: only the columns that it names, and a new version if it changes what a version holds."""
    given = parts.model_fields_set
    columns: Json = {name: getattr(parts, name) for name in _BESIDE if name in given}
    columns["updated_by"] = principal.user_id
    if given & {"slug", "expose"}:
        refuse_long_name(columns.get("slug", row["slug"]), expose=columns.get("expose", row["expose"]))
    mends = row["status"] == "error" and parts.enabled is True
    checked, warned = None, tuple[Fault, ...]()
    if given & (_PARTS | {"slug"}) or mends:
        checked, warned = await _version(gateway, principal, (row["id"], parts.slug or row["slug"]), parts, row)
    version = checked if given & _PARTS else None
    if parts.trigger is not None or parts.inputs is not None:
        trigger = row["trigger"]["type"] if parts.trigger is None else parts.trigger.type
        _refuse_unmet(trigger, (checked.definition if checked else row["definition"])["inputs"])
    enabled = parts.enabled if parts.enabled is not None else row["status"] != "paused"
    if version is not None or "enabled" in given:
        columns |= {"status": "active" if enabled else "paused"} | ({} if checked is None else {"error": None})
    secret = None
    if parts.trigger is not None:
        if row["status"] == "active":
            columns["error"] = None  # a warning, which the trigger may have been the reason of
        kept = row["webhook_secret"]
        triggers, secret = await trigger_columns(gateway, principal.org_id, row["id"], parts.trigger, enabled, kept)
        if _is_same_schedule(row, columns.get("status", row["status"]), triggers):
            del triggers["due_at"]  # times that were missed while the platform was down still fire
        columns |= triggers
    elif columns.get("status", row["status"]) != row["status"]:
        # Times that passed while it was not active do not fire later.
        columns["due_at"] = await due_after_now(gateway, row["trigger"]) if enabled else None
    return Draft(columns, version, secret, (*warned, *trigger_warnings(columns.get("trigger", row["trigger"]))))


def _is_same_schedule(row: Row, status: str, triggers: Json) -> bool:
    """Whether an active automation keeps its times."""
    old, new = row["trigger"], triggers["trigger"]
    times = [old.get(name) == new.get(name) for name in ("type", "schedule", "timezone")]
    return status == row["status"] == "active" and row["due_at"] is not None and all(times)


def _refuse_unmet(trigger: str, inputs: Json) -> None:
    """Raises `Refused` for an input that a schedule never brings, so that each run would fail; a secret none brings."""
    for name in sorted(secret_names(inputs)) if trigger != "manual" else ():
        if is_needed(inputs[name]):
            article = "an event" if trigger == "event" else f"a {trigger}"
            message = f"{BY_HAND}, and {article} would start it without: do not require it, or name $/secrets/NAME"
            raise refused(("body", "inputs", name), message, "unmet")
    for name, declared in inputs.items() if trigger == "schedule" else ():
        if name != SCHEDULED_FOR and is_needed(declared):
            message = f"a schedule brings {SCHEDULED_FOR} alone: give this input a default, or do not require it"
            raise refused(("body", "inputs", name), message, "unmet")


async def recheck(gateway: Gateway, principal: Principal, row: Row) -> None:
    """Check a saved automation again: actions and automations that it names may be gone. Raises `Refused`."""
    await _version(gateway, principal, (row["id"], row["slug"]), AutomationParts(), row)


async def _version(
    gateway: Gateway, principal: Principal, identity: tuple[UUID, str], parts: AutomationParts, row: Row | None
) -> tuple[NewVersion, tuple[Fault, ...]]:
    """A version of old and new parts, checked as a whole like a new one; and its warnings."""
    before: Json = row["definition"] if row is not None else _NOTHING
    inputs = before["inputs"] if parts.inputs is None else _declared(parts.inputs)
    at = _written(parts, before)
    steps = at.steps
    known = await _saved_actions(gateway, principal.org_id, steps)
    named = await _named(gateway, principal.org_id, steps, known)
    context = Context(inputs, known, _kept(gateway, principal.org_id, row), named)
    judge = partial(_judged, context, at, in_sequence=parts.actions is not None)
    definitions = [step.action.definition or step.action.definition_overrides for step in steps]
    large = (definitions, [action.definition for action in known.values()])
    found, warned = await beside.judged(principal.org_id, large, judge)
    called = await refuse_bad_calls(gateway.pool, principal.org_id, identity, calls_of(found.saved, known), at)
    shared = await sharing.told_of_steps(gateway.pool, principal.org_id, identity[0], found.saved, at.definition)
    unknown = await named_connections.missing(gateway.pool, principal.org_id, found.saved, at)
    version_id = uuid7()
    conditions = before["conditions"] if parts.conditions is None else _plain(parts.conditions)
    if faults := list(condition_faults(conditions, inputs)):
        raise Refused(faults)
    definition = {
        "inputs": inputs,
        "conditions": conditions,
        "steps": with_ids(found.saved, called),
        "max_parallel": before["max_parallel"] if parts.max_parallel is None else parts.max_parallel,
    }
    sealed = gateway.keyring.encrypt_json(found.secrets, principal.org_id, version_id) if found.secrets else None
    version = NewVersion(version_id, identity[0], principal.org_id, definition, sealed, principal.user_id)
    return version, (*warned, *unknown, *shared, *condition_warnings(conditions))


async def _named(
    gateway: Gateway, org_id: UUID, steps: Sequence[StepBody], saved: Mapping[str, SavedAction]
) -> Names | None:
    """What is wrong with a variable or a secret; asked for only where one may be named."""
    written = [step.action.whole_definition or step.action.definition_overrides for step in steps]
    if not any(map(may_name, (*written, *(action.definition for action in saved.values())))):
        return None
    return (await names.known(gateway.pool, org_id)).fault_of


def _judged(context: Context, at: Places, *, in_sequence: bool) -> tuple[saved_steps.ReadSteps, tuple[Fault, ...]]:
    found = saved_steps.read_steps(at.steps, context, at.at, in_sequence=in_sequence)
    return found, tuple(step_warnings(found.saved, found.whole, at))


def _written(parts: AutomationParts, before: Json) -> Places:
    """The steps of the request, or else the saved ones; and where they are in the body."""
    if parts.steps is not None:
        return Places(("body", "steps"), parts.steps)
    if parts.actions is not None:
        return Places(("body", "actions"), parts.actions)
    return Places(("steps",), [StepBody.model_validate(step_json(step)) for step in before["steps"]])


def _plain(conditions: Sequence[RootedCondition]) -> list[Json]:
    return [one.model_dump(mode="json") for one in conditions]


def _declared(inputs: Mapping[str, InputBody]) -> Json:
    return {name: one.model_dump(mode="json") for name, one in inputs.items()}


def _kept(gateway: Gateway, org_id: UUID, row: Row | None) -> dict[str, Json]:
    if row is None or row["secrets"] is None:
        return {}
    kept: dict[str, Json] = gateway.keyring.decrypt_json(row["secrets"], org_id, row["version_id"])
    return kept


async def _saved_actions(gateway: Gateway, org_id: UUID, steps: Sequence[StepBody]) -> dict[str, SavedAction]:
    names = sorted(saved_steps.action_references(steps))
    if not names:
        return {}
    found = await actions.named(gateway.pool, org_id, names)

    def read() -> dict[str, SavedAction]:
        return {name: _saved_action(gateway, org_id, action) for name, action in found.items()}

    return await beside.judged(org_id, [action.definition for action in found.values()], read)


def _saved_action(gateway: Gateway, org_id: UUID, action: ToRun) -> SavedAction:
    order = orders.of_action(gateway.keyring, org_id, action, None, deferred=False)
    return SavedAction(action.id, action.kind, checks.whole(order.kind, order.definition, order.stored, ("body",)))
