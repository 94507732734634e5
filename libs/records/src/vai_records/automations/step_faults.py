"""What is wrong between the steps of an automation: who waits for whom, by which port, and what they refer to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from vai_records.approvals.fields import SAMPLES, ApprovalField, fields_of, with_article
from vai_records.automations import references
from vai_records.automations.body import Places
from vai_records.automations.inputs import secret_names
from vai_records.automations.plan import Plan, When, find_cycle
from vai_records.automations.references import BadReference
from vai_records.definitions.conditions import ROOTS, path_of
from vai_records.refused import Fault, Place, Refused
from vai_records.validation import checks
from vai_records.validation.marking import put_back

Json = dict[str, Any]
Names = Callable[[references.Reference], str | None]
Forms = Mapping[str, list[ApprovalField] | None]

_PLAIN_TYPES = ("string", "number", "integer", "boolean", "secret")
_TELLING: Final = ("name", "type", "choices")
NO_CONDITION: Final = "a condition cannot look at a secret"
_PORTS = {"approval_gate": ("approved", "rejected")}


def dependency_faults(steps: Sequence[Json], definitions: Sequence[Json], at: Places) -> Iterator[Fault]:
    """`definitions` are what the steps really do: of a saved action its definition with the step's overrides."""
    by_key = {s["key"]: {**s, "definition": whole} for s, whole in zip(steps, definitions, strict=True)}
    for place, step in enumerate(steps):
        here = at.of(place, "depends_on")
        for one in step["depends_on"]:
            if one["step"] not in by_key:
                yield here, f"{one['step']!r} is not a step; the steps are {_some(by_key)}", "unknown_step"
            elif one["ports"]:
                yield from _port_faults(by_key[one["step"]], one["ports"], here)
        if step["condition"] == When.ON_ERROR and not step["depends_on"]:
            yield at.of(place, "condition"), "on_error needs a step that it waits for", "value_error"
    cycle = find_cycle({s["key"]: [d["step"] for d in s["depends_on"] if d["step"] in by_key] for s in steps})
    if cycle:
        place = next(place for place, step in enumerate(steps) if step["key"] == cycle[0])
        yield at.of(place, "depends_on"), f"the steps wait for each other: {' → '.join(cycle)}", "cycle"


def ports_of(step: Json) -> tuple[str, ...] | None:
    """By which ports a step can end; none for most kinds, None where only the run will tell."""
    if step["kind"] != "conditional_branch":
        return _PORTS.get(step["kind"], ())
    definition = step["definition"]
    cases = definition.get("cases")
    if cases is not None and not isinstance(cases, list):
        return None
    if cases is None:
        return ("true", "false")
    return (*(str(case.get("name")) for case in _objects_in(cases)), str(definition.get("default", "default")))


def _port_faults(source: Json, wanted: Sequence[str], at: Place) -> Iterator[Fault]:
    known = ports_of(source)
    if known is None:
        return
    for port in wanted:
        if port not in known:
            there = f"its ports are {', '.join(known)}" if known else f"a {source['kind']} has none"
            yield at, f"{source['key']} has no port {port!r}: {there}", "unknown_port"


def reference_faults(
    steps: Sequence[Json],
    definitions: Sequence[Json],
    inputs: Mapping[str, Any],
    at: Places,
    names: Names | None = None,
) -> Iterator[Fault]:
    """`definitions` are what the steps really do: of a saved action its definition with the step's overrides.

    `names` says what is wrong with a variable or a secret; None: they are not looked at.
    """
    plan, secret = Plan.of({"steps": steps, "max_parallel": 1}), secret_names(inputs)
    forms = {step["key"]: _form(definition) for step, definition in zip(steps, definitions, strict=True)}
    known = _Known(plan, inputs, names, forms)
    for place, (step, definition) in enumerate(zip(steps, definitions, strict=True)):
        here = at.of(place, "action", "definition" if step["action_id"] is None else "action_id")
        try:
            for where, reference in references.references_in(definition, kind=step["kind"]):
                if (wrong := known.fault_of(reference, step["key"])) is not None:
                    yield (*here, *where) if step["action_id"] is None else here, wrong, "unknown_reference"
                if (wrong := references.secret_fault(step["kind"], where, reference, secret)) is not None:
                    yield (*here, *where) if step["action_id"] is None else here, wrong, "secret_place"
                if (fault := known.type_fault(step["kind"], definition, where, reference)) is not None:
                    yield (*here, *where) if step["action_id"] is None else here, fault, "type_error"
        except BadReference as error:
            yield here, str(error), "bad_reference"
        for path in branch_paths({**step, "definition": definition}):
            if path[2:3] == ("approval",) and (wrong := known.approval_fault(references.Reference(path))) is not None:
                yield here, f"{'.'.join(path)}: {wrong}", "unknown_reference"
        for root in branch_roots({**step, "definition": definition}):
            if root[0] == "inputs" and len(root) > 1 and root[1] in secret:
                yield here, f"{'.'.join(root)}: {NO_CONDITION}", "secret_place"
            if root[0] == "steps" and len(root) > 1 and not known.is_before(root[1], step["key"]):
                yield here, f"{'.'.join(root)}: {root[1]!r} is not a step before {step['key']}", "unknown_reference"


