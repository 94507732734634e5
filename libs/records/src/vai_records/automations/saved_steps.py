"""From what somebody wrote to what is stored: one form, and every fault that can be seen before it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from vai_records.automations import references
from vai_records.automations.body import Places, StepBody
from vai_records.automations.step_faults import Names, dependency_faults, reference_faults
from vai_records.definitions.sql_text import STRAY_REFERENCE, has_stray_reference
from vai_records.refused import Fault, Place, Refused, refused
from vai_records.validation import checks

Json = dict[str, Any]

_TRANSFORM = "duckdb_transform"


@dataclass(frozen=True)
class SavedAction:
    """What a step needs to know of a saved action when it is written."""

    id: UUID
    kind: str
    definition: Json


def action_references(steps: Iterable[StepBody]) -> set[str]:
    """The saved actions that the steps name, by id or slug."""
    return {step.action.action_id for step in steps if step.action.action_id is not None}


@dataclass(frozen=True)
class Context:
    """What the steps are held against; `kept` are the write-only values that the automation has, by step, and `names`
    says what is wrong with a variable or a secret.
    """

    inputs: Mapping[str, Any]
    actions: Mapping[str, SavedAction]
    kept: Mapping[str, Json] = field(default_factory=dict)
    names: Names | None = None


def saved_steps(
    steps: Sequence[StepBody], context: Context, at: Place, *, in_sequence: bool
) -> tuple[list[Json], dict[str, Json]]:
    """As `read_steps`, without what each does in all."""
    found = read_steps(steps, context, at, in_sequence=in_sequence)
    return found.saved, found.secrets


class ReadSteps(NamedTuple):
    """Steps as they are stored, their write-only values by step (decision 35), and what each does in all."""

    saved: list[Json]
    secrets: dict[str, Json]
    whole: list[Json]


def read_steps(steps: Sequence[StepBody], context: Context, at: Place, *, in_sequence: bool) -> ReadSteps:
    """From what somebody wrote.

    Raises `Refused` with every fault; `at` is where the list stands.
    """
    keys = _keys(steps)
    chain = in_sequence and not any(step.depends_on for step in steps)
    places = Places(at, steps)
    found: list[Json] = []
    whole: list[Json] = []
    secrets: dict[str, Json] = {}
    faults: list[Fault] = list(_repeats(keys, places))
    for place, (key, step) in enumerate(zip(keys, steps, strict=True)):
        try:
            work = _work(key, context, places, place)
        except Refused as error:
            faults += error.faults
            continue
        whole.append(work.whole)
        if work.hidden is not None:
            secrets[key] = work.hidden
        before = [{"step": keys[place - 1], "ports": None}] if chain and place else _merged(step)
        found.append({"key": key, "name": step.name, **work.saved, "depends_on": before, "condition": step.when.value})
    if not faults:
        faults = list(dependency_faults(found, whole, places))
    if not faults:
        faults = list(reference_faults(found, whole, context.inputs, places, context.names))
    if faults:
        raise Refused(faults)
    return ReadSteps(found, secrets, whole)


def _keys(steps: Sequence[StepBody]) -> list[str]:
    """The steps' keys; where one is missing it is made of the kind."""
    taken = {step.key for step in steps if step.key}
    numbers: dict[str, Iterator[int]] = {}
    keys: list[str] = []
    for step in steps:
        key = base = step.key or step.action.real_kind or "step"
        while step.key is None and key in taken:
            key = f"{base}_{next(numbers.setdefault(base, count(2)))}"
        taken.add(key)
        keys.append(key)
    return keys


def _repeats(keys: Sequence[str], at: Places) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for place, key in enumerate(keys):
        if first.setdefault(key, place) != place:
            yield at.of(place, "key"), f"another step has the key {key!r}", "duplicate"


@dataclass(frozen=True)
class _Work:
    """What a step does as it is stored, the write-only values of that, and its whole definition, these included."""

    saved: Json
    hidden: Json | None
    whole: Json


