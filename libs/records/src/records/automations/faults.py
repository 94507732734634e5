"""What is wrong between the steps of an automation: who waits for whom, by which port, and what they refer to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from records.automations import references
from records.automations.plan import Plan, When, find_cycle
from records.automations.references import BadReference
from records.refused import Fault, Place

Json = dict[str, Any]

_PORTS = {"approval_gate": ("approved", "rejected")}


def dependency_faults(steps: Sequence[Json], at: Place) -> Iterator[Fault]:
    by_key = {step["key"]: step for step in steps}
    for place, step in enumerate(steps):
        here = (*at, place, "depends_on")
        for one in step["depends_on"]:
            if one["step"] not in by_key:
                yield here, f"{one['step']!r} is no step; the steps are {_some(by_key)}", "unknown_step"
            elif one["ports"]:
                yield from _port_faults(by_key[one["step"]], one["ports"], here)
        if step["condition"] == When.ON_ERROR and not step["depends_on"]:
            yield (*at, place, "condition"), "on_error needs a step that it waits for", "value_error"
    cycle = find_cycle({s["key"]: [d["step"] for d in s["depends_on"] if d["step"] in by_key] for s in steps})
    if cycle:
        place = next(place for place, step in enumerate(steps) if step["key"] == cycle[0])
        yield (*at, place, "depends_on"), f"the steps wait for each other: {' → '.join(cycle)}", "cycle"


def ports_of(step: Json) -> tuple[str, ...] | None:
    """By which ports a step can end; none for most kinds, None where only the run will tell."""
    if step["kind"] != "conditional_branch":
        return _PORTS.get(step["kind"], ())
    definition = step["definition"]
    cases = definition.get("cases")
    if step["action_id"] is not None or (cases is not None and not isinstance(cases, list)):
        return None
    if cases is None:
        return ("true", "false")
    names = [case.get("name") for case in cases if isinstance(case, Mapping)]
    return (*(str(name) for name in names), str(definition.get("default", "default")))


def _port_faults(source: Json, wanted: Sequence[str], at: Place) -> Iterator[Fault]:
    known = ports_of(source)
    if known is None:
        return
    for port in wanted:
        if port not in known:
            there = f"its ports are {', '.join(known)}" if known else f"a {source['kind']} has none"
            yield at, f"{source['key']} has no port {port!r}: {there}", "unknown_port"


def reference_faults(steps: Sequence[Json], inputs: Mapping[str, Any], at: Place) -> Iterator[Fault]:
    before = Plan.of({"steps": steps, "max_parallel": 1}).ancestors()
    for place, step in enumerate(steps):
        here = (*at, place, "action", "definition")
        try:
            for where, reference in references.references_in(step["definition"], here):
                if (wrong := _wrong(reference, step["key"], before, inputs)) is not None:
                    yield where, wrong, "unknown_reference"
        except BadReference as error:
            yield here, str(error), "bad_reference"
        for root in branch_roots(step):
            if root[0] == "steps" and len(root) > 1 and root[1] not in before[step["key"]]:
                yield here, f"{'.'.join(root)}: {root[1]!r} is no step before {step['key']}", "unknown_reference"


def _wrong(
    reference: references.Reference, key: str, before: Mapping[str, frozenset[str]], inputs: Mapping[str, Any]
) -> str | None:
    if reference.step is None:
        name = reference.path[1]
        missing = bool(inputs) and name not in inputs
        return f"{reference.text}: no input {name!r} is declared; there are {_some(inputs)}" if missing else None
    if reference.step not in before:
        return f"{reference.text}: {reference.step!r} is no step; the steps are {_some(before)}"
    if reference.step not in before[key]:
        return f"{reference.text}: {key} does not wait for {reference.step}; name it in depends_on"
    return None


def branch_roots(step: Json) -> list[list[str]]:
    """The beginnings of the paths of a branch's conditions that ask for event, inputs or steps (decision 39)."""
    if step["kind"] != "conditional_branch":
        return []
    definition = step["definition"]
    cases = definition.get("cases")
    lists = [definition.get("conditions"), *(c.get("conditions") for c in cases or () if isinstance(c, Mapping))]
    own = definition.get("input") if isinstance(definition.get("input"), Mapping) else {}
    fields = [
        c["field"] for one in lists if isinstance(one, list) for c in one if isinstance(c, Mapping) and "field" in c
    ]
    paths = [str(field).split(".")[:2] for field in fields]
    return [path for path in paths if path[0] in ("event", "inputs", "steps") and path[0] not in (own or {})]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:10]) + (", …" if len(listed) > 10 else "") or "none"
