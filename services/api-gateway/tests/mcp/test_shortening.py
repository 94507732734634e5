"""What a tool tells has a bound, whatever it tells."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vai_api_gateway.mcp.shortening import text_of

MOST = 4_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=40), inner, max_size=40),
    max_leaves=200,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_no_value_is_told_at_greater_length(value: object) -> None:
    assert len(text_of(value, MOST).encode()) <= MOST + 2


@pytest.mark.parametrize(
    "value",
    [
        {"id": 7, "result": {"rows": [{"n": n, "text": "ü" * 50} for n in range(1_000)], "total": 1_000}},
        {"id": 7, "result": '\\"\n' * 100_000},
        {"id": 7, "result": ["x" * 100_000, "y"]},
        {"id": 7, "result": {f"k{n}": "x" * 100 for n in range(10_000)}},
        {"id": 7, "result": {"k" * 100_000: 1}},
    ],
    ids=["rows", "quotes", "one-long", "many-fields", "long-name"],
)
def test_the_small_parts_of_a_large_value_stay_and_it_stays_json(value: dict[str, object]) -> None:
    text = text_of(value, MOST)
    assert len(text.encode()) <= MOST
    assert json.loads(text)["id"] == 7
    assert "…" in text


def test_a_small_value_is_told_as_it_is() -> None:
    assert json.loads(text_of({"a": [1, None, "ü"]})) == {"a": [1, None, "ü"]}