def _work(key: str, context: Context, at: Places, place: int) -> _Work:
    action, kept = at.steps[place].action, context.kept.get(key)
    if action.action_id is not None:
        return _saved_work(key, context.actions.get(action.action_id), kept, at, place)
    kind, definition, here = action.real_kind or "", action.whole_definition, at.of(place, "action", "definition")
    checks.refuse_agent_only(kind, at.of(place, "action", "kind"))
    whole = checks.whole(kind, definition, kept, here)
    _check(kind, with_name(key, kind, whole), here)
    shown, hidden = checks.split(kind, _as_read(key, kind, definition, whole), kept, here)
    return _Work({"kind": kind, "action_id": None, "definition": shown}, hidden, whole)


def _as_read(key: str, kind: str, definition: Json, whole: Json) -> Json:
    """What is stored: as the model reads it; with a reference as it was given, which is read when the step starts."""
    try:
        if references.holds_reference(definition):
            return definition
        read = checks.as_read(kind, with_name(key, kind, whole), ())
    except Refused:
        return definition  # with static objects, of which the check has seen the values
    return {field: value for field, value in read.items() if field in definition or field != "transform_name"}


def _saved_work(key: str, saved: SavedAction | None, kept: Json | None, at: Places, place: int) -> _Work:
    action = at.steps[place].action
    if saved is None:
        raise refused(at.of(place, "action", "action_id"), f"there is no action {action.action_id!r}", "unknown_action")
    overrides, here = action.definition_overrides or {}, at.of(place, "action", "definition_overrides")
    changed = checks.merge_patch(saved.definition, checks.whole(saved.kind, overrides, kept, here))
    whole = checks.keep_approval(saved.definition, changed)
    try:
        _check(saved.kind, with_name(key, saved.kind, whole), ())
    except Refused as error:
        raise Refused([(at.definition(place, *where), said, word) for where, said, word in error.faults]) from None
    shown, hidden = checks.split(saved.kind, overrides, kept, here)
    return _Work({"kind": saved.kind, "action_id": str(saved.id), "definition": shown}, hidden, whole)


def with_name(key: str, kind: str, definition: Json) -> Json:
    """A step's definition as it runs: a transform without a name is called like its step (decision 31)."""
    return {"transform_name": key, **definition} if kind == _TRANSFORM else definition


def _sql_of(definition: Json) -> Iterator[tuple[Place, Any]]:
    """The SQL of a transform or of a query, of a transform's checks, and of the tiles of a flashboard."""
    yield ("sql",), definition.get("sql")
    for name in ("checks", "tiles"):
        listed = definition.get(name, [])
        if not isinstance(listed, list):
            yield (name,), listed
            continue
        for position, each in enumerate(listed):
            is_written = isinstance(each, dict) and not references.is_reference(each)
            yield ((name, position, "sql"), each.get("sql")) if is_written else ((name, position), each)


def _check(kind: str, definition: Json, at: Place) -> None:
    """The types of the fields that are there; what is a reference is known only when the step starts."""
    for place, sql in _sql_of(definition) if kind in references.SQL_KINDS else ():
        if isinstance(sql, Mapping):
            message = "SQL is written here; references stand inside its string literals: '$/inputs/…' (decision 44)"
            raise refused((*at, *place), message, "reference_outside_literal")
        if isinstance(sql, str) and has_stray_reference(sql):
            raise refused((*at, *place), STRAY_REFERENCE, "reference_outside_literal")
    plain = references.without_static(definition)
    try:
        checks.check_saved(kind, plain, at)
    except Refused as error:
        if faults := [fault for fault in error.faults if _is_written(plain, fault, len(at))]:
            raise Refused(faults) from None


def _is_written(definition: Any, fault: Fault, depth: int) -> bool:
    place, _, kind = fault
    return references.is_written(definition, place[depth:], misspelled=kind == checks.MISSPELLED)


def _merged(step: StepBody) -> list[Json]:
    """Each source once; several ports of one are alternatives, and a mention without a port takes any success."""
    ports: dict[str, list[str] | None] = {}
    for one in step.dependencies:
        known = ports.get(one.step, [])
        ports[one.step] = None if one.port is None or known is None else [*known, one.port]
    return [{"step": source, "ports": sorted(set(found)) if found else None} for source, found in ports.items()]
