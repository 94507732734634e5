"""A run's log over a real server, live: every entry once and in order, to an explicit end."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.http import streaming
from vai_api_gateway.logs.tail import Line
from vai_common import clock
from vai_records.people import api_keys
from vai_records.people.people import Role
from vai_testkit.application import application
from vai_testkit.servers.sse import sent_events, served, stream
from vai_testkit.services import LogWorker, OtherServices
from vai_testkit.team import Team
from vai_testkit.wait import wait_for

RUNS = "/api/v1/action-runs"
NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}


async def make(client: httpx2.AsyncClient, **fields: Any) -> str:
    answer = await client.post(RUNS, json=NOOP | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_log_is_streamed_as_it_is_written_and_then_ends(client: httpx2.AsyncClient, worker: LogWorker) -> None:
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
async def test_a_stream_resumes_without_gap_or_repeat(client: httpx2.AsyncClient, worker: LogWorker, how: str) -> None:
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


async def test_who_has_seen_the_end_need_not_come_back(client: httpx2.AsyncClient, worker: LogWorker) -> None:
    run_id = await make(client)
    epoch = await worker.claim(run_id)
    await worker.end(run_id, epoch)
    path = f"{RUNS}/{run_id}/logs/stream"
    for answer in (
        await client.get(path, headers={"Last-Event-ID": f"{run_id}-2"}),
        await client.get(f"{path}?after={run_id}-2"),
        await client.head(f"{path}?after={run_id}-2"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    async with stream(client, path, **{"Last-Event-ID": f"{run_id}-1"}) as log:
        assert [event.name for event in await log.rest()] == ["message", "end"]


async def test_a_page_of_a_log_has_the_keys_that_are_asked_for(
    client: httpx2.AsyncClient, others: OtherServices
) -> None:
    run_id = await make(client)
    await others.end(run_id, "failed")
    page = (await client.get(f"{RUNS}/{run_id}/logs?format=snake&limit=1")).json()
    assert (page["has_more"], page["next_cursor"]) == (True, f"{run_id}-1")
    assert {"occurred_at", "worker_id"} <= page["entries"][0].keys()
    lines = await client.get(f"{RUNS}/{run_id}/logs?format=snake", headers={"Accept": "application/x-ndjson"})
    assert all('"occurred_at"' in line for line in lines.text.splitlines())
    assert (await client.get(f"{RUNS}/{run_id}/logs?format=kebab")).status_code == 422


async def test_many_follow_many_runs_and_each_gets_every_entry_once_and_in_order(
    client: httpx2.AsyncClient, worker: LogWorker
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
    client: httpx2.AsyncClient, worker: LogWorker, gateway: Gateway
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


@pytest.mark.parametrize("number", ["\u0661", "01", "\uff11", "1_0", "+1", "", "1" * 10])
async def test_the_number_in_a_cursor_is_written_as_the_log_writes_it(api: httpx2.AsyncClient, number: str) -> None:
    run_id = await make(api)
    for path in (f"{RUNS}/{run_id}/logs/stream", f"{RUNS}/{run_id}/logs"):
        answer = await api.get(path, params={"after": f"{run_id}-{number}"})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "after"]), path


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
            assert await api_keys.revoke_key(conn, team.org_id, team.keys[Role.VIEWER].id)
        gateway.authenticator.forget()
        assert [found.name for found in await open_stream.rest() if found.name in ("end", "run")] in ([], ["run"])


async def test_a_stream_ends_with_its_key(client: httpx2.AsyncClient, team: Team) -> None:
    ends = (clock.now() + timedelta(seconds=1)).isoformat()
    made = await client.post(
        "/api/v1/api-keys", json={"name": "k", "role": "viewer", "expiresAt": ends}, headers=team.headers()
    )
    assert made.status_code == 201, made.text
    begun = clock.steady_seconds()
    async with stream(client, f"{RUNS}/stream", **{"X-API-Key": made.json()["key"]}) as feed:
        assert [found.name for found in await feed.rest() if found.name] == ["ready"]
    assert clock.steady_seconds() - begun < 8, "long before it would have been asked the next time"


async def test_who_is_revoked_hears_of_nothing_that_happens_later(
    client: httpx2.AsyncClient, gateway: Gateway, team: Team
) -> None:
    async with stream(client, f"{RUNS}/stream", **team.headers(Role.VIEWER)) as feed:
        assert (await feed.event()).name == "ready"
        async with gateway.engine.begin() as conn:
            assert await api_keys.revoke_key(conn, team.org_id, team.keys[Role.VIEWER].id)
        gateway.authenticator.forget()
        await make(client)
        assert await feed.rest() == []


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
        served(application(short)) as url,
        httpx2.AsyncClient(base_url=url, headers=team.headers(), timeout=10) as client,
        stream(client, f"{RUNS}/stream") as feed,
    ):
        assert [found.name for found in await feed.rest()] == ["ready"]
