"""The steps as the rules see them: order, what comes before what, cycles, and that a thousand steps cost little."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.records.tests.automations.plans import now, step
from vai_records.automations.advance import advance
from vai_records.automations.plan import Plan, When, find_cycle

DIAMOND = Plan((step("d", "b", "c"), step("b", "a"), step("c", "a"), step("a")))


def test_each_step_comes_after_those_that_it_waits_for() -> None:
    assert [one.key for one in DIAMOND.order] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [("a", "d", True), ("b", "d", True), ("b", "c", False), ("d", "a", False), ("a", "a", False)],
)
def test_it_knows_what_has_ended_when_a_step_starts(earlier: str, later: str, expected: bool) -> None:
    assert DIAMOND.comes_before(earlier, later) is expected


def test_a_rejection_is_taken_where_somebody_waits_at_that_port() -> None:
    plan = Plan((step("gate"), step("other"), step("x", "gate.rejected|approved"), step("y", "other")))
    assert plan.taken_rejections == {"gate"}


def test_after_a_failure_on_error_and_always_may_start_and_what_follows_them() -> None:
    steps = (
        step("a"),
        step("b", "a"),
        step("help", "b", when="on_error"),
        step("then", "help"),
        step("clean", "a", when="always"),
        step("first", when="always"),
        step("second", "first"),
    )
    assert Plan(steps).after_errors == {"help", "then", "clean"}


def test_a_plan_is_read_from_a_stored_definition() -> None:
    stored = {
        "max_parallel": 5,
        "steps": [
            {"key": "a", "kind": "approval_gate", "depends_on": [], "condition": "on_success"},
            {
                "key": "b",
                "kind": "http_request",
                "depends_on": [{"step": "a", "ports": ["approved"]}],
                "condition": "always",
            },
        ],
    }
    plan = Plan.of(stored)
    assert plan.max_parallel == 5
    assert plan.steps == (step("a", kind="approval_gate"), step("b", "a.approved", when=When.ALWAYS))


@pytest.mark.parametrize(
    ("waits_for", "cycle"),
    [
        ({"a": []}, None),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, None),
        ({"x": [], "a": ["x", "b"], "b": ["x", "c"], "c": ["a"]}, ["a", "b", "c", "a"]),
        ({"a": ["elsewhere"]}, None),
    ],
)
def test_a_cycle_is_found_and_told_as_a_way(waits_for: dict[str, list[str]], cycle: list[str] | None) -> None:
    assert find_cycle(waits_for) == cycle


@given(st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=4), max_size=9))
def test_there_is_a_cycle_exactly_if_not_all_can_be_taken_away_one_after_another(graph: dict[int, list[int]]) -> None:
    waits_for = {str(key): [str(one) for one in after] for key, after in graph.items()}
    left = {key: {one for one in after if one in waits_for} for key, after in waits_for.items()}
    while free := [key for key, after in left.items() if not after & left.keys()]:
        for key in free:
            del left[key]
    cycle = find_cycle(waits_for)
    assert (cycle is not None) is bool(left)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert all(after in waits_for[before] for before, after in pairwise(cycle))


def test_a_thousand_steps_in_a_row_or_side_by_side_are_a_plan() -> None:
    chain = Plan((step("s0"), *(step(f"s{i}", f"s{i - 1}") for i in range(1, 1_000))))
    fan = Plan((*(step(f"s{i}") for i in range(999)), step("last", *(f"s{i}" for i in range(999)))), 100)
    for plan in (chain, fan):
        assert find_cycle({one.key: [d.step for d in one.dependencies] for one in plan.steps}) is None
        assert plan.comes_before("s0", plan.steps[-1].key)
        assert advance(plan, now(plan, "")).start
