"""Live streams over a real server: a run's log, and the changes of an organisation's runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from api_gateway import feed as feed_module
from api_gateway import streaming
from api_gateway.app import create_app
from api_gateway.gateway import Gateway
from api_gateway.settings import Settings
from api_gateway.tail import Line
from common import db
from common.health import Health
from common.loops import every
from records import hot, people
from records.hot import Entry
from records.people import Role
from testkit.services import OtherServices
from testkit.sse import SentEvent, sent_events, served
from testkit.team import Team, make_team
from testkit.wait import wait_for

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
SECONDS = 10.0

Make = Callable[..., Any]


@pytest.fixture
async def live(app: FastAPI, gateway: Gateway) -> AsyncIterator[str]:
    """The gateway on a port, with the loops that its streams stand on."""
    loops = [asyncio.create_task(every(0.01, look)) for look in (gateway.tail.look_once, gateway.feed.look_once)]
    async with served(app) as url:
        yield url
        gateway.stopping.set()
        gateway.tail.wake()
        gateway.feed.wake()
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


@pytest.fixture
async def client(live: str, team: Team) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=live, headers=team.headers(), timeout=SECONDS) as client:
        yield client


class Stream:
    """The events of one open stream, one at a time."""

    def __init__(self, response: httpx2.Response) -> None:
        self._events = sent_events(response)

    async def event(self) -> SentEvent:
        """The next one that is no comment."""
        async with asyncio.timeout(SECONDS):
            while (found := await anext(self._events)).comment is not None:
                continue
        return found

    async def rest(self) -> list[SentEvent]:
        async with asyncio.timeout(SECONDS):
            return [found async for found in self._events if found.comment is None]


@asynccontextmanager
async def stream(client: httpx2.AsyncClient, path: str, **headers: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def make(client: httpx2.AsyncClient, **fields: Any) -> str:
    answer = await client.post(RUNS, json=NOOP | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class Worker:
    """Holds a run and writes its log."""

    def __init__(self, conn: Any, others: OtherServices) -> None:
        self._conn = conn
        self._others = others

    async def claim(self, run_id: str) -> int:
        return int((await self._others.claim(run_id))["epoch"])

    async def log(self, run_id: str, epoch: int, *messages: str) -> None:
        entries = [(UUID(run_id), epoch, Entry("note", message, {})) for message in messages]
        await hot.log(self._conn, entries, "worker-1")

    async def end(self, run_id: str, epoch: int, status: str = "completed") -> None:
        entry = Entry(f"run_{status}", "done", {})
        ending = hot.Ending(UUID(run_id), epoch, status, None, None, None, entry, {})
        assert await hot.finish(self._conn, [ending], self._others.worker_id, "worker-1")


@pytest.fixture
async def worker(settings: Settings, others: OtherServices) -> AsyncIterator[Worker]:
    conn = await db.connect(settings.database_url, "extract-worker")
    yield Worker(conn, others)
    await conn.close()


# Logs ---------------------------------------------------------------------------------------------------------------


async def test_a_log_is_streamed_as_it_is_written_and_then_ends(client: httpx2.AsyncClient, worker: Worker) -> None:
    run_id = await make(client)
    async with stream(client, f"{RUNS}/{run_id}/logs/stream") as log:
        epoch = await worker.claim(run_id)
        first = await log.event()
        assert (first.id, first.data["event"]) == (f"{run_id}-1", "lease_acquired")
        await worker.log(run_id, epoch, "one", "two")
        assert [(await log.event()).data["message"] for _ in range(2)] == ["one", "two"]
        await worker.end(run_id, epoch)
        last, end = await log.rest()
        assert (last.id, last.data["event"]) == (f"{run_id}-4", "run_completed")
        assert (end.name, end.data) == ("end", {"status": "completed"})


async def test_a_stream_of_a_run_that_has_ended_is_its_whole_log(
    client: httpx2.AsyncClient, others: OtherServices
) -> None:
    run_id = await make(client)
    await others.end(run_id, "failed")
    async with stream(client, f"{RUNS}/{run_id}/logs/stream?format=snake") as log:
        *entries, end = await log.rest()
    assert [entry.data["event"] for entry in entries] == ["lease_acquired", "run_failed"]
    assert {"occurred_at", "worker_id"} <= entries[0].data.keys()
    assert end.data == {"status": "failed"}


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_stream_resumes_without_gap_or_repeat(client: httpx2.AsyncClient, worker: Worker, how: str) -> None:
    run_id = await make(client)
    epoch = await worker.claim(run_id)
    await worker.log(run_id, epoch, *map(str, range(50)))
    cursor = f"{run_id}-20"
    query, headers = ("", {"Last-Event-ID": cursor}) if how == "header" else (f"?after={cursor}", {})
    async with stream(client, f"{RUNS}/{run_id}/logs/stream{query}", **headers) as log:
        await worker.end(run_id, epoch)
        *entries, end = await log.rest()
    assert [entry.id for entry in entries] == [f"{run_id}-{seq}" for seq in range(21, 53)]
    assert end.name == "end"


async def test_many_follow_many_runs_and_each_gets_every_entry_once_and_in_order(
    client: httpx2.AsyncClient, worker: Worker
) -> None:
    ids = [await make(client) for _ in range(4)]

    async def follow(run_id: str, late: int) -> list[str]:
        await wait_for(lambda: written >= late, what=f"{late} were written")
        async with stream(client, f"{RUNS}/{run_id}/logs/stream") as log:
            return [found.id or found.name for found in await log.rest()]

    written = 0
    epochs = {run_id: await worker.claim(run_id) for run_id in ids}
    followers = [asyncio.create_task(follow(run_id, late)) for run_id in ids for late in (0, 0, 7, 31)]
    for written in range(1, 61):
        await asyncio.gather(*(worker.log(run_id, epochs[run_id], f"{written}a", f"{written}b") for run_id in ids[:1]))
        for run_id in ids[1:]:
            await worker.log(run_id, epochs[run_id], f"{written}a", f"{written}b")
    for run_id in ids:
        await worker.end(run_id, epochs[run_id])
    for run_id, *found in zip(ids, *[iter(await asyncio.gather(*followers))] * 4, strict=True):
        for ids_seen in found:
            assert ids_seen == [*(f"{run_id}-{seq}" for seq in range(1, 123)), "end"]


async def test_a_follower_who_does_not_read_is_not_waited_for(gateway: Gateway, api: httpx2.AsyncClient) -> None:
    run = await gateway.pool.fetchrow("SELECT * FROM runs WHERE id = $1", UUID(await make(api)))
    slow = gateway.tail.follow(run, 0)
    entries = [{"seq": seq} for seq in range(1, 3_001)]
    for start in range(0, 3_000, 500):
        slow.watched.hand_out([Line(run["id"], entry) for entry in entries[start : start + 500]], 3_000)
    assert slow.behind
    taken = slow.take()
    assert [line.sequence for line in taken] == list(range(1, slow.sequence + 1))
    assert len(taken) < 2_000
    gateway.tail.leave(slow)


async def test_entries_that_are_no_longer_kept_are_no_reason_to_wait(
    client: httpx2.AsyncClient, worker: Worker, gateway: Gateway
) -> None:
    run_id = await make(client)
    epoch = await worker.claim(run_id)
    await worker.log(run_id, epoch, "old")
    await gateway.pool.execute("DELETE FROM run_logs")
    async with stream(client, f"{RUNS}/{run_id}/logs/stream") as log:
        await worker.log(run_id, epoch, "new")
        assert (await log.event()).data["message"] == "new"


@pytest.mark.parametrize("cursor", ["nonsense", "00000000-0000-7000-8000-000000000000-1", "-1"])
async def test_a_cursor_of_another_run_is_refused(api: httpx2.AsyncClient, cursor: str) -> None:
    run_id = await make(api)
    path = f"{RUNS}/{run_id}/logs/stream"
    assert (await api.get(path, params={"after": cursor})).json()["detail"][0]["loc"] == ["query", "after"]
    answer = await api.get(path, headers={"Last-Event-ID": cursor})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["header", "Last-Event-ID"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", [f"{RUNS}/stream", f"{RUNS}/{{run_id}}/logs/stream"])
async def test_a_quiet_stream_shows_that_it_lives(client: httpx2.AsyncClient, path: str) -> None:
    run_id = await make(client)
    async with client.stream("GET", path.format(run_id=run_id)) as response:
        comments = 0
        async for found in sent_events(response):
            comments += found.comment == "keep-alive"
            if comments == 3:
                break


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("path", [f"{RUNS}/stream", f"{RUNS}/{{run_id}}/logs/stream"])
async def test_a_stream_ends_when_its_key_is_revoked(
    client: httpx2.AsyncClient, gateway: Gateway, team: Team, path: str
) -> None:
    run_id = await make(client)
    async with stream(client, path.format(run_id=run_id), **team.headers(Role.VIEWER)) as open_stream:
        async with gateway.engine.begin() as conn:
            assert await people.revoke_key(conn, team.org_id, team.keys[Role.VIEWER].id)
        gateway.authenticator.forget()
        assert [found.name for found in await open_stream.rest() if found.name in ("end", "run")] in ([], ["run"])


async def test_streams_end_when_the_gateway_stops(client: httpx2.AsyncClient, gateway: Gateway) -> None:
    run_id = await make(client)
    async with (
        stream(client, f"{RUNS}/{run_id}/logs/stream") as log,
        stream(client, f"{RUNS}/stream") as feed,
    ):
        assert (await feed.event()).name == "ready"
        gateway.stopping.set()
        gateway.tail.wake()
        gateway.feed.wake()
        assert await log.rest() == []
        await feed.rest()
    await wait_for(lambda: not gateway.tail._watched and not gateway.feed._watched, what="nobody follows")


async def test_a_stream_is_closed_after_its_time(gateway: Gateway, team: Team) -> None:
    short = replace(gateway, settings=gateway.settings.model_copy(update={"stream_seconds": 0.2}))
    async with (
        served(create_app(short, Health())) as url,
        httpx2.AsyncClient(base_url=url, headers=team.headers(), timeout=SECONDS) as client,
        stream(client, f"{RUNS}/stream") as feed,
    ):
        assert [found.name for found in await feed.rest()] == ["ready"]


# Changes ------------------------------------------------------------------------------------------------------------


async def ready(feed: Stream) -> None:
    assert (await feed.event()).name == "ready"


async def test_a_screen_is_told_of_every_change_of_a_run(
    client: httpx2.AsyncClient, worker: Worker, others: OtherServices
) -> None:
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        run_id = await make(client)
        seen = [await feed.event()]
        epoch = await worker.claim(run_id)
        seen.append(await feed.event())
        await client.post(f"{RUNS}/{run_id}/pause")
        await client.post(f"{RUNS}/{run_id}/cancel")
        while seen[-1].data["displayStatus"] != "cancelling":
            seen.append(await feed.event())
        await worker.end(run_id, epoch, "cancelled")
        seen.append(await feed.event())
        assert (await client.delete(f"{RUNS}/{run_id}")).status_code == 204
        gone = await feed.event()
    assert {found.name for found in seen} == {"run"}
    shown = [(found.data["status"], found.data["displayStatus"]) for found in seen]
    assert shown[:2] == [("pending", "waiting_for_worker"), ("running", "running")]
    assert shown[-2:] == [("running", "cancelling"), ("cancelled", "cancelled")]
    assert (gone.name, gone.data) == ("gone", {"id": run_id, "status": None})


async def test_a_pause_that_is_taken_back_is_a_change(client: httpx2.AsyncClient, worker: Worker) -> None:
    run_id = await make(client)
    await worker.claim(run_id)
    before = (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]
    await client.post(f"{RUNS}/{run_id}/pause")
    paused = (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]
    await client.post(f"{RUNS}/{run_id}/resume")
    assert before < paused < (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]


async def test_a_screen_that_filters_is_told_what_left_its_list(
    client: httpx2.AsyncClient, worker: Worker, others: OtherServices
) -> None:
    other_kind = {"kind": "duckdb_transform", "definition": {"sql": "SELECT 1", "transform_name": "t"}}
    async with stream(client, f"{RUNS}/stream?status=pending&kind=dlt_extract") as feed:
        await ready(feed)
        await make(client, **other_kind)
        run_id = await make(client)
        assert (await feed.event()).data["id"] == run_id
        await worker.claim(run_id)
        gone = await feed.event()
    assert (gone.name, gone.data) == ("gone", {"id": run_id, "status": "running"})


async def test_a_screen_sees_its_own_organisation_only(client: httpx2.AsyncClient, gateway: Gateway) -> None:
    stranger = await make_team(gateway.engine, "stranger")
    async with (
        stream(client, f"{RUNS}/stream") as feed,
        stream(client, f"{RUNS}/stream", **stranger.headers()) as other,
    ):
        await ready(feed)
        await ready(other)
        theirs = await client.post(RUNS, json=NOOP, headers=stranger.headers())
        mine = await make(client)
        assert (await feed.event()).data["id"] == mine
        assert (await other.event()).data["id"] == theirs.json()["id"]


async def test_progress_is_told_at_most_once_a_second_and_its_last_state_always(
    client: httpx2.AsyncClient, worker: Worker, gateway: Gateway
) -> None:
    run_id = await make(client)
    epoch = await worker.claim(run_id)
    clock = asyncio.get_running_loop()
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        for percent in range(1, 101):
            await hot.progress(worker._conn, [(UUID(run_id), epoch, {"overall_percent": percent})])
            await asyncio.sleep(0.015)
        told = [(clock.time(), await feed.event())]
        while (told[-1][1].data["progress"] or {}).get("overall_percent") != 100:
            told.append((clock.time(), await feed.event()))
    assert len(told) <= 6


async def test_a_change_is_told_once(client: httpx2.AsyncClient, gateway: Gateway) -> None:
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        ids = [await make(client) for _ in range(20)]
        told = [(await feed.event()).data["id"] for _ in ids]
        assert sorted(told) == sorted(ids)
        gateway.feed._deep_at = 0.0
        last = await make(client)
        assert (await feed.event()).data["id"] == last


async def test_a_change_that_is_committed_late_is_told_all_the_same(
    client: httpx2.AsyncClient, worker: Worker, settings: Settings
) -> None:
    slow, quick = await make(client), await make(client)
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        conn = await db.connect(settings.database_url, "api-gateway")
        held = conn.transaction()
        await held.start()
        await conn.execute("UPDATE runs SET updated_at = clock_timestamp() WHERE id = $1", UUID(slow))
        await worker.claim(quick)
        while (await feed.event()).data["status"] != "running":
            continue
        await held.commit()
        await conn.close()
        while (await feed.event()).data["id"] != slow:
            continue


async def test_more_changes_than_can_be_told_reset_the_screen(
    client: httpx2.AsyncClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        monkeypatch.setattr(feed_module, "_MOST_CHANGES", 5)
        answer = await client.post(f"{RUNS}/batch", json={"runs": [NOOP] * 30})
        assert answer.status_code == 200
        while (await feed.event()).name != "reset":
            continue
        monkeypatch.setattr(feed_module, "_MOST_CHANGES", 1_000)
        last = await make(client)
        while (await feed.event()).data.get("id") != last:
            continue


async def test_nobody_is_asked_while_nobody_watches(gateway: Gateway, team: Team) -> None:
    looks = [asyncio.create_task(look()) for look in (gateway.feed.look_once, gateway.tail.look_once)]
    done, waiting = await asyncio.wait(looks, timeout=0.2)
    assert not done
    for look in waiting:
        look.cancel()
