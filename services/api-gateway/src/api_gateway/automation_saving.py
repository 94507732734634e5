"""From what somebody wrote to the columns of an automation and the version that it gets (decisions 36 to 45)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api_gateway.automation_triggers import trigger_columns
from api_gateway.gateway import Gateway
from api_gateway.principal import Principal
from common.ids import uuid7
from records import actions, checks, orders
from records.automations import automations, saved
from records.automations.body import AutomationBody, AutomationParts, InputBody, StepBody
from records.automations.faults import reference_faults
from records.automations.saved import Context, SavedAction
from records.automations.versions import NewVersion
from records.refused import Refused, refused

Json = dict[str, Any]

_PARTS = {"steps", "actions", "inputs", "conditions", "max_parallel"}
"""What a version holds."""


@dataclass(frozen=True)
class Draft:
    """An automation that is about to be written; `secret` was made here and is shown once."""

    columns: Json
    version: NewVersion | None
    secret: str | None = None


async def draft(gateway: Gateway, principal: Principal, body: AutomationBody, slug: str) -> Draft:
    """A new automation. Raises `Refused` with every fault."""
    automation_id = uuid7()
    version = await _version(gateway, principal, (automation_id, slug), body, None)
    columns, secret = await trigger_columns(gateway, principal.org_id, automation_id, body.trigger, body.enabled)
    columns |= {"name": body.name, "slug": slug, "description": body.description}
    return Draft(columns | {"status": "active" if body.enabled else "paused"}, version, secret)


async def redraft(gateway: Gateway, principal: Principal, row: Any, parts: AutomationParts) -> Draft:
    """What a PATCH changes: only the columns that it names, and a version where it touches what one holds."""
    given = parts.model_fields_set
    columns: Json = {name: getattr(parts, name) for name in ("name", "slug", "description") if name in given}
    version = None
    if given & _PARTS:
        version = await _version(gateway, principal, (row["id"], parts.slug or row["slug"]), parts, row)
    enabled = parts.enabled if parts.enabled is not None else row["status"] != "paused"
    if "enabled" in given or version is not None:
        # A good definition mends what was broken.
        columns |= {"status": "active" if enabled else "paused", "error": None}
    secret = None
    if parts.trigger is not None:
        kept = (row["webhook_secret"], row["webhook_path"])
        triggers, secret = await trigger_columns(gateway, principal.org_id, row["id"], parts.trigger, enabled, kept)
        columns |= triggers
    elif enabled and row["status"] == "paused":
        columns |= await resumed(gateway, principal.org_id, row)
    return Draft(columns | {"updated_by": principal.user_id}, version, secret)


async def resumed(gateway: Gateway, org_id: UUID, row: Any) -> Json:
    """The columns of an automation that fires again: what passed meanwhile is not made up for."""
    trigger = AutomationParts.model_validate({"trigger": row["trigger"]}).trigger
    assert trigger is not None
    kept = (row["webhook_secret"], row["webhook_path"])
    columns, _ = await trigger_columns(gateway, org_id, row["id"], trigger, True, kept)
    return {"due_at": columns["due_at"]}


async def recheck(gateway: Gateway, principal: Principal, row: Any) -> None:
    """Whether the saved actions that it names are still there. Raises `Refused`."""
    steps = row["definition"]["steps"]
    wanted = [step["action_id"] for step in steps if step["action_id"] is not None]
    known = await actions.named(gateway.pool, principal.org_id, wanted)
    faults = [
        (("steps", place, "action", "action_id"), f"the saved action {step['action_id']} is gone", "unknown_action")
        for place, step in enumerate(steps)
        if step["action_id"] is not None and step["action_id"] not in known
    ]
    if faults:
        raise Refused(faults)


async def _version(
    gateway: Gateway, principal: Principal, identity: tuple[UUID, str], parts: AutomationParts, row: Any
) -> NewVersion:
    before: Json = row["definition"] if row is not None else {"inputs": {}, "conditions": [], "max_parallel": 3}
    kept = _kept(gateway, principal.org_id, row)
    inputs = before["inputs"] if parts.inputs is None else _declared(parts.inputs)
    conditions = parts.conditions
    steps = parts.steps if parts.steps is not None else parts.actions
    if steps is None:
        found, secrets = before["steps"], kept
        if faults := list(reference_faults(found, inputs, ("steps",))):
            raise Refused(faults)
    else:
        at = ("body", "steps" if parts.steps is not None else "actions")
        known = await _saved_actions(gateway, principal.org_id, steps)
        context = Context(inputs, known, kept)
        found, secrets = saved.stored_steps(steps, context, at, in_sequence=parts.actions is not None)
        await _refuse_self_calls(gateway, principal.org_id, identity, found, at)
    version_id = uuid7()
    definition = {
        "inputs": inputs,
        "conditions": before["conditions"]
        if conditions is None
        else [one.model_dump(mode="json") for one in conditions],
        "steps": found,
        "max_parallel": before["max_parallel"] if parts.max_parallel is None else parts.max_parallel,
    }
    sealed = gateway.keyring.encrypt_json(secrets, principal.org_id, version_id) if secrets else None
    return NewVersion(version_id, identity[0], principal.org_id, definition, sealed, principal.user_id)


def _declared(inputs: Mapping[str, InputBody]) -> Json:
    return {name: one.model_dump(mode="json") for name, one in inputs.items()}


def _kept(gateway: Gateway, org_id: UUID, row: Any) -> dict[str, Json]:
    if row is None or row["secrets"] is None:
        return {}
    kept: dict[str, Json] = gateway.keyring.decrypt_json(row["secrets"], org_id, row["version_id"])
    return kept


async def _saved_actions(gateway: Gateway, org_id: UUID, steps: Sequence[StepBody]) -> dict[str, SavedAction]:
    names = sorted(saved.action_references(steps))
    if not names:
        return {}
    known: dict[str, SavedAction] = {}
    for name, action in (await actions.named(gateway.pool, org_id, names)).items():
        order = orders.of_action(gateway.keyring, org_id, action, None, deferred=False)
        whole = checks.whole(order.kind, order.definition, order.stored, ("body",))
        known[name] = SavedAction(action.id, action.kind, whole)
    return known


async def _refuse_self_calls(
    gateway: Gateway, org_id: UUID, identity: tuple[UUID, str], steps: list[Json], at: Sequence[str]
) -> None:
    """An automation that calls itself, by others perhaps, never ends; what a reference names is seen when it runs."""
    mine = {str(identity[0]), identity[1]}
    asked: set[str] = set()
    names = _called(steps)
    while names := names - asked:
        if names & mine:
            place = next((n for n, step in enumerate(steps) if _called([step]) & names & mine), 0)
            raise refused((*at, place, "action", "definition", "automation"), "the automation calls itself", "cycle")
        asked |= names
        names = {
            name
            for found_id, slug, inner in await automations.steps_of(gateway.pool, org_id, sorted(names))
            for name in (_called(inner) if {str(found_id), slug} - mine else set())
        }


def _called(steps: Sequence[Json]) -> set[str]:
    named = [step["definition"].get("automation") for step in steps if step["kind"] == "call_automation"]
    return {name for name in named if isinstance(name, str) and not name.startswith("$/")}
