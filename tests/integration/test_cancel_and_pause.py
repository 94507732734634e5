"""Cancelling and pausing in every phase that a run can be in (decision 20)."""

import asyncio
from typing import Any

import httpx2

from tests.integration.figures import Figure
from tests.integration.holders import holder_of, tree_of
from tests.integration.lake import assert_extracted_once, manifest
from tests.integration.runs import (
    assert_told_once,
    decide,
    deferred,
    journal,
    log_of,
    logged,
    run_of,
    sample,
    shown_as,
    words,
)
from vai_common.clock import steady_seconds
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import wait_for

_LONG = {"slices": 50, "rows_per_second": 100}
_FAILING = {"retry": {"max_attempts": 5, "initial_interval_seconds": 600, "max_interval_seconds": 600}}


async def test_a_deferred_run_is_cancelled_at_once(api: httpx2.AsyncClient, database: Any) -> None:
    run = await deferred(api, "dlt_extract", {"source": "noop"})
    assert run["displayStatus"] == "deferred"
    cancelled = await decide(api, run["id"], "cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    told = await journal(database, [run["id"]])
    assert [row["type"] for row in told[run["id"]]] == ["action.cancelled"]


async def test_a_heavy_run_is_cancelled_within_five_seconds_and_its_process_is_gone(
    stack: Stack, api: httpx2.AsyncClient, database: Any, figure: Figure
) -> None:
    run = await create_run(api, "dlt_extract", sample(5_000, **_LONG, source_name="cancelled"))
    await logged(api, run["id"], "resource_started")
    worker = await holder_of(stack, database, run["id"])
    children = set(tree_of(worker)[2:])
    assert children
    began = steady_seconds()
    assert (await decide(api, run["id"], "cancel")).status_code == 200
    ended = await run_when(api, run["id"], "cancelled")
    figure("seconds", seconds := steady_seconds() - began)
    assert seconds < 5
    assert ended["error"] is None
    await wait_for(lambda: not children & set(tree_of(worker)), 5, what="the child is gone")
    assert await manifest(database, run["id"]) == []
    assert_told_once(await journal(database, [run["id"]]), [run["id"]])


async def test_a_run_that_waits_for_its_next_attempt_is_cancelled_at_once(
    api: httpx2.AsyncClient, web: WebServer
) -> None:
    web.replies["/down"] = Reply(status=503)
    run = await create_run(api, "http_request", {"url": f"{web.url}/down", **_FAILING})
    await shown_as(api, run["id"], "retrying")
    cancelled = await decide(api, run["id"], "cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_a_heavy_run_pauses_at_a_slices_end_and_goes_on_where_it_was(
    stack: Stack, api: httpx2.AsyncClient, database: Any
) -> None:
    run = await create_run(api, "dlt_extract", sample(1_000, slices=10, rows_per_second=500, source_name="paused"))
    await logged(api, run["id"], "slice_completed", times=2)
    assert (await decide(api, run["id"], "pause")).status_code == 200
    paused = await shown_as(api, run["id"], "paused")
    assert paused["status"] == "running"
    assert 2 <= words(await log_of(api, run["id"])).count("slice_completed") < 10
    resumed = await decide(api, run["id"], "resume")
    assert resumed.status_code == 200, resumed.text
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["retryCount"]) == ("completed", 0)
    assert ended["result"]["recordsProcessed"] == 1_000
    await assert_extracted_once(stack, database, run["id"], 1_000, 10)
    seen = words(await log_of(api, run["id"]))
    assert [seen.count(event) for event in ("run_paused", "run_resumed", "slice_completed")] == [1, 1, 10]


async def test_a_paused_run_is_cancelled_at_once(api: httpx2.AsyncClient) -> None:
    run = await create_run(api, "dlt_extract", sample(5_000, **_LONG, source_name="paused_then_cancelled"))
    await logged(api, run["id"], "slice_completed")
    await decide(api, run["id"], "pause")
    await shown_as(api, run["id"], "paused")
    cancelled = await decide(api, run["id"], "cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_a_run_can_be_paused_before_it_starts(api: httpx2.AsyncClient, web: WebServer) -> None:
    made = await deferred(api, "http_request", {"url": f"{web.url}/late"})
    paused = await decide(api, made["id"], "pause")
    assert (paused.json()["status"], paused.json()["displayStatus"]) == ("pending", "paused")
    assert web.seen == []
    resumed = await decide(api, made["id"], "resume", headers={"Prefer": "wait=20"})
    assert resumed.json()["status"] == "completed", resumed.text


async def test_cancelling_a_parent_ends_its_children_too(api: httpx2.AsyncClient, web: WebServer) -> None:
    never = asyncio.Event()
    web.replies["/parent"] = Reply(wait=never)
    parent = await create_run(api, "http_request", {"url": f"{web.url}/parent"})
    await wait_for(lambda: web.seen, what="the parent runs")
    child = {"parentActionRunId": parent["id"]}
    gate = await create_run(api, "approval_gate", **child)
    await run_when(api, gate["id"], "awaiting_approval")
    heavy = await create_run(api, "dlt_extract", sample(5_000, **_LONG, source_name="child"), **child)
    await logged(api, heavy["id"], "lease_acquired")
    assert (await decide(api, parent["id"], "cancel")).status_code == 200
    statuses = [(await run_when(api, run["id"]))["status"] for run in (parent, gate, heavy)]
    never.set()
    assert statuses == ["cancelled", "rejected", "cancelled"]
    assert (await run_of(api, gate["id"]))["error"]["message"] == "parent cancelled"
