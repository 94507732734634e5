"""Two people, or a person and a worker, decide about one run at the same moment, a hundred times each."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from tests.integration.runs import (
    BRANCH,
    all_ended,
    assert_told_once,
    decide,
    journal,
    log_of,
    run_of,
    sample,
    words,
)
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import create_run, run_when
from vai_testkit.wait import some_moment, wait_for

_TIMES = 100
_AT_ONCE = 16
_SEED = 3

Json = dict[str, Any]


async def _raced(races: list[Callable[[random.Random], Awaitable[Json]]]) -> list[Json]:
    """Each race with a random of its own, so many at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int, race: Callable[[random.Random], Awaitable[Json]]) -> Json:
        async with room:
            return await race(random.Random(_SEED * 1_000 + place))

    return await asyncio.gather(*(one(place, race) for place, race in enumerate(races)))


async def _jittered(chance: random.Random, most: float, act: Awaitable[Any]) -> Any:
    await some_moment(chance, most)
    return await act


async def test_approve_against_reject_has_one_outcome(api: httpx2.AsyncClient, database: Any) -> None:
    made = await asyncio.gather(*(create_run(api, "approval_gate") for _ in range(_TIMES)))
    ids = [run["id"] for run in made]

    def race(run_id: str) -> Callable[[random.Random], Awaitable[Json]]:
        async def both(chance: random.Random) -> Json:
            await run_when(api, run_id, "awaiting_approval")
            approved, rejected = await asyncio.gather(
                _jittered(chance, 0.01, decide(api, run_id, "approve")),
                _jittered(chance, 0.01, decide(api, run_id, "reject", json={"reason": "no"})),
            )
            return {"id": run_id, "approved": approved.status_code, "rejected": rejected.status_code}

        return both

    outcomes = await _raced([race(run_id) for run_id in ids])
    await all_ended(database, ids)
    for outcome in outcomes:
        run = await run_of(api, outcome["id"])
        # An approval that nobody has acted upon yet can still be rejected; a rejection is final.
        expected = "rejected" if outcome["rejected"] == 200 else "completed"
        assert run["status"] == expected, outcome
        assert 200 in (outcome["approved"], outcome["rejected"]), outcome
        assert {outcome["approved"], outcome["rejected"]} <= {200, 409}, outcome
        assert (run["error"] or {}).get("message") == ("no" if expected == "rejected" else None)
    assert_told_once(await journal(database, ids), ids)


async def test_cancel_against_finish_has_one_outcome(api: httpx2.AsyncClient, database: Any, web: WebServer) -> None:
    ids: list[str] = []

    def race(place: int) -> Callable[[random.Random], Awaitable[Json]]:
        async def both(chance: random.Random) -> Json:
            go = asyncio.Event()
            path = f"/{place}"
            web.replies[path] = Reply(body=b"done", wait=go)
            run = await create_run(api, "http_request", {"url": f"{web.url}{path}"})
            ids.append(run["id"])
            await wait_for(lambda: any(seen.target == path for seen in web.seen), what="the request has come")

            async def answer() -> None:
                go.set()

            cancelled, _ = await asyncio.gather(
                _jittered(chance, 0.02, decide(api, run["id"], "cancel")), _jittered(chance, 0.02, answer())
            )
            return {"id": run["id"], "cancelled": cancelled.status_code, "as": cancelled.json().get("status")}

        return both

    outcomes = await _raced([race(place) for place in range(_TIMES)])
    await all_ended(database, ids)
    for outcome in outcomes:
        run = await run_of(api, outcome["id"])
        assert run["status"] in ("completed", "cancelled"), outcome
        assert (run["result"] is not None) == (run["status"] == "completed"), outcome
        assert outcome["cancelled"] in (200, 409), outcome
        if outcome["cancelled"] == 409:
            assert run["status"] == "completed", outcome
        if outcome["as"] in ("completed", "cancelled"):
            assert run["status"] == outcome["as"], outcome
        assert words(await log_of(api, outcome["id"]))[-1] == f"run_{run['status']}"
    assert_told_once(await journal(database, ids), ids)


@pytest.mark.parametrize(
    ("kind", "definition", "times", "jitter"),
    [
        ("conditional_branch", BRANCH, _TIMES, 0.02),
        ("dlt_extract", sample(20, slices=2, source_name="raced"), 10, 0.3),
    ],
    ids=["light", "heavy"],
)
async def test_pause_against_finish_has_one_outcome(
    api: httpx2.AsyncClient, database: Any, kind: str, definition: Json, times: int, jitter: float
) -> None:
    ids: list[str] = []

    async def both(chance: random.Random) -> Json:
        run = await create_run(api, kind, definition)
        ids.append(run["id"])
        paused = await _jittered(chance, jitter, decide(api, run["id"], "pause"))
        return {"id": run["id"], "paused": paused.status_code}

    async def settled(run_id: str) -> Json | None:
        run = await run_of(api, run_id)
        assert run["status"] != "failed", run["error"]
        return run if run["displayStatus"] == "paused" or run["status"] == "completed" else None

    for outcome in await _raced([both] * times):
        assert outcome["paused"] in (200, 409), outcome
        run = await wait_for(lambda: settled(outcome["id"]), 30, every=0.05, what="it is paused or has ended")
        assert run is not None
        if run["status"] != "completed":
            resumed = await decide(api, run["id"], "resume")
            assert resumed.status_code == 200, resumed.text
    await all_ended(database, ids)
    for run_id in ids:
        run = await run_of(api, run_id)
        assert run["status"] == "completed", run["error"]
    assert_told_once(await journal(database, ids), ids)
