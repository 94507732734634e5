"""Long numbers within texts and outside of them: the quick look and the decoder agree."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_extract_worker.values import jsontext
from vai_extract_worker.values.jsontext import Digits, parse

TEXTS = [
    "00000000-0000-4000-8e12-3456789e1234",
    '"',
    "\\",
    '\\"',
    'a\\\\" : 12345678901234567890123',
    '", 1e400, "',
    "1e999",
    ": 123456789012345678901234567890",
    "",
]
NUMBERS = ["1", "-0.5", "1e5", "1e400", "12345678901234567890123", "0.1234567890123456789012345", "1.5e-300", "-1E+999"]

texts = st.one_of(st.sampled_from(TEXTS), st.text(alphabet='\\"e19.-:, {}[]', max_size=40)).map(json.dumps)
values = st.recursive(
    st.one_of(texts, st.sampled_from(NUMBERS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda some: f"[{', '.join(some)}]"),
        st.lists(st.tuples(texts, inner), max_size=4).map(
            lambda some: f"{{{','.join(f'{name}:{value}' for name, value in some)}}}"
        ),
    ),
    max_leaves=12,
)


def as_written(text: str) -> Any:
    return jsontext.DECODER.decode(text)


@given(values)
def test_no_text_hides_a_number_and_no_number_is_changed(text: str) -> None:
    assert parse(text.encode()) == as_written(text)


@pytest.mark.parametrize("text", TEXTS)
def test_what_stands_in_a_text_costs_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "_NUMBERS", None)  # nobody searches for numbers one by one
    body = {"id": text, text: [1, 2.5, None, text]}
    assert parse(json.dumps(body).encode()) == body


def test_a_number_beside_such_texts_is_kept() -> None:
    body = rb'{"id": "0e1234\\", "x": "\"", "n": 12345678901234567890.5, "far": 1e999}'
    found = parse(body)
    assert (found["n"], found["far"]) == ("12345678901234567890.5", "1e999")
    assert isinstance(found["n"], Digits)
