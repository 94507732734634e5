"""SIGTERM: every service ends what it can, hands over the rest, and exits with 0 (rule 13)."""

import asyncio
import signal
from typing import Any

import httpx2
import pytest

from tests.integration.figures import Figure
from tests.integration.lake import assert_extracted_once
from tests.integration.runs import RUNS, assert_told_once, journal, log_of, logged, sample, words
from vai_common.clock import steady_seconds
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import client_of, create_run, run_when
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.apart

_STOP_SECONDS = 30


async def _stream_to_its_end(api: httpx2.AsyncClient, run_id: str, is_open: asyncio.Event) -> str:
    told = ""
    async with api.stream("GET", f"{RUNS}/{run_id}/logs/stream") as answer:
        async for text in answer.aiter_text():
            told += text
            is_open.set()
    return told


def _is_left_alone(stack: Stack) -> bool:
    """Whether the agent-worker, which has a call under way, is the last of the workers."""
    workers = [each for each in stack.instances if each.service.name.endswith("-worker")]
    return [each.service.name for each in workers if each.alive] == ["agent-worker"]


async def test_every_service_stops_cleanly_with_work_in_its_hands_and_nothing_is_lost(
    mended: Stack, api: httpx2.AsyncClient, database: Any, web: WebServer, figure: Figure
) -> None:
    go = asyncio.Event()
    web.replies["/light"] = Reply(body=b"done", wait=go)
    light = await create_run(api, "http_request", {"method": "POST", "url": f"{web.url}/light"})
    await wait_for(lambda: web.seen, what="the call is under way")
    # Begun last: it ends by itself within seconds, and must not before it is stopped.
    heavy = await create_run(api, "dlt_extract", sample(1_000, slices=20, rows_per_second=60, source_name="stopping"))
    await logged(api, heavy["id"], "slice_completed")
    async with client_of(mended) as watching:
        is_open = asyncio.Event()
        stream = asyncio.create_task(_stream_to_its_end(watching, heavy["id"], is_open))
        await asyncio.wait_for(is_open.wait(), 20)
        began = steady_seconds()
        stopping = asyncio.gather(*(each.kill(signal.SIGTERM) for each in mended.instances))
        await wait_for(lambda: _is_left_alone(mended), 20, what="only the call is waited for")
        go.set()
        await stopping
        figure("seconds", seconds := steady_seconds() - began)
        assert (await stream).startswith(": connected")
    assert {each.name: each.log.read_text()[-5_000:] for each in mended.instances if each.alive} == {}
    assert seconds < _STOP_SECONDS
    for instance in mended.instances:
        assert instance.process is not None
        assert not instance.process.failed, f"{instance.name} {instance.process.ending}"
    assert await database.fetchval("SELECT count(*) FROM processes") == 0
    await asyncio.gather(*(mended.start_service(each.service.name, each.index) for each in mended.instances))
    assert (await run_when(api, light["id"]))["interruptCount"] == 0
    assert len(web.seen) == 1
    ended = await run_when(api, heavy["id"])
    # Who stopped last may have claimed it once more before.
    assert (ended["status"], ended["interruptCount"] >= 1, ended["retryCount"]) == ("completed", True, 0)
    assert "run_interrupted" in words(await log_of(api, heavy["id"]))
    await assert_extracted_once(mended, database, heavy["id"], 1_000, 20)
    assert_told_once(await journal(database, [heavy["id"], light["id"]]), [heavy["id"], light["id"]])
