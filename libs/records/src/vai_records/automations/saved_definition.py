"""Definitions of automations as they lie in the database, read so that one that cannot be read stops nobody.

An older version may have written what this one refuses, a newer one what this one does not know, and rows are mended by
hand. Whoever needs the steps gets either a whole definition or an empty one with the reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from vai_common.validation_messages import in_words
from vai_records.automations.body import TYPES
from vai_records.automations.plan import DEFAULT_PARALLEL, Plan, When, find_cycle
from vai_records.definitions.conditions import RootedCondition
from vai_records.definitions.kinds import KINDS

Json = dict[str, Any]


@dataclass(frozen=True)
class SavedDefinition:
    """`fault` says why `definition` and `plan` are empty; None where they are what was stored."""

    definition: Json
    plan: Plan
    fault: str | None = None


def read(stored: Any) -> SavedDefinition:
    """Never raises."""
    try:
        definition = _checked(stored)
        return SavedDefinition(definition, Plan.of(definition))
    except (ValueError, RecursionError) as error:
        nothing = {"steps": [], "conditions": [], "inputs": {}, "max_parallel": DEFAULT_PARALLEL}
        return SavedDefinition(
            nothing, Plan(()), f"what is stored of it cannot be read: {error}; save the automation again"
        )


def error_of(fault: str) -> Json:
    """The error of whatever a fault ends or stops."""
    return {"code": "INTERNAL_ERROR", "message": fault, "details": {}}


def _checked(stored: Any) -> Json:
    """Raises `ValueError` that names what is wrong."""
    whole = _object(stored, "the definition")
    steps = [_object(step, "a step") for step in _list(whole.get("steps"), "steps")]
    keys = [_step_key(step) for step in steps]
    if len(set(keys)) < len(keys):
        raise ValueError("two steps have one key")
    waits = dict(zip(keys, map(_sources, steps), strict=True))
    for key, sources in waits.items():
        if unknown := [one for one in sources if one not in waits]:
            raise ValueError(f"step {key} waits for {unknown[0]}, which is not a step")
    if cycle := find_cycle(waits):
        raise ValueError(f"its steps wait for each other: {', '.join(cycle[:10])}")
    conditions = [_condition(one) for one in _list(whole.get("conditions"), "conditions")]
    inputs = {name: _input(name, one) for name, one in _object(whole.get("inputs"), "inputs").items()}
    return {**whole, "conditions": conditions, "inputs": inputs, "max_parallel": _parallel(whole.get("max_parallel"))}


def _step_key(step: Json) -> str:
    key = step.get("key")
    if not isinstance(key, str):
        raise ValueError("a step has no key")
    for name, known in (("kind", tuple(KINDS)), ("condition", tuple(When))):
        if step.get(name) not in known:
            raise ValueError(f"step {key} has the {name} {step.get(name)!r:.60}, which this version does not know")
    _object(step.get("definition"), f"the definition of step {key}")
    if missing := sorted({"name", "action_id"} - step.keys()):
        raise ValueError(f"step {key} has no {missing[0]}")
    if not isinstance(step["name"], str | None):
        raise ValueError(f"the name of step {key} is {step['name']!r:.60}, which is not a text")
    if step["action_id"] is not None and not _is_id(step["action_id"]):
        raise ValueError(f"the action_id of step {key} is {step['action_id']!r:.60}, which is not an id")
    return key


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def _condition(stored: Any) -> Json:
    """One that an automation run can judge."""
    one = _object(stored, "a condition")
    try:
        RootedCondition.model_validate(one)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"a condition has the {place or 'form'} {one.get(place)!r:.60}: {in_words(first['msg'])}"
        ) from error
    return one


def _input(name: str, stored: Any) -> Json:
    one = _object(stored, f"input {name}")
    if one.get("type") not in (None, *TYPES):
        raise ValueError(f"input {name} has the type {one['type']!r:.60}, which this version does not know")
    return one


def _sources(step: Json) -> list[str]:
    found = []
    for one in _list(step.get("depends_on"), "depends_on"):
        source, ports = _object(one, "a dependency").get("step"), one.get("ports")
        if not isinstance(source, str) or not (ports is None or _are_words(ports)) or "ports" not in one:
            raise ValueError(f"step {step['key']} has a dependency that is none")
        found.append(source)
    return found


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _parallel(value: Any) -> int:
    """As versions that read loosely took it: a number in a text, nothing for the usual one."""
    if value is None:
        return DEFAULT_PARALLEL
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 7:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"max_parallel is {value!r:.60}, which lets no step start")
    return value


def _object(value: Any, what: str) -> Json:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is not an object")
    return dict(value)


def _list(value: Any, what: str) -> Iterable[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is not a list")
    return value
