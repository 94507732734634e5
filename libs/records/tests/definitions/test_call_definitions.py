"""The definitions of http_request, approval_gate and conditional_branch: what is taken, and which field is at fault."""

from typing import Any

import pytest
from pydantic import ValidationError

from vai_records.definitions.approval_gate import ApprovalGate
from vai_records.definitions.conditional_branch import ConditionalBranch
from vai_records.definitions.http_request import HttpRequest

URL = "https://api.example.com/orders"
CONDITION = {"field": "rows", "operator": "gt", "value": 0}


def faults(model: type, definition: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(definition)
    return [error["loc"] for error in refused.value.errors()]


def test_a_url_is_enough_for_a_request() -> None:
    definition = HttpRequest.model_validate({"url": URL})
    assert (definition.method, definition.repeatable, definition.max_response_bytes) == ("GET", True, 1 << 20)


@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "http_request", "method": "post", "url": URL, "body": {"a": [1, None]}},
        {"url": "/orders", "connection": {"slug": "shop"}},
        {"connection": "shop"},
        {"connectionRef": {"provider": "shopify"}},
        {"url": URL, "headers": {"Authorization": {"secret": True}, "X-Trace": "b"}},
        {"url": URL, "query": {"page": 1, "ids": ["a", 2], "deep": True}},
        {"url": URL, "form": {"a": "b", "client_secret": {"secret": True}}},
        {"url": URL, "body_text": "plain"},
        {"url": URL, "expected_status": ["2xx", 404, "500-503"]},
        {"url": URL, "timeout_seconds": 30, "max_response_bytes": 10 << 20, "max_redirects": 10},
        {"url": "http://[::1]:8080/x"},
        {"url": "http://[::1]"},
        {"url": "http://api.example.com:65535?x=1:2"},
    ],
)
def test_a_request_may_say(definition: dict[str, Any]) -> None:
    HttpRequest.model_validate(definition)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": None}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "orders"}, "url"),
        ({"url": "//evil.example/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://api.example.com\\@evil.example/"}, "url"),
        ({"url": "https://api.example.com/a b"}, "url"),
        ({"url": "https://api.example.com:0/"}, "url"),
        ({"url": "https://api.example.com:65536"}, "url"),
        ({"url": "https://[::1]:port/"}, "url"),
        ({"url": "https://api.example.com:443:80/"}, "url"),
        ({"url": "https://api.example.com/\nx"}, "url"),
        ({"url": "https://user:password@example.com/"}, "url"),
        ({"method": "BREW"}, "method"),
        ({"method": 1}, "method"),
        ({"headers": {"X-Bad\r\nName": "x"}}, "headers"),
        ({"headers": {"X-Name": "x\r\nX-Other: y"}}, "headers"),
        ({"headers": {"Idempotency-Key": "mine"}}, "headers"),
        ({"headers": {"host": "evil.example"}}, "headers"),
        ({"headers": {"Content-Length": "3"}}, "headers"),
        ({"headers": {"X": {"secret": False}}}, "headers"),
        ({"headers": {"X": 1}}, "headers"),
        ({"query": {"a": {"b": 1}}}, "query"),
        ({"body": {}, "body_text": "x"}, "body_text"),
        ({"body": {}, "form": {}}, "form"),
        ({"body_text": "x", "form": {}}, "form"),
        ({"expected_status": 99}, "expected_status"),
        ({"expected_status": "2x"}, "expected_status"),
        ({"expected_status": ["300-200"]}, "expected_status"),
        ({"timeout_seconds": 31}, "timeout_seconds"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_response_bytes": (10 << 20) + 1}, "max_response_bytes"),
        ({"max_redirects": 11}, "max_redirects"),
        ({"idempotent": "perhaps"}, "idempotent"),
        ({"kind": "web_search"}, "kind"),
        ({"urll": URL}, "urll"),
    ],
)
def test_what_is_wrong_with_a_request_names_its_field(change: dict[str, Any], field: str) -> None:
    assert {loc[0] for loc in faults(HttpRequest, {"url": URL, **change})} == {field}


