"""Where a branch goes on, and what it tells of the conditions that it looked at."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.conditional_branch import ConditionalBranch as Definition
from vai_scheduler.approval_gate import ApprovalGate
from vai_scheduler.conditional_branch import ConditionalBranch, route
from vai_testkit.owned import HeldRun


def condition(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def routed(definition: dict[str, Any]) -> dict[str, Any]:
    return route(Definition.model_validate(definition))


TIERS = [
    {"name": "large", "conditions": [condition("order.total", "gte", 1000)]},
    {"name": "local", "conditions": [condition("order.total", "gte", 10), condition("order.region", "in", ["US"])]},
]


@pytest.mark.parametrize(
    ("conditions", "port"),
    [
        ([condition("rows", "gt", 0)], "true"),
        ([condition("rows", "gt", 3)], "false"),
        ([condition("rows", "gt", 0), condition("status", "eq", "completed")], "true"),
        ([condition("rows", "gt", 0), condition("status", "eq", "failed")], "false"),
        ([condition("gone", "eq", None)], "false"),
        ([condition("gone", "ne", 1)], "true"),
        ([condition("rows", "gt", 2), condition("tables", "contains", "orders")], "true"),
        ([condition("rows", "eq", "3")], "false"),
    ],
)
def test_conditions_lead_to_true_or_false(conditions: list[dict[str, Any]], port: str) -> None:
    data = {"rows": 3, "status": "completed", "tables": ["orders"]}
    assert routed({"conditions": conditions, "input": data})["port"] == port


@pytest.mark.parametrize(
    ("order", "port"),
    [
        ({"total": 5000, "region": "US"}, "large"),
        ({"total": 50, "region": "US"}, "local"),
        ({"total": 50, "region": "FR"}, "rest"),
        ({}, "rest"),
    ],
)
def test_the_first_case_that_holds_is_the_port(order: dict[str, Any], port: str) -> None:
    assert routed({"cases": TIERS, "default": "rest", "input": {"order": order}})["port"] == port


def test_a_branch_without_a_named_default_goes_on_at_default() -> None:
    assert routed({"cases": TIERS})["port"] == "default"


def test_what_was_looked_at_is_told_with_what_was_seen() -> None:
    first = condition("rows", "gt", 5)
    second = condition("gone", "eq", 1)
    assert routed({"conditions": [first, second], "input": {"rows": 3}})["evaluated"] == [
        {**first, "seen": 3, "holds": False},
        {**second, "holds": False},
    ]


def test_cases_after_the_one_that_holds_are_not_looked_at() -> None:
    evaluated = routed({"cases": TIERS, "input": {"order": {"total": 5000}}})["evaluated"]
    assert [one["case"] for one in evaluated] == ["large"]


async def test_a_branch_that_runs_ends_with_its_port() -> None:
    definition = {"conditions": [condition("rows", "gt", 0)], "input": {"rows": 3}}
    assert (await ConditionalBranch().perform(HeldRun("conditional_branch", definition)))["port"] == "true"


async def test_a_branch_whose_definition_is_wrong_fails_for_good_and_names_the_field() -> None:
    with pytest.raises(Permanent, match="compares numbers") as failed:
        await ConditionalBranch().perform(
            HeldRun("conditional_branch", {"conditions": [condition("rows", "gt", "many")]})
        )
    assert (failed.value.code, failed.value.details) == (ErrorCode.DATA_ERROR, {"field": "conditions.0.value"})


async def test_an_approval_gate_that_was_approved_goes_on() -> None:
    assert await ApprovalGate().perform(HeldRun("approval_gate", {"title": "Send?"})) == {"port": "approved"}
