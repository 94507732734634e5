"""Where a value may be of several types, the faults of the one that was meant are told, and no others (decision 4)."""

from typing import Any

import pytest

from vai_records.refused import Refused
from vai_records.validation.checks import check_saved, complete

LOC = ("body", "definition")
LINE = "must be one line of ASCII characters"


def header(value: Any) -> dict[str, Any]:
    return {"url": "https://shop.test", "headers": {"X-Key": value}}


def query(value: Any) -> dict[str, Any]:
    return {"url": "https://shop.test", "query": {"a": value}}


CASES = [
    (header({"kind": "secret", "value": "a\nb"}), ("headers", "X-Key", "value"), LINE),
    (header({"kind": "secret", "value": "a\r\nSet-Cookie: b"}), ("headers", "X-Key", "value"), LINE),
    (header({"kind": "secret", "value": "é"}), ("headers", "X-Key", "value"), LINE),
    (header("a\nb"), ("headers", "X-Key"), LINE),
    (header({"kind": "secret", "value": 5}), ("headers", "X-Key", "value"), "must be a string"),
    (header({"kind": "secret", "value": None}), ("headers", "X-Key", "value"), "must be a string"),
    (header({"kind": "secret"}), ("headers", "X-Key", "value"), "is required"),
    (header({"kind": "secrets", "value": "a"}), ("headers", "X-Key", "kind"), "must be 'secret'"),
    (header({"kind": "secret", "value": "x" * 16_385}), ("headers", "X-Key", "value"), "at most 16384 characters"),
    (header(5), ("headers", "X-Key"), "must be a string"),
    (header(["a"]), ("headers", "X-Key"), "must be a string"),
    (query({"kind": "secret", "value": {}}), ("query", "a", "value"), "must be a string"),
    (query([{}]), ("query", "a", 0), "must be a string"),
    ({"url": {"kind": "secret", "value": 5}}, ("url", "value"), "must be a string"),
    ({"url": "https://shop.test", "expected_status": ["2xx", {}]}, ("expected_status", 1), "must be a whole number"),
]


@pytest.mark.parametrize("check", [check_saved, complete])
@pytest.mark.parametrize(("definition", "place", "message"), CASES)
def test_only_the_type_that_was_meant_is_told(check: Any, definition: Any, place: Any, message: str) -> None:
    with pytest.raises(Refused) as refused:
        check("http_request", definition, LOC)
    (fault,) = refused.value.faults
    assert fault[0] == (*LOC, *place)
    assert message in fault[1]


def test_faults_of_other_fields_stay() -> None:
    definition = header({"kind": "secret", "value": "a\nb"}) | {"method": 5, "unknown": 1, "max_redirects": 99}
    with pytest.raises(Refused) as refused:
        check_saved("http_request", definition, LOC)
    assert {fault[0][2] for fault in refused.value.faults} == {"headers", "method", "unknown", "max_redirects"}


def test_a_bad_name_is_told_beside_a_bad_value() -> None:
    definition = {"url": "https://shop.test", "headers": {"a b": {"kind": "secret", "value": "a\nb"}}}
    with pytest.raises(Refused) as refused:
        check_saved("http_request", definition, LOC)
    assert len(refused.value.faults) == 2