def test_a_request_without_a_host_is_incomplete_not_wrong() -> None:
    with pytest.raises(ValidationError) as refused:
        HttpRequest.model_validate({"method": "POST", "body": {"rows": 1}})
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("missing", ("url",))]


@pytest.mark.parametrize(
    ("definition", "expected", "unexpected"),
    [
        ({}, [200, 204, 299], [199, 302, 400, 500]),
        ({"follow_redirects": False}, [200, 302], [404]),
        ({"expected_status": 404}, [404], [200, 403]),
        ({"expected_status": "2xx"}, [200, 299], [300]),
        ({"expected_status": [200, "401-403", "5xx"]}, [200, 401, 402, 403, 500, 599], [201, 404]),
    ],
)
def test_the_statuses_that_count_as_success(
    definition: dict[str, Any], expected: list[int], unexpected: list[int]
) -> None:
    request = HttpRequest.model_validate({"url": URL, **definition})
    assert all(request.expects(status) for status in expected)
    assert not any(request.expects(status) for status in unexpected)


@pytest.mark.parametrize(
    ("definition", "repeatable"),
    [
        ({"method": "GET"}, True),
        ({"method": "PUT"}, True),
        ({"method": "DELETE"}, True),
        ({"method": "POST"}, False),
        ({"method": "patch"}, False),
        ({"method": "POST", "idempotent": True}, True),
    ],
)
def test_a_post_or_patch_is_not_repeated_unless_it_says_so(definition: dict[str, Any], repeatable: bool) -> None:
    request = HttpRequest.model_validate({"url": URL, "headers": {"Authorization": {"secret": True}}, **definition})
    assert request.repeatable is repeatable
    assert request.on_lost == ("rerun" if repeatable else "fail")


def test_what_is_stored_is_what_was_given() -> None:
    given = {"url": URL, "headers": {"Authorization": {"secret": True}}, "connectionRef": {"slug": "shop"}}
    assert HttpRequest.model_validate(given).stored() == given


def test_an_approval_gate_always_requires_approval() -> None:
    assert ApprovalGate.model_validate({}).requires_approval is True
    assert ApprovalGate.model_validate({}).on_lost == "rerun"
    ApprovalGate.model_validate({"title": "Send?", "message": "To 500 people", "approval_timeout_seconds": 60})
    assert faults(ApprovalGate, {"requires_approval": False}) == [("requires_approval",)]


@pytest.mark.parametrize(
    "definition",
    [
        {"conditions": [CONDITION]},
        {"conditions": [CONDITION], "input": {"rows": 3}},
        {"cases": [{"name": "many", "conditions": [CONDITION]}], "default": "few", "input": {"rows": 3}},
    ],
)
def test_a_branch_has_conditions_or_cases(definition: dict[str, Any]) -> None:
    assert ConditionalBranch.model_validate(definition).model_dump(exclude_unset=True) == definition


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"conditions": []}, ("conditions",)),
        ({"cases": []}, ("cases",)),
        ({"conditions": [{**CONDITION, "operator": "like"}]}, ("conditions", 0, "operator")),
        ({"conditions": [{"operator": "eq", "value": 1}]}, ("conditions", 0, "field")),
        ({"conditions": [CONDITION], "cases": [{"name": "a", "conditions": [CONDITION]}]}, ("conditions",)),
        ({"cases": [{"name": "a b", "conditions": [CONDITION]}]}, ("cases", 0, "name")),
        ({"cases": [{"name": "a", "conditions": [CONDITION]}] * 2}, ("cases",)),
        ({"conditions": [CONDITION], "input": [1]}, ("input",)),
    ],
)
def test_what_is_wrong_with_a_branch_names_its_field(definition: dict[str, Any], field: tuple[Any, ...]) -> None:
    assert faults(ConditionalBranch, definition) == [field]


def test_a_branch_without_conditions_is_incomplete_not_wrong() -> None:
    with pytest.raises(ValidationError) as refused:
        ConditionalBranch.model_validate({})
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("missing", ("conditions",))]
