"""A large definition holds no other run of its worker: whatever looks at all of it does so beside the loop."""

import asyncio
import threading
from collections import defaultdict
from contextvars import ContextVar
from typing import Any, cast

import pytest

from vai_common.db import dump_json
from vai_common.ids import uuid7
from vai_worker.owned import Means, Owned

URL = "https://example.com/"


def owned(definition: Any, secrets: bytes | None = None, **more: Any) -> Owned:
    row = {
        "id": uuid7(),
        "org_id": uuid7(),
        "kind": "http_request",
        "may_rerun": True,
        "definition": dump_json(definition),
    }
    known: Any = defaultdict(lambda: None, row | {"secrets": secrets, "retry_count": 0, "epoch": 1} | more)
    return Owned(known, cast(Means, None))


def deep(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("body", "is_beside"),
    [
        ({"a": 1}, False),
        ([0] * 1_000, False),
        ([0] * 100_000, True),
        ({f"k{number}": number for number in range(30_000)}, True),
        ([["x" * 100] * 10] * 50, True),
        (deep([0] * 30_000, 90), True),
        ([{"a": "x" * 30_000}], True),
    ],
)
async def test_where_a_definition_is_read(body: Any, is_beside: bool) -> None:
    run = owned({"url": URL, "body": body})
    assert (await run.opened()).stored()["body"] == body
    assert (await run.judged(threading.current_thread) is not threading.main_thread()) is is_beside


async def test_large_secrets_count_though_they_are_encrypted() -> None:
    run = owned({"url": URL}, b"x" * 100_000)
    assert await run.judged(threading.current_thread) is not threading.main_thread()


async def test_what_is_done_beside_the_loop_knows_the_span_of_its_caller() -> None:
    span: ContextVar[str] = ContextVar("span")
    span.set("mine")
    assert await owned({"url": URL, "body": [0] * 100_000}).judged(span.get) == "mine"


async def test_one_of_an_organisation_at_a_time() -> None:
    org_id, at_once, most = uuid7(), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal at_once, most
        with lock:
            at_once, most = at_once + 1, max(most, at_once + 1)
        sum(range(200_000))
        with lock:
            at_once -= 1

    runs = [owned({"url": URL, "body": [0] * 100_000}, org_id=org_id) for _ in range(5)]
    await asyncio.gather(*(run.judged(work) for run in runs))
    assert most == 1
