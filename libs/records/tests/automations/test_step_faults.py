"""Every fault of an automation that can be seen before it runs is refused, and its place named (decision 37)."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from libs.records.tests.automations.saving import BRANCH, CASES, GATE, NOOP, Json, faults, http, saved, sql
from vai_records.automations.body import AutomationBody
from vai_records.automations.saved_steps import Context, saved_steps

A, B = {"key": "a", **NOOP}, {"key": "b", **NOOP, "depends_on": ["a"]}
QUOTE = "references stand inside its string literals"

FAULTS: list[tuple[list[Json], str]] = [
    ([A, A], "body.steps.1.key: another step has the key 'a'"),
    ([{**A, "depends_on": ["a"]}], "body.steps.0.depends_on: the steps wait for each other: a → a"),
    ([{**A, "depends_on": ["b"]}, B], "body.steps.0.depends_on: the steps wait for each other: a → b → a"),
    ([B], "body.steps.0.depends_on: 'a' is not a step; the steps are b"),
    ([A, {**NOOP, "depends_on": [{"step": "a", "port": "done"}]}], "a has no port 'done': a dlt_extract has none"),
    ([{"key": "a", **GATE}, {**NOOP, "depends_on": [{"step": "a", "port": "yes"}]}], "ports are approved, rejected"),
    ([{"key": "a", **BRANCH}, {**NOOP, "depends_on": [{"step": "a", "port": "yes"}]}], "its ports are true, false"),
    ([{"key": "a", **CASES}, {**NOOP, "depends_on": [{"step": "a", "port": "true"}]}], "its ports are big, small"),
    ([{**A, "condition": "on_error"}], "body.steps.0.condition: on_error needs a step that it waits for"),
    ([{"action_id": "gone"}], "body.steps.0.action_id: there is no action 'gone'"),
    ([{"action_id": "ping", "definition_overrides": {"method": "FLY"}}], "0.definition_overrides.method: must"),
    ([{"action_id": "ping", "definition_overrides": {"body": "$/steps/x/result"}}], "'x' is not a step; the steps are"),
    ([{"kind": "http_request", "definition": {"urll": "x"}}], "body.steps.0.definition.urll: there is no"),
    # references
    ([A, http("$/steps/b/result")], "$/steps/b/result: 'b' is not a step; the steps are a, http_request"),
    ([A, http("$/steps/a/result")], "http_request does not wait for a; name it in depends_on"),
    ([A, http({"x": ["$/steps/a/output"]})], "body.steps.1.definition: $/steps/a/output: of a step there are"),
    ([http("$/steps/http_request/result")], "http_request does not wait for http_request"),
    ([http("$/step/a/result")], "is no reference"),
    ([http("$/inputs/x,$/steps/b/status")], "$/steps/b/status: 'b' is not a step"),
    ([sql("SELECT $/inputs/x")], "a $/ reference may only stand inside a string literal"),
    ([sql("SELECT 1 -- comment\n + $/inputs/x")], "a $/ reference may only stand inside a string literal"),
    ([{"kind": "duckdb", "definition": {"sql": "SELECT $/inputs/x", "mode": "$/inputs/m"}}], "a $/ reference may only"),
    ([sql("SELECT '$/steps/b/result'")], "'b' is not a step"),
    ([{"kind": "duckdb_transform", "definition": {"sql": {"kind": "reference", "ref": "$/inputs/x"}}}], QUOTE),
    ([{"kind": "conditional_branch", "definition": {"conditions": [
        {"field": "steps.a.result.n", "operator": "gt", "value": 0}]}}], "steps.a: 'a' is not a step before"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "fault"), FAULTS)
def test_what_can_be_seen_before_it_runs_is_refused_and_the_place_named(steps: list[Json], fault: str) -> None:
    found = faults(*steps)
    assert any(fault in one for one in found), found


def test_all_faults_are_told_at_once() -> None:
    wrong = {"kind": "http_request", "definition": {"method": "FLY"}}
    assert [one.split(":")[0] for one in faults(wrong, A, wrong, A)] == [
        "body.steps.3.key",
        "body.steps.0.definition.method",
        "body.steps.2.definition.method",
    ]


def test_an_input_that_is_not_declared_is_refused_where_any_is() -> None:
    assert saved(http("$/inputs/day"))
    (fault,) = faults(http("$/inputs/day"), inputs={"date": {}})
    assert "no input 'day' is declared; there are date" in fault
    assert saved(http("$/inputs/date/year"), inputs={"date": {"type": "object"}})


def test_what_is_only_known_when_it_starts_is_no_fault() -> None:
    reference = {"kind": "reference", "ref": "$/inputs/x"}
    definition = {
        "connection": reference,
        "url": "https://x.test:$/inputs/port/",
        "method": "$/inputs/method",
        "headers": {"kind": "static", "values": {"Accept": "text/plain"}},
        "max_redirects": reference,
        "timeout_seconds": "$/inputs/seconds",
    }
    (found,) = saved({"kind": "http_request", "definition": definition})
    assert found["definition"] == definition


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "an automation has at least one step"),
        ({"steps": []}, "an automation has at least one step"),
        ({"steps": [A], "actions": [A]}, "give either actions or steps, not both"),
        ({"steps": [A] * 1_001}, "at most 1000 items"),
        ({"steps": [{"kind": "fax"}]}, "'fax' is not a kind; the kinds are dlt_extract, file_sync"),
        ({"steps": [{"key": "a"}]}, "Field required"),
        ({"steps": [{"action": {}}]}, "name a kind"),
        ({"steps": [{"kind": "notify", "action_id": "x"}]}, "name a kind"),
        ({"steps": [{"action_id": "x", "definition": {}}]}, "definition_overrides"),
        ({"steps": [{"kind": "notify", "definition_overrides": {}}]}, "write the definition itself"),
        ({"steps": [{"action": NOOP, "kind": "notify"}]}, "Extra inputs"),
        ({"steps": [{**A, "key": "A"}]}, "should match pattern"),
        ({"steps": [{**A, "key": "1a"}]}, "should match pattern"),
        ({"steps": [{**A, "condition": "never"}]}, "on_success"),
        ({"steps": [{**A, "needs": ["b"]}]}, "Extra inputs"),
        ({"steps": [A], "max_parallel": 0}, "greater than or equal to 1"),
        ({"steps": [A], "conditions": [{"field": "data.x", "operator": "eq", "value": 1}]}, "event, inputs, steps"),
        ({"steps": [A], "inputs": {"n": {"type": "integer", "default": "x"}}}, "the default is no integer"),
        ({"steps": [A], "inputs": {"a/b": {}}}, "should match pattern"),
        ({"steps": [A], "inputs": {"n": {"type": "date"}}}, "'string'"),
    ],
)
def test_what_is_no_automation_is_refused(body: Json, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AutomationBody.model_validate({"name": "A", **body})


SHAPES: dict[str, Callable[[int], list[int]]] = {
    "a chain": lambda place: [place - 1],
    "a fan": lambda _: [0],
    "a net": lambda place: list(range(max(0, place - 30), place)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thousand_steps_of_any_shape_can_be_saved(shape: str) -> None:
    steps = [http(key="s0")]
    for place in range(1, 1_000):
        before = [f"s{one}" for one in SHAPES[shape](place)]
        steps.append(http("$/steps/s0/result", key=f"s{place}", depends_on=before))
    body = AutomationBody.model_validate({"name": "A", "steps": steps})
    found, _ = saved_steps(body.steps or [], Context({}, {}), ("body", "steps"), in_sequence=False)
    assert len(found) == 1_000


def test_a_thousand_keys_can_be_made_up() -> None:
    body = AutomationBody.model_validate({"name": "A", "actions": [NOOP] * 1_000})
    found, _ = saved_steps(body.actions or [], Context({}, {}), ("body", "actions"), in_sequence=True)
    assert found[-1]["key"] == "dlt_extract_1000"
