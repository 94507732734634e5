"""What may be saved and can never work is told (issue 8): as a table, and as a property of what tells nothing."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.records.tests.automations.saving import ACTIONS, BRANCH, CASES, GATE, NOOP, Json, faults, http, saved
from vai_records.automations.body import AutomationBody, Places
from vai_records.automations.reference_text import REFERENCE, parse
from vai_records.automations.saved_steps import Context, SavedAction, read_steps
from vai_records.automations.warnings import condition_warnings, step_warnings, trigger_warnings
from vai_records.definitions.conditions import RootedCondition, judge
from vai_records.definitions.kinds import KINDS

AT = ("body", "steps")
SWITCH = SavedAction(UUID(int=8), "conditional_branch", CASES["definition"])
BARE = SavedAction(UUID(int=9), "duckdb_transform", {})


def warned(*steps: Json) -> list[tuple[str, str]]:
    body = AutomationBody.model_validate({"name": "A", "steps": list(steps)})
    actions = {**ACTIONS, "switch": SWITCH, "bare": BARE}
    found = read_steps(body.steps or [], Context({}, actions), AT, in_sequence=False)
    told = step_warnings(found.saved, found.whole, Places(AT, body.steps or []))
    return [(".".join(map(str, place[2:])), message) for place, message, _ in told]


def asked(field: str, operator: str = "eq", value: Any = 1) -> Json:
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("step", "place", "said"),
    [
        (
            {"kind": "http_request", "definition": {"method": "GET"}},
            "0.definition.url",
            "a url, or a connection",
        ),
        ({"kind": "call_automation", "definition": {}}, "0.definition.automation", "is required"),
        ({"kind": "call_automation"}, "0.definition.automation", "is required"),
        ({"kind": "duckdb_transform", "definition": {}}, "0.definition.sql", "is required"),
        ({"kind": "conditional_branch", "definition": {}}, "0.definition.conditions", "or named cases"),
        ({"kind": "dlt_extract", "definition": {}}, "0.definition.source", "is required"),
        ({"action_id": "bare"}, "0.action_id", "is required"),
        *(({"kind": kind}, "0.kind", "cannot be run") for kind, one in KINDS.items() if not one.available),
        ({"kind": "export", "definition": {"folder": "in"}}, "0.definition.path", "is required"),
    ],
)
def test_what_can_never_run_is_told_with_its_place(step: Json, place: str, said: str) -> None:
    ((where, message),) = warned({"key": "load", **step})
    assert (where, said in message, message.startswith("the step load will fail: ")) == (place, True, True)


@pytest.mark.parametrize(
    "step",
    [
        NOOP,
        GATE,
        BRANCH,
        CASES,
        http(),
        {"action_id": "ping"},
        {"kind": "http_request", "definition": {"url": "$/inputs/url"}},
        {"kind": "http_request", "definition": {"connection": "$/inputs/which"}},
        {"kind": "duckdb_transform", "definition": {"sql": "SELECT 1"}},
        {"kind": "call_automation", "definition": {"automation": "${/inputs/a|/inputs/b}"}},
    ],
)
def test_what_can_run_is_not_warned_of(step: Json) -> None:
    assert warned(step) == []


@pytest.mark.parametrize(
    ("condition", "place", "said"),
    [
        (asked("steps.x.status", "eq", "completed"), "field", "never holds"),
        (asked("steps.x.result.n", "gt", 1), "field", "never holds"),
        (asked("steps.x.status", "ne", "failed"), "field", "always holds"),
        (asked("steps.x.status", "notIn", []), "field", "always holds"),
        (asked("inputs.n", "eq", "$/inputs/limit"), "value", "cannot be a reference"),
        (asked("inputs.n", "eq", "up to $/inputs/limit"), "value", "cannot be a reference"),
        (asked("inputs.n", "in", [1, "${/inputs/limit|3}"]), "value", "cannot be a reference"),
        (asked("inputs.n", "eq", {"kind": "reference", "ref": "$/inputs/limit"}), "value", "cannot be a reference"),
        (asked("event.data['a.b']"), "field", 'event.data."a.b"'),
        (asked("event.data.a\\.b"), "field", 'event.data."a.b"'),
    ],
)
def test_a_condition_that_asks_for_what_is_never_there_is_told(condition: Json, place: str, said: str) -> None:
    assert RootedCondition.model_validate(condition)
    ((where, message, _),) = condition_warnings([condition])
    assert (where, said in message) == (("body", "conditions", 0, place), True)


def test_a_condition_on_what_is_there_is_not_warned_of() -> None:
    fine = [asked('event.data."a.b"'), asked("inputs.n", "in", ["$5", "a/b"]), asked("event.type", "ne", "$")]
    assert list(condition_warnings(fine)) == []


def test_days_of_both_kinds_are_told() -> None:
    schedule = {"type": "schedule", "schedule": "0 0 13 * 5"}
    ((place, message, _),) = trigger_warnings(schedule)
    assert (place, "one of both holds" in message) == (("body", "trigger", "schedule"), True)
    assert list(trigger_warnings({"type": "manual"})) == []


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("*/90 * * * *", "*/90 as the minute is 0 alone"),
        ("5-20/30 * * * *", "5-20/30 as the minute is 5 alone"),
        ("0 */36 * * *", "*/36 as the hour is 0 alone"),
        ("0 0 */45 * *", "*/45 as the day of the month is 1 alone"),
        ("0 0 1 */12 *", "*/12 as the month is 1 alone"),
        ("*/45 * * * *", "begins anew every hour: after 45 comes 0, 15 later"),
        ("0 */5 * * *", "begins anew every day: after 20 comes 0, 4 later"),
    ],
)
def test_a_step_that_does_not_go_on_beyond_its_field_is_told(schedule: str, said: str) -> None:
    ((place, message, kind),) = trigger_warnings({"type": "schedule", "schedule": schedule})
    assert (place, kind, said in message) == (("body", "trigger", "schedule"), "steps", True)


@pytest.mark.parametrize(
    "schedule",
    ["*/15 * * * *", "0 */6 * * *", "0 0 */2 * *", "0 0 1 */3 *", "* * * * *", "*/1 * * * *", "5-5/1 * * * *",
     "0-59/7 * * * *", "0 9-17/2 * * *", "1,2/5 * * * *"],
)  # fmt: skip
def test_a_step_that_means_what_it_says_is_not_warned_of(schedule: str) -> None:
    assert list(trigger_warnings({"type": "schedule", "schedule": schedule})) == []


def test_the_ports_of_a_saved_action_are_at_hand() -> None:
    behind = {"key": "after", **NOOP, "depends_on": [{"step": "route", "port": "yes"}]}
    body = AutomationBody.model_validate({"name": "A", "steps": [{"key": "route", "action_id": "switch"}, behind]})
    with pytest.raises(Exception, match="route has no port 'yes': its ports are big, small"):
        read_steps(body.steps or [], Context({}, {"switch": SWITCH}), AT, in_sequence=False)


@given(st.text(min_size=1, max_size=30))
def test_every_input_that_may_be_declared_can_be_named(name: str) -> None:
    """In a string by a reference, and in a condition; all others are refused."""
    try:
        AutomationBody.model_validate({"name": "A", "steps": [NOOP], "inputs": {name: {}}})
    except ValidationError:
        return
    written = f'${{/inputs/"{name}"}}'
    assert REFERENCE.fullmatch(written)
    assert parse(written).references[0].path == ("inputs", name)
    condition = RootedCondition.model_validate(asked(f'inputs."{name}"'))
    assert judge([condition], {"inputs": {name: 1}})[0].holds


@pytest.mark.parametrize("name", ["a b", "dc:title", "a.b", "order-id", "日付", "a|b", "$x"])
def test_names_of_other_systems_may_be_declared(name: str) -> None:
    assert saved(http(f'${{/inputs/"{name}"}}'), inputs={name: {}})


@pytest.mark.parametrize("name", ["", "a/b", "{a}", 'a"b', "a\\b", " a", "a ", "a\nb"])
def test_names_that_no_reference_can_say_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        faults(NOOP, inputs={name: {}})
