"""A secret's mark counts where its author wrote it; a value that looks like one arrives as it is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vai_records.automations.references import resolve
from vai_records.validation import checks
from vai_records.validation.masking import secret_texts_of, unmarked

_URL = "https://x.test/"
_LOOKS_LIKE_ONE = st.sampled_from(
    [{"secret": True}, {"kind": "secret", "value": "hush"}, {"kind": "secret", "value": {"secret": True}}]
)
_VALUES = st.recursive(
    _LOOKS_LIKE_ONE | st.none() | st.integers(0, 9) | st.sampled_from(["a", "https://h/?token=abc", "Bearer abcdefgh"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "token", "secret", "kind", "value"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _sent(definition: dict[str, Any], value: Any) -> tuple[Any, list[str]]:
    """The body that is sent for a step, and what is hidden as marked, on the way that a run takes."""
    filled = resolve("http_request", {"url": _URL, **definition}, lambda _: value)
    model = checks.complete("http_request", checks.whole("http_request", filled, None, ()), ())
    shown, kept = checks.split("http_request", model.stored(), None, ())
    whole = checks.whole("http_request", shown, kept, ())
    return unmarked(whole["body"]), secret_texts_of(whole)[1]


@given(_VALUES)
def test_a_value_arrives_as_it_is(value: Any) -> None:
    assert _sent({"body": "$/inputs/a"}, value)[0] == value
    assert _sent({"body": {"p": ["$/inputs/a"]}}, value)[0] == {"p": [value]}
    assert _sent({"body": {"token": "${/inputs/a}"}}, value)[0] == {"token": value}
    whole = {"kind": "reference", "ref": "$/inputs/a", "default": 1}
    assert _sent({"body": {"p": whole}}, value)[0] == {"p": 1 if value is None else value}


def test_a_mark_of_the_author_counts_beside_it() -> None:
    body = {"mine": {"kind": "secret", "value": "quiet"}, "theirs": "$/inputs/a"}
    sent, marked = _sent({"body": body}, {"kind": "secret", "value": "hush"})
    assert sent == {"mine": "quiet", "theirs": {"kind": "secret", "value": "hush"}}
    assert marked == ["quiet"]


def test_where_no_mark_is_looked_for_a_value_is_left_alone() -> None:
    value = {"kind": "secret", "value": "v"}
    assert resolve("call_automation", {"inputs": {"a": "$/inputs/a"}}, lambda _: value) == {"inputs": {"a": value}}
    definition = {"resources": [{"name": "r", "columns": "$/inputs/a"}]}
    assert resolve("dlt_extract", definition, lambda _: value) == {"resources": [{"name": "r", "columns": value}]}
