"""The processes beside the worker that read pages: what a page costs that is made to hurt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from vai_agent_worker.pages.asked import Asked
from vai_agent_worker.pages.limits import TookTooLong, within
from vai_agent_worker.pages.readers import Readers
from vai_testkit.servers.odd_pages import ARTICLE, SENTENCE, pages
from vai_testkit.servers.web import Reply

ORG = uuid4()


def asked(seconds: float = 5.0) -> Asked:
    return {
        "url": "https://example.com/",
        "media_type": "text/html",
        "charset": None,
        "truncated": False,
        "characters": 100_000,
        "links": 10,
        "images": 10,
        "seconds": seconds,
    }


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    found = Readers(memory_mb=96, at_once=2)
    yield found
    await found.stop()


def body(path: str) -> bytes:
    reply: Any = pages()[path]
    assert isinstance(reply, Reply)
    return reply.body


async def test_a_hostile_page_costs_itself_and_nothing_else(readers: Readers) -> None:
    """One test, for the processes take a second to start: too slow, too large, then a good page as ever."""
    slow = await readers.read(ORG, body("/attributes"), asked(seconds=0.5))
    assert slow.get("refusal") == "takes longer than 0 s to read"
    large = f"<html><body>{'<p><b>x</b></p>' * 500_000}</body></html>".encode()
    greedy = await readers.read(ORG, large, asked())
    assert "memory" in greedy.get("refusal", ""), greedy
    both = await asyncio.gather(*(readers.read(uuid4(), ARTICLE.encode(), asked()) for _ in range(4)))
    assert all(SENTENCE in reading["text"] for reading in both)


async def test_processes_end_when_there_are_no_pages(readers: Readers) -> None:
    await readers.read(ORG, ARTICLE.encode(), asked())
    readers._last_used -= 1_000
    await readers.stop_idle_once()
    assert readers._server is None
    again = await readers.read(ORG, ARTICLE.encode(), asked())
    assert again["title"] == "The tower of Konya"


def test_the_end_of_the_time_is_caught_by_no_library() -> None:
    """Libraries catch `Exception` around a part of a page, and go on with the next."""
    with pytest.raises(TookTooLong), within(0.01):
        while True:
            with suppress(Exception):
                sum(range(100))
