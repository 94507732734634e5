"""What an approval asks for: fields that hang together, and values that fit them, each fault with its field."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.approvals.fields import SAMPLES, ApprovalField
from vai_records.approvals.filling import MOST_BYTES, filled
from vai_records.refused import Refused

NUMBER = {"name": "amount", "type": "number", "minimum": 0, "maximum": 100}
DATE = {"name": "day", "type": "date", "minimum": "2026-01-01", "maximum": "2026-12-31"}
CHOICE = {"name": "way", "type": "choice", "choices": ["air", "sea"]}


def field(**said: Any) -> ApprovalField:
    return ApprovalField.model_validate({"name": "a", **said})


def faults(fields: list[dict[str, Any]], given: dict[str, Any]) -> list[tuple[Any, str]]:
    with pytest.raises(Refused) as error:
        filled({"approval_fields": fields}, given)
    return [(place, said) for place, said, _ in error.value.faults]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "choice"}, "a choice has choices"),
        ({"type": "text", "choices": ["a"]}, "a text has no choices"),
        ({"type": "choice", "choices": ["a", "a"]}, "there twice"),
        ({"type": "number", "min_length": 1}, "min_length and max_length are for a text"),
        ({"type": "text", "minimum": 1}, "minimum: a text has no bounds"),
        ({"type": "date", "minimum": 1}, "minimum: must be a date as YYYY-MM-DD, not 1"),
        ({"type": "number", "maximum": "1"}, 'maximum: must be a number, not "1"'),
        ({"type": "number", "minimum": 5, "maximum": 1}, "minimum is above maximum: 5 and 1; no value fits both"),
        ({"type": "date", "minimum": "2026-02-01", "maximum": "2026-01-31"}, "minimum is above maximum"),
        ({"min_length": 3, "max_length": 2}, "min_length is above max_length: 3 and 2"),
        ({"type": "integer", "default": 1.5}, "the default does not fit: must be a whole number, not 1.5"),
        ({"type": "choice", "choices": ["a"], "default": "b"}, "'b' is none of a"),
        ({"name": "Not a name"}, "should match pattern"),
        ({"type": "word"}, "Input should be"),
    ],
)
def test_a_field_hangs_together(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        field(**said)


@pytest.mark.parametrize(
    ("one", "value", "why"),
    [
        ({}, 1, "must be a text, not 1"),
        ({}, "a\0b", "must be a text"),
        ({"max_length": 2}, "abc", "it has 3 characters, 2 is the most"),
        ({"min_length": 2}, "a", "it has 1 characters, 2 is the least"),
        (NUMBER, True, "must be a number, not true"),
        (NUMBER, "7", 'must be a number, not "7"'),
        (NUMBER, -1, "-1 is below 0, the least"),
        (NUMBER, 100.5, "100.5 is above 100, the most"),
        ({"type": "integer"}, 1.0, "must be a whole number, not 1.0"),
        ({"type": "boolean"}, 1, "must be true or false, not 1"),
        (DATE, "2026-02-30", "must be a date as YYYY-MM-DD"),
        (DATE, "20260101", "must be a date as YYYY-MM-DD"),
        (DATE, "2025-12-31", "2025-12-31 is before 2026-01-01, the first day"),
        (DATE, "2027-01-01", "2027-01-01 is after 2026-12-31, the last day"),
        (CHOICE, "land", "'land' is none of air, sea"),
        (CHOICE, ["air"], "must be a text"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_what_would(one: dict[str, Any], value: Any, why: str) -> None:
    name = one.get("name", "a")
    assert [(place, why in said) for place, said in faults([{"name": name, **one}], {name: value})] == [
        (("body", "values", name), True)
    ]


def test_every_fault_is_told_at_once_with_its_field() -> None:
    fields = [{"name": "note", "title": "Why", "required": True}, NUMBER]
    assert faults(fields, {"amount": "x", "more": 1}) == [
        (("body", "values", "more"), "there is no field 'more'; there are note, amount"),
        (("body", "values", "note"), "the approval needs Why (a text)"),
        (("body", "values", "amount"), 'must be a number, not "x"'),
    ]


def test_defaults_and_nulls_fill_the_rest() -> None:
    fields = [{"name": "a", "required": True, "default": "x"}, {"name": "b"}, NUMBER]
    assert filled({"approval_fields": fields}, {"amount": 7, "a": None}) == {"a": "x", "b": None, "amount": 7}


def test_an_approval_that_asks_for_nothing_takes_nothing() -> None:
    assert filled({}, {}) is None
    with pytest.raises(Refused, match="asks for no values"):
        filled({}, {"a": 1})


def test_all_values_together_have_a_bound() -> None:
    fields = [{"name": f"a{number}"} for number in range(2)]
    given = {f"a{number}": "x" * (MOST_BYTES // 2) for number in range(2)}
    assert [place for place, _ in faults(fields, given)] == [("body", "values")]


@pytest.mark.parametrize("type_name", SAMPLES)
def test_a_sample_is_of_its_type(type_name: str) -> None:
    more = {"choices": [SAMPLES[type_name]]} if type_name == "choice" else {}
    assert field(type=type_name, **more).fault_of(SAMPLES[type_name]) is None