class _Known:
    """What a reference may ask for."""

    def __init__(self, plan: Plan, inputs: Mapping[str, Any], names: Names | None, forms: Forms) -> None:
        self._names = names
        self._forms = forms
        self._plan = plan
        self._keys = dict.fromkeys(step.key for step in plan.steps)
        self._inputs = inputs

    def is_before(self, earlier: str, later: str) -> bool:
        return earlier in self._keys and self._plan.comes_before(earlier, later)

    def fault_of(self, reference: references.Reference, key: str) -> str | None:
        """What is wrong with a reference in the step `key`."""
        if reference.is_named:
            return self._names(reference) if self._names else None
        if reference.step is None:
            name = reference.path[1]
            if self._inputs and name not in self._inputs:
                return f"{reference.text}: no input {name!r} is declared; there are {_some(self._inputs)}"
            return self._too_deep(reference)
        if reference.step not in self._keys:
            return f"{reference.text}: {reference.step!r} is not a step; the steps are {_some(self._keys)}"
        if not self.is_before(reference.step, key):
            return f"{reference.text}: {key} does not wait for {reference.step}; name it in depends_on"
        wrong = self.approval_fault(reference) if reference.path[2] == "approval" else None
        return None if wrong is None else f"{reference.text}: {wrong}"

    def approval_fault(self, reference: references.Reference) -> str | None:
        """What is wrong with a path to the values of an approval."""
        step, names = reference.path[1], reference.path[3:]
        fields = self._forms.get(step, [])
        if fields is None:
            return None
        if not fields:
            return f"the step {step} asks an approver for nothing; give it approval_fields"
        if not names or (len(names) == 1 and names[0] in {field.name for field in fields}):
            return None
        if len(names) > 1 and names[0] in {field.name for field in fields}:
            return f"the field {names[0]!r} has no parts; write ${{/{'/'.join(reference.path[:4])}}} to end it there"
        return f"the approval of {step} has no field {names[0]!r}; it has {_some(field.name for field in fields)}"

    def type_fault(self, kind: str, definition: Json, where: Place, reference: references.Reference) -> str | None:
        """Why a place does not take a value of a field of an approval, which stands there alone."""
        field = self._field(reference)
        place = None if field is None else _place_alone(definition, where)
        if field is None or place is None:
            return None
        sample = field.choices[0] if field.choices else SAMPLES[field.type]
        wrong = _wrong_type(kind, put_back(definition, [(place, sample)]), place)
        return None if wrong is None else f"{wrong}; {reference.text} is {with_article(field.type)}"

    def _field(self, reference: references.Reference) -> ApprovalField | None:
        if reference.step is None or reference.path[2] != "approval" or len(reference.path) != 4:
            return None
        fields = self._forms.get(reference.step) or []
        return next((field for field in fields if field.name == reference.path[3]), None)

    def _too_deep(self, reference: references.Reference) -> str | None:
        """A text and a number have no fields: what follows was meant to be text, probably."""
        declared = (self._inputs.get(reference.path[1]) or {}).get("type")
        if len(reference.path) == 2 or declared not in _PLAIN_TYPES:
            return None
        short, rest = "/".join(reference.path[:2]), "/".join(reference.path[2:])
        return f"{reference.text}: the input is a {declared} without fields; write ${{/{short}}}/{rest} to end it there"


def condition_faults(
    conditions: Sequence[Json], inputs: Mapping[str, Any], at: Place = ("body", "conditions")
) -> Iterator[Fault]:
    """Conditions of an automation that ask for a secret input: what they find would be told."""
    secret = secret_names(inputs)
    for place, one in enumerate(conditions):
        path = path_of(one["field"])
        if path[0] == "inputs" and not secret.isdisjoint(path[1:2]):
            yield (*at, place, "field"), f"{one['field']}: {NO_CONDITION}", "secret_place"


def branch_roots(step: Json) -> list[list[str]]:
    """The beginnings of the paths of a branch's conditions that ask for event, inputs or steps (decision 39)."""
    return [list(path[:2]) for path in branch_paths(step)]


def branch_paths(step: Json) -> list[tuple[str, ...]]:
    """The paths of a branch's conditions that ask for event, inputs or steps."""
    if step["kind"] != "conditional_branch":
        return []
    definition = step["definition"]
    cases = definition.get("cases")
    lists = [definition.get("conditions"), *(case.get("conditions") for case in _objects_in(cases))]
    fields = [condition["field"] for one in lists for condition in _objects_in(one) if "field" in condition]
    paths = [tuple(path_of(str(field))) or ("",) for field in fields]
    own = definition.get("input")
    given = own if isinstance(own, Mapping) else {}
    return [path for path in paths if path[0] in ROOTS and path[0] not in given]


def _form(definition: Json) -> list[ApprovalField] | None:
    """The fields of an approval, without what only the run knows of them; None where their names are not known."""
    given = definition.get("approval_fields")
    if not isinstance(given, list):
        return fields_of(definition)
    known: list[Json] = []
    for one in given:
        if not isinstance(one, Mapping) or any(references.holds_reference(one.get(name)) for name in _TELLING):
            return None
        known.append({name: value for name, value in one.items() if not references.holds_reference(value)})
    return fields_of({"approval_fields": known})


def _place_alone(definition: Any, where: Place) -> Place | None:
    """The place of the value that is the whole reference; None where the reference is a part of a text."""
    place, value, around = where, definition, definition
    for key in where:
        around, value = value, value[key]
    if where[-1:] == ("ref",) and references.is_reference(around):
        return where[:-1]
    return place if references.is_reference(value) else None


def _wrong_type(kind: str, definition: Json, place: Place) -> str | None:
    """What a kind says of the type of the value at a place."""
    try:
        checks.check_saved(kind, references.without_static(definition), ())
    except Refused as error:
        return next((said for at, said, word in error.faults if at == place and word.endswith("_type")), None)
    return None


def _objects_in(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:10]) + (", …" if len(listed) > 10 else "") or "none"
