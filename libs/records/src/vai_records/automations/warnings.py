"""What may be saved and can never work: told beside the answer, since what is missing may still come (decision 8)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vai_records.automations import references
from vai_records.automations.body import Places
from vai_records.automations.reference_text import REFERENCE, BadReference
from vai_records.automations.saved_steps import with_name
from vai_records.automations.schedule import days_note, steps_note
from vai_records.definitions.conditions import Operator, path_of
from vai_records.refused import Fault, Place
from vai_records.validation import checks

Json = dict[str, Any]

_ALWAYS = (Operator.NE.value, Operator.NOT_IN.value)
"""Operators that hold where a field is missing."""
_ODD_NAME = ("[", "\\")


def step_warnings(steps: Sequence[Json], definitions: Sequence[Json], at: Places) -> Iterator[Fault]:
    """Kinds that cannot be run and definitions that are not complete; `definitions` are what the steps really do."""
    for place, (step, definition) in enumerate(zip(steps, definitions, strict=True)):
        plain = references.without_static(with_name(step["key"], step["kind"], definition))
        for where, message, word in checks.incomplete(step["kind"], plain, ("definition",)):
            is_within = where[0] == "definition" or step["action_id"] is not None
            here = at.definition(place, *where[1:]) if is_within else at.of(place, "action", "kind")
            yield here, f"the step {step['key']} will fail: {message}", word
        for where, message, word in _branch_warnings(definition) if step["kind"] == "conditional_branch" else ():
            yield at.definition(place, *where), message, word


def condition_warnings(conditions: Sequence[Json], at: Place = ("body", "conditions")) -> Iterator[Fault]:
    """What an automation's conditions ask for and never get: they are judged before anything has run."""
    for place, one in enumerate(conditions):
        here = (*at, place)
        if path_of(one["field"])[0] == "steps":
            always = "always" if one["operator"] in _ALWAYS else "never"
            message = f"this {always} holds, since no step has run when it is judged; ask in a conditional_branch step"
            yield (*here, "field"), message, f"{always}_holds"
        yield from _odd_field(one["field"], here)
        if _holds_reference(one["value"]):
            message = "this is compared as the text that it is: the value of a condition cannot be a reference"
            yield (*here, "value"), message, "no_reference"


def trigger_warnings(trigger: Json, at: Place = ("body", "trigger")) -> Iterator[Fault]:
    """Days and steps that people count otherwise."""
    if trigger["type"] != "schedule":
        return
    for kind, note in (("days", days_note(trigger["schedule"])), ("steps", steps_note(trigger["schedule"]))):
        if note is not None:
            yield (*at, "schedule"), note, kind


def _branch_warnings(definition: Json) -> Iterator[Fault]:
    cases = definition.get("cases")
    lists: list[tuple[Place, Any]] = [(("conditions",), definition.get("conditions"))]
    for place, case in enumerate(cases if isinstance(cases, list) else ()):
        lists.append((("cases", place, "conditions"), case.get("conditions") if isinstance(case, Mapping) else None))
    for here, conditions in lists:
        for place, one in enumerate(conditions if isinstance(conditions, list) else ()):
            if isinstance(one, Mapping) and isinstance(one.get("field"), str):
                yield from _odd_field(one["field"], (*here, place))


def _odd_field(field: str, at: Place) -> Iterator[Fault]:
    if any(mark in name for name in path_of(field) for mark in _ODD_NAME) and '"' not in field:
        message = 'brackets and backslashes are part of the name here; a name with dots is written event.data."a.b"'
        yield (*at, "field"), message, "odd_name"


def _holds_reference(value: Any) -> bool:
    try:
        return references.holds_reference(value) or (isinstance(value, str) and REFERENCE.search(value) is not None)
    except BadReference:
        return True
