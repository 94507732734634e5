"""The process that draws: it answers, remembers, gives up, and never takes its caller with it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from vai_drawing import Edge, Graph, Node, as_graph, as_json, drawer
from vai_drawing.drawer import Busy, Drawer
from vai_drawing.layout import TooLarge
from vai_drawing.svg import svg
from vai_testkit.wait import wait_for


@pytest.fixture
async def drawing() -> AsyncIterator[Drawer]:
    made = Drawer()
    yield made
    await made.close()


def _graph(title: str = "Nightly", steps: int = 3) -> Graph:
    nodes = [Node(f"s{n}", f"Step {n} \u2028 <x>", "dlt_extract", "completed", 1.5, "always") for n in range(steps)]
    return Graph(title, nodes, [Edge(f"s{n}", f"s{n + 1}", "ok", True) for n in range(steps - 1)])


def _endless() -> Graph:
    """More than is drawn in no time: it is there to be given up."""
    return _graph("endless", 1_500)


def test_a_graph_survives_its_way_to_the_process() -> None:
    assert as_graph(as_json(_graph())) == _graph()


async def test_the_drawing_is_that_of_the_library(drawing: Drawer) -> None:
    assert await drawing.svg(_graph()) == svg(_graph())


async def test_many_at_once_are_each_answered(drawing: Drawer) -> None:
    graphs = [_graph(f"number {number}") for number in range(20)]
    drawn = await asyncio.gather(*(drawing.svg(graph) for graph in graphs))
    assert [f"number {number}" in text for number, text in enumerate(drawn)] == [True] * 20


async def test_what_was_drawn_is_remembered(drawing: Drawer) -> None:
    first = await drawing.svg(_graph())
    await drawing.close()
    assert await drawing.svg(_graph()) is first


async def test_what_is_remembered_has_a_bound(drawing: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "_KEPT_BYTES", 10_000)
    for number in range(6):
        await drawing.svg(_graph(f"number {number}"))
    assert sum(map(len, drawing._kept.values())) <= 10_000


async def test_too_large_is_told_and_the_next_is_drawn(drawing: Drawer) -> None:
    nodes = _graph(steps=160).nodes
    every = [Edge(f"s{a}", f"s{b}", "port") for a in range(80) for b in range(80, 160)]
    with pytest.raises(TooLarge):
        await drawing.svg(Graph("", nodes, every))
    assert await drawing.svg(_graph())


async def test_what_takes_too_long_is_given_up_and_the_next_is_drawn(
    drawing: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurry:
        hurry.setattr(drawer, "SECONDS", 0.01)
        with pytest.raises(TooLarge):
            await drawing.svg(_endless())
    assert await drawing.svg(_graph())


async def test_a_caller_that_goes_away_leaves_no_half_answer(drawing: Drawer) -> None:
    gone = asyncio.create_task(drawing.svg(_endless()))
    await wait_for(lambda: drawing._process)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await drawing.svg(_graph()) == svg(_graph())


async def test_a_process_that_is_killed_is_started_again(drawing: Drawer) -> None:
    await drawing.svg(_graph())
    assert drawing._process is not None
    drawing._process.kill()
    await drawing._process.wait()
    assert await drawing.svg(_graph("another"))


async def test_a_process_that_cannot_start_blames_no_graph(drawing: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer.sys, "executable", "/bin/false")
    with pytest.raises(drawer.Failed, match="ended with 1"):
        await drawing.svg(_graph())
    monkeypatch.undo()
    assert await drawing.svg(_graph())


async def test_more_than_may_wait_are_sent_away(drawing: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "MOST_WAITING", 2)
    asked = [asyncio.create_task(drawing.svg(_graph(f"number {number}"))) for number in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, Busy) for answer in answers] == [False, False, True]


async def test_an_idle_process_ends(drawing: Drawer) -> None:
    await drawing.svg(_graph())
    process = drawing._process
    assert process is not None
    drawing._stop_if_idle()
    assert await asyncio.wait_for(process.wait(), 20) == 0
