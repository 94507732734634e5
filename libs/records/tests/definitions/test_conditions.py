"""The conditions language: a table for each operator, and what holds for all of them."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.conditions import MISSING, Condition, Operator, RootedCondition, all_hold, judge, look_up

# operator, seen, value, whether it holds
EQ = [
    ("eq", "new", "new", True),
    ("eq", "new", "New", False),
    ("eq", 1, 1, True),
    ("eq", 1, 1.0, True),
    ("eq", 9007199254740993, 9007199254740992, False),
    ("eq", 1, "1", False),
    ("eq", "1", 1, False),
    ("eq", True, 1, False),
    ("eq", 1, True, False),
    ("eq", 0, False, False),
    ("eq", True, True, True),
    ("eq", False, True, False),
    ("eq", None, None, True),
    ("eq", None, 0, False),
    ("eq", None, "", False),
    ("eq", "", None, False),
    ("eq", [1, 2], [1, 2], True),
    ("eq", [1, 2], [2, 1], False),
    ("eq", [1], [True], False),
    ("eq", [1], [1, 2], False),
    ("eq", {"a": 1}, {"a": 1.0}, True),
    ("eq", {"a": 1}, {"a": True}, False),
    ("eq", {"a": 1}, {"b": 1}, False),
    ("eq", {}, [], False),
]
NE = [("ne", seen, value, not holds) for _, seen, value, holds in EQ]
GT = [
    ("gt", 101, 100, True),
    ("gt", 100, 100, False),
    ("gt", 99, 100, False),
    ("gt", 100.5, 100, True),
    ("gt", -1, 0, False),
    ("gt", "101", 100, False),
    ("gt", True, 0, False),
    ("gt", None, 0, False),
    ("gt", [101], 100, False),
    ("gt", {"n": 101}, 100, False),
]
GTE = [
    ("gte", 100, 100, True),
    ("gte", 100.0, 100, True),
    ("gte", 99.9, 100, False),
    ("gte", "100", 100, False),
    ("gte", True, 1, False),
    ("gte", None, 0, False),
]
LT = [
    ("lt", 99, 100, True),
    ("lt", 100, 100, False),
    ("lt", 101, 100, False),
    ("lt", "99", 100, False),
    ("lt", False, 1, False),
    ("lt", None, 1, False),
]
LTE = [
    ("lte", 100, 100, True),
    ("lte", 100.1, 100, False),
    ("lte", "100", 100, False),
    ("lte", False, 0, False),
    ("lte", None, 0, False),
]
CONTAINS = [
    ("contains", "ann@company.com", "@company.com", True),
    ("contains", "ann@company.com", "@Company.com", False),
    ("contains", "ann", "", True),
    ("contains", "123", 2, False),
    ("contains", 123, "2", False),
    ("contains", None, "a", False),
    ("contains", ["new", "paid"], "paid", True),
    ("contains", ["new", "paid"], "pai", False),
    ("contains", [1, 2], 2.0, True),
    ("contains", [1, 2], "2", False),
    ("contains", [1], True, False),
    ("contains", [None], None, True),
    ("contains", [[1, 2]], [1, 2], True),
    ("contains", [{"id": 1}], {"id": 1}, True),
    ("contains", [], "a", False),
    ("contains", {"paid": 1}, "paid", False),
]
STARTS_WITH = [
    ("startsWith", "PROD-1", "PROD-", True),
    ("startsWith", "prod-1", "PROD-", False),
    ("startsWith", "1-PROD-", "PROD-", False),
    ("startsWith", 123, "1", False),
    ("startsWith", None, "P", False),
    ("startsWith", ["PROD-"], "PROD-", False),
]
ENDS_WITH = [
    ("endsWith", "report.csv", ".csv", True),
    ("endsWith", "report.CSV", ".csv", False),
    ("endsWith", 123, "3", False),
    ("endsWith", None, "3", False),
    ("endsWith", [".csv"], ".csv", False),
]
IN = [
    ("in", "US", ["US", "CA", "MX"], True),
    ("in", "us", ["US", "CA", "MX"], False),
    ("in", 1, [1.0], True),
    ("in", 1, ["1"], False),
    ("in", True, [1], False),
    ("in", None, [None], True),
    ("in", None, [], False),
    ("in", ["US"], ["US"], False),
    ("in", ["US"], [["US"]], True),
]
NOT_IN = [("notIn", seen, value, not holds) for _, seen, value, holds in IN]

TABLE = [*EQ, *NE, *GT, *GTE, *LT, *LTE, *CONTAINS, *STARTS_WITH, *ENDS_WITH, *IN, *NOT_IN]
A_VALUE: dict[str, Any] = {"gt": 1, "gte": 1, "lt": 1, "lte": 1, "in": [1], "notIn": [1]}


def condition(field: str, operator: str, value: Any) -> Condition:
    return Condition.model_validate({"field": field, "operator": operator, "value": value})


def holds(field: str, operator: str, value: Any, values: dict[str, Any]) -> bool:
    return all_hold(judge([condition(field, operator, value)], values))


@pytest.mark.parametrize(("operator", "seen", "value", "expected"), TABLE)
def test_an_operator_compares_without_casts(operator: str, seen: Any, value: Any, expected: bool) -> None:
    assert holds("x", operator, value, {"x": seen}) is expected


def test_the_table_has_all_eleven_operators() -> None:
    assert {operator for operator, *_ in TABLE} == set(Operator)
    assert len(Operator) == 11


@pytest.mark.parametrize("operator", list(Operator))
def test_a_missing_field_fails_every_operator_but_ne_and_not_in(operator: str) -> None:
    value = A_VALUE.get(operator, "a")
    for field in ("gone", "event.gone", "event.data.gone.deeper", "event.list.9", "event.name.first"):
        values = {"event": {"data": {}, "list": [1], "name": "Ann"}}
        assert holds(field, operator, value, values) is (operator in ("ne", "notIn"))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("event.data.orderTotal", 120),
        ("event.data.customer.tier", "enterprise"),
        ("event.data.nothing", None),
        ("event.data.lines.0.sku", "PROD-1"),
        ("event.data.lines.1.sku", MISSING),
        ("event.data.lines.-1.sku", MISSING),
        ("event.data.lines.first", MISSING),
        ("event.data.lines.²", MISSING),
        ("event.data.orderTotal.cents", MISSING),
        ("event.data.nothing.deeper", MISSING),
        ("event.data.0", "a key that is a number"),
        ("event.data.Order Id", 7),
        ("steps.extract.result.per_resource_rows.orders", 3),
    ],
)
def test_a_dotted_path_leads_into_objects_and_arrays(path: str, found: Any) -> None:
    data = {
        "orderTotal": 120,
        "customer": {"tier": "enterprise"},
        "nothing": None,
        "lines": [{"sku": "PROD-1"}],
        "0": "a key that is a number",
        "Order Id": 7,
    }
    values = {"event": {"data": data}, "steps": {"extract": {"result": {"per_resource_rows": {"orders": 3}}}}}
    assert look_up(path, values) is found


def test_all_conditions_must_hold() -> None:
    new, local = condition("event.status", "eq", "new"), condition("event.region", "in", ["US", "CA"])
    assert all_hold(judge([new, local], {"event": {"status": "new", "region": "CA"}}))
    assert not all_hold(judge([new, local], {"event": {"status": "new", "region": "FR"}}))
    assert all_hold(judge([], {}))


def test_what_was_seen_is_told_and_left_out_where_there_was_nothing() -> None:
    judged = judge([condition("a", "gt", 1), condition("b", "ne", 1)], {"a": None})
    assert [one.as_json() for one in judged] == [
        {"field": "a", "operator": "gt", "value": 1, "seen": None, "holds": False},
        {"field": "b", "operator": "ne", "value": 1, "holds": True},
    ]


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        ("gt", "100", "compares numbers"),
        ("gte", True, "compares numbers"),
        ("lt", None, "compares numbers"),
        ("lte", [1], "compares numbers"),
        ("startsWith", 1, "takes a string"),
        ("endsWith", None, "takes a string"),
        ("in", "US", "takes an array"),
        ("notIn", {"US": 1}, "takes an array"),
        ("equals", 1, "'eq'"),
        ("EQ", 1, "'eq'"),
    ],
)
def test_a_value_that_its_operator_cannot_use_is_refused(operator: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        condition("x", operator, value)


@pytest.mark.parametrize("field", ["", ".", "a.", ".a", "a..b"])
def test_a_path_without_a_name_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        condition(field, "eq", 1)


@pytest.mark.parametrize("field", ["event.data.x", "inputs.x", "steps.extract.status", "event"])
def test_an_automation_judges_events_inputs_and_steps(field: str) -> None:
    assert RootedCondition.model_validate({"field": field, "operator": "eq", "value": 1}).field == field


@pytest.mark.parametrize("field", ["data.x", "Event.x", "eventually.x", "secrets.x"])
def test_a_path_of_an_automation_starts_at_a_root(field: str) -> None:
    with pytest.raises(ValidationError, match="event, inputs, steps"):
        RootedCondition.model_validate({"field": field, "operator": "eq", "value": 1})


@pytest.mark.parametrize(("values", "shown"), [({"x": 3}, {"seen": 3}), ({"x": None}, {"seen": None}), ({}, {})])
def test_what_was_seen_is_shown_beside_the_condition(values: dict[str, Any], shown: dict[str, Any]) -> None:
    (judged,) = judge([condition("x", "eq", 3)], values)
    assert judged.as_json() == {"field": "x", "operator": "eq", "value": 3, **shown, "holds": values.get("x") == 3}
