"""Numbers that nobody can keep are found with their place, at a cost that grows as the body does, or stay as texts."""

import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common import numbers

_LONG = b"123456789012345678901234567890"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (_LONG, ()),
        (b"[1, [2, %s]]" % _LONG, (1, 1)),
        (b'{"a": {"b": [{"c": %s}]}}' % _LONG, ("a", "b", 0, "c")),
        (b'{"a": 1e400}', ("a",)),
        (b'{"a": NaN}', ("a",)),
        (b'{"a": -Infinity}', ("a",)),
    ],
)
def test_the_place_of_an_odd_number_is_told(body: bytes, place: tuple[str | int, ...]) -> None:
    found = numbers.find(body)
    assert found is not None
    assert found[0] == place


@pytest.mark.parametrize(
    "body", [b"18446744073709551615", b"-9223372036854775808", b"[0.1, 1e308]", b"no JSON", b"[" * 5_000]
)
def test_what_can_be_kept_is_not_odd(body: bytes) -> None:
    assert numbers.find(body) is None


def _as_text(value: Any) -> Any:
    """What a reader should find: each whole number that 64 bits do not hold is a text of its digits."""
    if isinstance(value, dict):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


_WHOLE = st.integers() | st.integers(2**63 - 2, 2**64 + 2) | st.integers(-(2**63) - 2, -(2**63) + 2)
_JSON = st.recursive(
    _WHOLE | st.none() | st.booleans() | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner),
    max_leaves=8,
)


@given(_JSON)
def test_a_whole_number_keeps_its_digits_or_is_found_and_is_never_changed(value: Any) -> None:
    raw = json.dumps(value).encode()
    kept = numbers.kept(raw)
    assert kept == _as_text(value)
    assert numbers.odd_in(kept) is None
    is_odd = kept != value
    assert (numbers.find(raw) is not None) == (numbers.odd_in(value) is not None) == is_odd
    assert numbers.may_be_odd(raw) or not is_odd
    if not is_odd:
        assert orjson.loads(raw) == value


@pytest.mark.parametrize("digits", [10**24 - 1, -(10**24), 10**4_000, 2**64])
def test_a_number_that_is_kept_is_a_text_of_its_digits(digits: int) -> None:
    assert numbers.kept(b'{"id": [%d, 0.5, 7]}' % digits) == {"id": [str(digits), 0.5, 7]}
    assert numbers.odd_in({"id": [0.5, digits]}) == (("id", 1), str(digits))


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_float_that_is_no_number_is_odd(value: float) -> None:
    assert numbers.odd_in([1, {"a": value}]) == ((1, "a"), str(value))


def test_a_deep_and_wide_body_takes_no_more_memory_than_a_flat_one() -> None:
    """Each of a hundred thousand numbers once held its whole path."""
    numbers = b"0," * 100_000 + b"0"
    assert _peak(b"[" * 400 + numbers + b"]" * 400) < 3 * _peak(b"[" + numbers + b"]")


def _peak(body: bytes) -> int:
    tracemalloc.start()
    try:
        numbers.find(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
