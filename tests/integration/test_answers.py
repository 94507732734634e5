"""How an answer comes: at once, when the run has ended, or as a stream (decisions 12 and 28)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest

from tests.integration.runs import RUNS, decide, log_of, sample, words
from vai_common.clock import steady_seconds
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker

_NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def test_a_sync_kind_is_answered_when_it_has_ended(api: httpx2.AsyncClient, web: WebServer) -> None:
    web.replies["/hello"] = Reply(body=b'{"hello": "world"}', headers={"Content-Type": "application/json"})
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/hello"}}
    answer = await api.post(RUNS, json=body)
    assert (answer.status_code, answer.json()["status"]) == (201, "completed"), answer.text
    assert answer.json()["result"]["body"] == {"hello": "world"}
    stored = await run_when(api, answer.json()["id"], "completed")
    assert stored == answer.json()


async def test_a_sync_kind_answers_at_once_where_that_is_preferred(api: httpx2.AsyncClient, web: WebServer) -> None:
    go = asyncio.Event()
    web.replies["/slow"] = Reply(wait=go)
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/slow"}}
    answer = await api.post(RUNS, json=body, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    assert answer.headers["preference-applied"] == "respond-async"
    go.set()
    await run_when(api, answer.json()["id"], "completed")


async def test_an_async_kind_is_waited_for_where_that_is_preferred(api: httpx2.AsyncClient) -> None:
    answer = await api.post(RUNS, json=_NOOP, headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert answer.headers["preference-applied"] == "wait=20"
    without = await api.post(RUNS, json=_NOOP)
    assert without.json()["status"] == "pending"
    assert "preference-applied" not in without.headers
    later = await api.get(f"{RUNS}/{without.json()['id']}", headers={"Prefer": "wait=20"})
    assert later.json()["status"] == "completed"


async def test_a_wait_ends_with_the_live_run(api: httpx2.AsyncClient, web: WebServer) -> None:
    go = asyncio.Event()
    web.replies["/slow"] = Reply(wait=go)
    began = steady_seconds()
    body = {"kind": "http_request", "definition": {"url": f"{web.url}/slow"}}
    answer = await api.post(RUNS, json=body, headers={"Prefer": "wait=1"})
    assert 0.9 < steady_seconds() - began < 8
    assert (answer.status_code, answer.json()["status"]) == (201, "running"), answer.text
    go.set()
    ended = await api.get(f"{RUNS}/{answer.json()['id']}", headers={"Prefer": "wait=20"})
    assert ended.json()["status"] == "completed"


async def test_decisions_can_be_waited_for_too(api: httpx2.AsyncClient) -> None:
    gate = (await api.post(RUNS, json={"kind": "approval_gate"})).json()
    assert gate["status"] == "awaiting_approval"
    approved = await decide(api, gate["id"], "approve", headers={"Prefer": "wait=20"})
    assert (approved.json()["status"], approved.headers["preference-applied"]) == ("completed", "wait=20")


class Stream:
    """What came over one connection: log entries, and the status of the end event."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.entries: list[dict[str, Any]] = []
        self.end: str | None = None


async def _events(answer: httpx2.Response) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if not line:
            if "data" in event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


async def _followed(api: httpx2.AsyncClient, run_id: str, most: int = 1_000, last: str | None = None) -> Stream:
    """Reads until the end, or until so many entries have come."""
    stream = Stream()
    headers = {"Last-Event-ID": last} if last else {}
    async with asyncio.timeout(30), api.stream("GET", f"{RUNS}/{run_id}/logs/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for event in _events(answer):
            if event.get("event") == "end":
                stream.end = orjson.loads(event["data"])["status"]
                continue
            stream.ids.append(event["id"])
            stream.entries.append(orjson.loads(event["data"]))
            if len(stream.ids) >= most:
                break
    return stream


async def test_a_stream_brings_every_entry_once_in_order_and_the_end(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "dlt_extract", sample(200, slices=10, rows_per_second=400, source_name="streamed"))
    streams = await asyncio.gather(*(_followed(api, run["id"]) for _ in range(3)))
    entries = await log_of(api, run["id"])
    for stream in streams:
        assert stream.ids == [entry["id"] for entry in entries]
        assert stream.entries == entries
        assert stream.end == "completed"
    assert words(entries).count("slice_completed") == 10
    later = await _followed(api, run["id"])
    assert (later.entries, later.end) == (entries, "completed")


async def test_a_stream_that_broke_goes_on_after_its_last_event(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "dlt_extract", sample(200, slices=10, rows_per_second=400, source_name="resumed"))
    first = await _followed(api, run["id"], most=4)
    second = await _followed(api, run["id"], most=5, last=first.ids[-1])
    third = await _followed(api, run["id"], last=second.ids[-1])
    assert (first.end, second.end, third.end) == (None, None, "completed")
    entries = await log_of(api, run["id"])
    assert first.ids + second.ids + third.ids == [entry["id"] for entry in entries]
