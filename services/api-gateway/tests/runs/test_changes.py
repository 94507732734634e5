"""The changes of an organisation's runs over a real server: what a screen is told."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.runs import feed as feed_module
from vai_api_gateway.runs.feed import LARGEST_PIECE, Feed
from vai_api_gateway.settings import Settings
from vai_common import db
from vai_common.ids import uuid7
from vai_records.runs import changes, statements
from vai_records.runs.filters import RunFilters
from vai_testkit.servers.sse import Stream, stream
from vai_testkit.services import LogWorker, OtherServices
from vai_testkit.team import Team, make_team
from vai_testkit.wait import wait_for

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def make(client: httpx2.AsyncClient, **fields: Any) -> str:
    answer = await client.post(RUNS, json=NOOP | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def ready(feed: Stream) -> None:
    assert (await feed.event()).name == "ready"


async def test_a_screen_is_told_of_every_change_of_a_run(
    client: httpx2.AsyncClient, worker: LogWorker, others: OtherServices
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


async def test_a_pause_that_is_taken_back_is_a_change(client: httpx2.AsyncClient, worker: LogWorker) -> None:
    run_id = await make(client)
    await worker.claim(run_id)
    before = (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]
    await client.post(f"{RUNS}/{run_id}/pause")
    paused = (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]
    await client.post(f"{RUNS}/{run_id}/resume")
    assert before < paused < (await client.get(f"{RUNS}/{run_id}")).json()["updatedAt"]


async def test_a_screen_that_filters_is_told_what_left_its_list(
    client: httpx2.AsyncClient, worker: LogWorker, others: OtherServices
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
    client: httpx2.AsyncClient, worker: LogWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks, since = [1_000.0], [], changes.since

    async def looked(*asked: Any) -> Any:
        looks.append(asked)
        return await since(*asked)

    monkeypatch.setattr(feed_module, "clock", SimpleNamespace(steady_seconds=lambda: now[0]))
    monkeypatch.setattr(changes, "since", looked)
    run_id = await make(client)
    epoch = await worker.claim(run_id)
    async with stream(client, f"{RUNS}/stream") as feed:
        await ready(feed)
        told = []
        for second in range(3):
            for percent in range(second * 3 + 1, second * 3 + 4):
                await statements.progress(worker.conn, [(UUID(run_id), epoch, {"overall_percent": percent})])
                enough = len(looks) + 2
                await wait_for(lambda enough=enough: len(looks) >= enough, what="the change has been seen")
            now[0] += 1.0
            told.append((await feed.event()).data["progress"])
        while told[-1] != {"overall_percent": 9}:
            told.append((await feed.event()).data["progress"])
    assert len(told) <= 4, "the first change, and one in each of three seconds"


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
    client: httpx2.AsyncClient, worker: LogWorker, settings: Settings
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


async def test_many_who_watch_many_changes_give_others_their_turns(gateway: Gateway, team: Team) -> None:
    feed = Feed(gateway.pool, gateway.fleet)
    watchers = [await feed.watch(team.org_id, RunFilters()) for _ in range(200)]
    run = {"kind": "dlt_extract", "action_id": None, "parent_run_id": None, "deleted_at": None, "status": "pending"}
    changed = [(run | {"id": uuid7()}, b"event: run\ndata: %s\n\n" % (b"x" * 1_000), b"") for _ in range(200)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(others())
    await feed._tell_all(team.org_id, changed)
    counting.cancel()
    assert turns > len(watchers) / 2
    for watcher in watchers:
        pieces = []
        while piece := watcher.take():
            pieces.append(piece)
        assert b"".join(pieces) == b"".join(shown for _, shown, _ in changed)
        assert max(map(len, pieces)) <= LARGEST_PIECE
        feed.leave(team.org_id, watcher)
