"""Large answers hold nobody: they are parsed beside the loop, one of each organisation at a time."""

import asyncio
import threading
from typing import Any

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_agent_worker.parsing import LARGE, Parsing
from vai_agent_worker.response import Answer
from vai_common.ids import uuid7
from vai_records.secrets.hiding import Hidden

SECRET = 'top"secret/ü'
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))  # which Postgres refuses, and is replaced
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXT, st.just(f"x{SECRET}y")),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)),
)


def _answer(raw: bytes) -> Answer:
    headers = httpx2.Headers({"content-type": "application/json"})
    return Answer("GET", "https://a.example", 200, headers, None, raw, False, 0.1)


@given(value=VALUES)
def test_a_search_in_the_text_finds_what_a_walk_finds(value: Any) -> None:
    hidden = Hidden([SECRET])
    result = _answer(orjson.dumps(value)).result(hidden)
    assert result["body"] == hidden.out_of(value)


def test_millions_of_numbers_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Hidden([SECRET])
    walked: list[Any] = []
    real = hidden.out_of
    monkeypatch.setattr(hidden, "out_of", lambda value: walked.append(value) or real(value))
    body = _answer(b"[" + b"1," * 1_000_000 + b"1]").result(hidden)["body"]
    assert len(body) == 1_000_001
    assert [value for value in walked if isinstance(value, list)] == []


class Slow:
    """An answer whose parsing takes until the test lets it end."""

    def __init__(self, size: int) -> None:
        self.raw = b"x" * size
        self.go = threading.Event()
        self.begun = threading.Event()

    def result(self, _hidden: Hidden) -> dict[str, Any]:
        self.begun.set()
        assert self.go.wait(10)
        return {}


async def test_one_organisations_large_answers_wait_for_each_other_and_for_nobody_else() -> None:
    parsing, hidden, flood, other = Parsing(), Hidden([]), uuid7(), uuid7()
    slow: list[Any] = [Slow(LARGE) for _ in range(3)]
    tasks = [asyncio.create_task(parsing.result(flood, one, hidden)) for one in slow]
    await asyncio.to_thread(slow[0].begun.wait, 10)
    quick: Any = Slow(LARGE)
    quick.go.set()
    assert await asyncio.wait_for(parsing.result(other, quick, hidden), 10) == {}
    assert await parsing.result(flood, _answer(b"[1]"), hidden)
    assert [one.begun.is_set() for one in slow] == [True, False, False]
    for one in slow:
        one.go.set()
    await asyncio.gather(*tasks)
