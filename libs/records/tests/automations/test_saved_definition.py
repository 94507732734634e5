"""Whatever lies in the database as an automation's definition, reading it ends with a definition or with a reason."""

import copy
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_records.automations import saved_definition
from vai_records.automations.inputs import wrong_inputs
from vai_records.automations.plan import Plan
from vai_records.definitions.conditions import RootedCondition

GOOD: dict[str, Any] = {
    "max_parallel": 2,
    "inputs": {"x": {"type": "string"}},
    "conditions": [{"field": "inputs.x", "operator": "eq", "value": 1}],
    "steps": [
        {"key": "a", "name": "A", "kind": "dlt_extract", "action_id": None, "definition": {"source": "noop"},
         "depends_on": [], "condition": "on_success"},
        {"key": "b", "name": "B", "kind": "approval_gate", "action_id": None, "definition": {},
         "depends_on": [{"step": "a", "ports": None}], "condition": "always"},
    ],
}  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["step", "key", "kind"]), inner),
    max_leaves=4,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*way, key))


PLACES = list(places(GOOD))


@given(st.sampled_from(PLACES), ANYTHING, st.booleans())
def test_any_damage_is_read_as_a_fault_or_does_no_harm(place: tuple[Any, ...], value: Any, gone: bool) -> None:
    damaged: Any = copy.deepcopy(GOOD)
    if not place:
        damaged = value
    else:
        around = damaged
        for key in place[:-1]:
            around = around[key]
        if gone and isinstance(around, dict):
            del around[place[-1]]
        else:
            around[place[-1]] = value
    found = saved_definition.read(damaged)
    assert found.plan == Plan.of(found.definition)
    assert len(found.plan.order) == len(found.plan.steps)
    assert found.plan.max_parallel >= 1
    assert found.fault is None or not found.definition["steps"]
    for one in found.definition["conditions"]:
        RootedCondition.model_validate(one)
    list(wrong_inputs(found.definition["inputs"], {"x": "a"}))
    for step in found.definition["steps"]:
        assert step["action_id"] is None or UUID(step["action_id"])
        assert step["name"] is None or isinstance(step["name"], str)


def test_what_was_written_is_read_as_it_was() -> None:
    assert saved_definition.read(GOOD) == saved_definition.SavedDefinition(GOOD, Plan.of(GOOD))


@pytest.mark.parametrize(("given_", "read"), [("3", 3), (None, 3), (1, 1)])
def test_a_bound_that_an_older_version_took_loosely_is_read_as_it_took_it(given_: Any, read: int) -> None:
    found = saved_definition.read(GOOD | {"max_parallel": given_})
    assert (found.fault, found.plan.max_parallel) == (None, read)


@pytest.mark.parametrize("bad", [0, -1, "x", 2.5, True, []])
def test_a_bound_that_lets_nothing_start_is_a_fault(bad: Any) -> None:
    assert "max_parallel" in (saved_definition.read(GOOD | {"max_parallel": bad}).fault or "")


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [
        (("inputs", "x", "type"), "zz", "input x has the type 'zz'"),
        (("inputs", "x", "type"), {}, "input x has the type"),
        (("conditions", 0, "operator"), "near", "operator 'near'"),
        (("conditions", 0, "field"), "nowhere.x", "field 'nowhere.x'"),
        (("conditions", 0), {}, "a condition has the field None"),
        (("steps", 0, "name"), 5, "name of step a is 5"),
        (("steps", 1, "action_id"), "x", "action_id of step b is 'x'"),
        (("steps", 1, "action_id"), 7, "action_id of step b is 7"),
    ],
)
def test_what_a_newer_version_may_have_written_is_a_fault_with_its_place(
    place: tuple[Any, ...], value: Any, word: str
) -> None:
    damaged: Any = copy.deepcopy(GOOD)
    around = damaged
    for key in place[:-1]:
        around = around[key]
    around[place[-1]] = value
    assert word in (saved_definition.read(damaged).fault or "")
