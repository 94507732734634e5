"""A vendor's pace is kept by all processes together, and costs a statement a second."""

import asyncio
import heapq
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from vai_common.clock import now, steady_seconds
from vai_common.errors import Retryable
from vai_extract_worker import rates as pacing
from vai_extract_worker.rates import SharedPace
from vai_records.connections import rates
from vai_testkit.link import RecordingLink


class Line:
    """A bucket in memory, as Postgres keeps it, for several children."""

    def __init__(self) -> None:
        self.next_at = 0.0
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def child(self, interval: float) -> SharedPace:
        return SharedPace(interval, RecordingLink({name: self._answering(name) for name in pacing.QUESTIONS}), "b")

    def _answering(self, question: str) -> Any:
        def answer(payload: dict[str, Any]) -> dict[str, Any]:
            self.asked.append((question, payload))
            if question == "pace":
                begin = max(self.next_at, steady_seconds())
                self.next_at = begin + payload["interval"] * payload["count"]
                return {"wait": begin - steady_seconds(), "end": str(self.next_at)}
            if question == "pace_back" and payload["end"] == str(self.next_at):
                self.next_at -= payload["seconds"]
            if question == "pace_hold":
                self.next_at = max(self.next_at, steady_seconds() + payload["seconds"])
            return {}

        return answer

    def count(self, question: str) -> int:
        return sum(asked == question for asked, _ in self.asked)


def send(pace: SharedPace, times: int) -> list[float]:
    sent = []
    for _ in range(times):
        pace.keep()
        sent.append(steady_seconds())
    return sent


async def test_three_children_keep_the_distance_together() -> None:
    line = Line()
    sent = await asyncio.gather(*(asyncio.to_thread(send, line.child(0.02), 12) for _ in range(3)))
    moments = sorted(moment for those in sent for moment in those)
    assert moments[-1] - moments[0] >= 35 * 0.02


def test_who_is_faster_than_the_pace_asks_once_a_second_and_gives_back_what_is_left() -> None:
    line = Line()
    pace = line.child(0.01)
    send(pace, 60)
    assert line.count("pace") == 2
    pace.close()
    assert line.next_at - steady_seconds() < 0.2
    assert line.count("pace_back") == 1


@pytest.mark.parametrize("children", [1, 2, 4, 9])
def test_children_that_take_turns_reserve_a_second_together(children: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So little is lost where one ends, and each asks once a second, not more often."""
    clock = {"now": 0.0}
    monkeypatch.setattr(pacing, "steady_seconds", lambda: clock["now"])
    monkeypatch.setitem(globals(), "steady_seconds", lambda: clock["now"])
    monkeypatch.setattr(pacing, "wait", lambda seconds, _: clock.update(now=clock["now"] + max(0.0, seconds)))
    line = Line()
    turns = [(0.0, number, line.child(0.1)) for number in range(children)]
    while turns[0][0] < 60:
        clock["now"], number, pace = turns[0]
        pace.keep()
        heapq.heapreplace(turns, (clock["now"], number, pace))
    late = [payload["count"] for question, payload in line.asked[-5 * children :] if question == "pace"]
    assert sum(late) / len(late) == pytest.approx(max(1.0, 1 / 0.102 / children), abs=1.0)
    assert line.count("pace") <= 70 * children


def test_who_is_slower_takes_one_place_each_and_leaves_the_others() -> None:
    line = Line()
    pace = line.child(0.01)
    for _ in range(3):
        pace.keep()
        pace._sent = steady_seconds() - 1  # the vendor took a second to answer
    assert [payload["count"] for _, payload in line.asked] == [1, 1, 1]


def test_who_would_wait_for_long_frees_its_worker_and_its_place() -> None:
    line = Line()
    line.next_at = before = steady_seconds() + 400
    with pytest.raises(Retryable) as failed:
        line.child(0.01).keep()
    assert 390 < (failed.value.retry_after or 0) <= 400
    assert line.next_at == pytest.approx(before)


def test_where_the_database_is_away_each_process_keeps_the_distance_alone() -> None:
    pace = SharedPace(0.02, RecordingLink(), "b")
    sent = send(pace, 5)
    assert sent[-1] - sent[0] >= 4 * 0.02


@pytest.mark.parametrize(
    ("status", "headers", "held"),
    [
        (200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "41"}, 41.0),
        (429, {"Retry-After": "7"}, 7.0),
        (200, {"RateLimit-Remaining": "3", "RateLimit-Reset": "41"}, None),
        (200, {}, None),
    ],
)
def test_what_the_vendor_says_of_its_count_holds_all(status: int, headers: dict[str, str], held: float | None) -> None:
    line = Line()
    pace, response = line.child(0.01), requests.Response()
    response.status_code = status
    response.headers.update(headers)
    pace.heard(response)
    assert [payload["seconds"] for _, payload in line.asked] == ([] if held is None else [held])


def test_a_date_to_come_back_holds_until_then() -> None:
    line = Line()
    pace, response = line.child(0.01), requests.Response()
    response.status_code = 429
    response.headers["Retry-After"] = f"{now() + timedelta(seconds=30):%a, %d %b %Y %H:%M:%S} GMT"
    pace.heard(response)
    assert 28 <= line.asked[0][1]["seconds"] <= 31


async def test_the_line_of_a_bucket_in_postgres(floor: Any) -> None:
    scope = uuid4()
    first = await rates.take(floor.pool, scope, "b", 10.0, 3)
    second = await rates.take(floor.pool, scope, "b", 10.0, 1)
    assert first.wait == 0
    assert 29 <= second.wait <= 30
    await rates.give_back(floor.pool, scope, "b", first.end, 20.0)  # others have taken places after them
    third = await rates.take(floor.pool, scope, "b", 10.0, 2)
    assert 39 <= third.wait <= 40
    await rates.give_back(floor.pool, scope, "b", third.end, 20.0)
    assert 39 <= (await rates.take(floor.pool, scope, "b", 10.0, 1)).wait <= 40
    await rates.hold(floor.pool, scope, "b", 100.0)
    assert 99 <= (await rates.take(floor.pool, scope, "b", 1.0, 1)).wait <= 100
    assert (await rates.take(floor.pool, uuid4(), "b", 1.0, 1)).wait == 0


async def test_a_child_is_answered_by_its_worker(floor: Any) -> None:
    run = await floor.run(source="sample")
    asked = {"bucket": "klaviyo:events", "interval": 5.0, "count": 2}
    assert (await floor.kind.answer(run, "pace", asked))["wait"] == 0
    found = await floor.kind.answer(run, "pace", asked)
    assert 9 <= found["wait"] <= 10
    back = {"bucket": "klaviyo:events", "end": found["end"], "seconds": 10.0}
    assert await floor.kind.answer(run, "pace_back", back) == {}
    assert 9 <= (await floor.kind.answer(run, "pace", asked))["wait"] <= 10
