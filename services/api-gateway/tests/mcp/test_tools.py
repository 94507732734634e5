"""The tools that every client has, by the official client over a real server (decision 59)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from vai_api_gateway.gateway import Gateway
from vai_api_gateway.mcp.cancelling import CANCELLED_CHANNEL, LiveCalls
from vai_common.loops import every
from vai_common.messages.notifications import Listener
from vai_records.people.people import Role
from vai_testkit.services import OtherServices
from vai_testkit.talking import MODES, NOOP, Reports, refused, talking, told
from vai_testkit.team import Team, make_team
from vai_testkit.wait import wait_for

RUNS = "/api/v1/action-runs"


@pytest.fixture
async def url(live: str, gateway: Gateway) -> AsyncIterator[str]:
    """The gateway, which notices ends by itself, too."""
    looking = asyncio.create_task(every(0.02, gateway.waiters.look_once))
    yield live
    looking.cancel()


@pytest.mark.parametrize("mode", MODES)
async def test_a_run_is_started_waited_for_and_told(
    url: str, team: Team, others: OtherServices, client: httpx2.AsyncClient, mode: str
) -> None:
    reports = Reports()
    async with talking(url, team.headers(), mode) as mcp:
        call = asyncio.create_task(mcp.call_tool("start_run", NOOP, progress_callback=reports))
        await reports.first.wait()
        (run,) = (await client.get(RUNS)).json()["runs"]
        await others.end(run["id"], result={"rows": 7})
        ended = await call
        assert not ended.is_error
        assert (await told(mcp, "wait_for_run", runId=run["id"]))["result"] == {"rows": 7}
        (listed,) = (await told(mcp, "list_runs", status=["completed"]))["runs"]
        log = await told(mcp, "read_logs", runId=run["id"])
        explained = await told(mcp, "explain_run", runId=run["id"])
    assert reports.said[0][1] == "waiting for worker"
    assert listed["id"] == run["id"] == explained["run"]["id"]
    assert [entry["event"] for entry in log["entries"]][-1] == "run_completed"


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_is_cancelled_cancels_its_run(
    url: str, team: Team, client: httpx2.AsyncClient, mode: str
) -> None:
    reports = Reports()
    async with talking(url, team.headers(), mode) as mcp:
        call = asyncio.create_task(mcp.call_tool("start_run", NOOP, progress_callback=reports))
        await reports.first.wait()
        call.cancel()

        async def cancelled() -> bool:
            (run,) = (await client.get(RUNS)).json()["runs"]
            return bool(run["status"] == "cancelled")

        await wait_for(cancelled, what="its run is cancelled")


async def test_waiting_for_the_run_of_somebody_else_does_not_cancel_it(
    url: str, team: Team, client: httpx2.AsyncClient, gateway: Gateway
) -> None:
    run = (await client.post(RUNS, json=NOOP)).json()
    reports = Reports()
    async with talking(url, team.headers()) as mcp:
        call = asyncio.create_task(mcp.call_tool("wait_for_run", {"runId": run["id"]}, progress_callback=reports))
        await reports.first.wait()
        call.cancel()
        await wait_for(lambda: not gateway.mcp.calls.names, what="the call is over")
    assert (await client.get(f"{RUNS}/{run['id']}")).json()["status"] == "pending"


async def test_who_takes_no_reports_is_not_kept_waiting(url: str, team: Team) -> None:
    async with talking(url, team.headers()) as mcp:
        run = await told(mcp, "start_run", **NOOP, waitSeconds=0)
    assert run["status"] == "pending"
    assert "wait_for_run" in run["next"]


async def test_a_key_starts_nothing_twice(url: str, team: Team) -> None:
    async with talking(url, team.headers()) as mcp:
        runs = [await told(mcp, "start_run", **NOOP, idempotencyKey="k", waitSeconds=0) for _ in range(2)]
    assert runs[0]["id"] == runs[1]["id"]


async def test_a_run_that_failed_is_an_error_with_the_runs_own_words(
    url: str, team: Team, client: httpx2.AsyncClient, others: OtherServices
) -> None:
    run = (await client.post(RUNS, json=NOOP)).json()
    error = {"code": "DATA_ERROR", "message": "the page is empty", "details": {}, "retryable": False}
    await others.end(run["id"], "failed", error=error)
    async with talking(url, team.headers()) as mcp:
        assert (await refused(mcp, "wait_for_run", runId=run["id"]))["error"]["message"] == "the page is empty"


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("start_run", {"kind": "dlt_extract", "definition": {"source": "nowhere"}}, 422),
    ("start_run", {"kind": "dlt_extract", "automation": "nightly"}, 422),
    ("start_run", {"kind": "dlt_extract", "definition": {"source": "noop"}, "wait": 1}, 422),
    ("start_run", {"automation": "nightly/../../people"}, 404),
    ("start_run", {"action": "nothing"}, 404),
    ("wait_for_run", {"runId": "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10"}, 404),
    ("wait_for_run", {"runId": "1; DROP TABLE runs"}, 422),
    ("read_logs", {"runId": "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10", "after": "nothing"}, 404),
    ("describe_dataset", {"dataset": "gold.nothing"}, 404),
    ("list_runs", {"limit": 1_000}, 422),
    ("query_datasets", {}, 422),
]


async def test_what_a_route_refuses_is_an_error_of_the_tool(url: str, team: Team) -> None:
    async with talking(url, team.headers()) as mcp:
        for tool, given, status in REFUSED:
            answer = await refused(mcp, tool, **given)
            said = (answer["status"], [set(one) for one in answer["detail"]][:1])
            assert said == (status, [{"loc", "msg", "type"}]), (tool, given, answer)


async def test_the_runs_of_another_organisation_are_not_there(
    url: str, team: Team, gateway: Gateway, client: httpx2.AsyncClient
) -> None:
    run = (await client.post(RUNS, json=NOOP)).json()
    strangers = await make_team(gateway.engine, "strangers")
    async with talking(url, strangers.headers()) as mcp:
        for tool in ("wait_for_run", "explain_run", "cancel_run", "read_logs"):
            assert (await refused(mcp, tool, runId=run["id"]))["status"] == 404
        assert (await told(mcp, "list_runs"))["runs"] == []


async def test_a_viewer_is_offered_what_a_viewer_may_do_and_held_to_it(url: str, team: Team) -> None:
    async with talking(url, team.headers(Role.VIEWER)) as mcp:
        names = {tool.name for tool in (await mcp.list_tools()).tools}
        assert (await refused(mcp, "start_run", **NOOP))["status"] == 403
        assert (await refused(mcp, "query_datasets", sql="SELECT 1"))["status"] == 403
    assert "list_runs" in names
    assert names & {"start_run", "cancel_run", "query_datasets"} == set()


async def test_a_tool_that_is_not_there_is_said_to_be(url: str, team: Team) -> None:
    async with talking(url, team.headers()) as mcp:
        with pytest.raises(MCPError, match="there is no tool 'rm'"):
            await mcp.call_tool("rm", {})


CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_runs", "arguments": {}}}


BOTH = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
NOTICE = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
AT_THE_DOOR: list[tuple[dict[str, str], Any, int]] = [
    ({"x-api-key": "vai_wrong"}, CALL, 401),
    ({"origin": "https://evil.example"}, CALL, 403),
    ({"origin": "https://console.example.com"}, CALL, 200),
    ({}, CALL | {"params": {"name": "list_runs", "arguments": {"q": "x" * 1_100_000}}}, 413),
    ({}, [CALL, CALL], 400),
    ({}, NOTICE, 202),
    ({}, NOTICE | {"params": {"requestId": {"a": []}}}, 202),
    ({"content-type": "text/plain"}, CALL, 415),
]


async def test_what_comes_to_the_door(client: httpx2.AsyncClient) -> None:
    for headers, body, status in AT_THE_DOOR:
        answer = await client.post("/mcp", json=body, headers=BOTH | headers)
        assert answer.status_code == status, (headers, status, answer.text)


async def test_there_is_no_stream_without_a_call(client: httpx2.AsyncClient) -> None:
    assert [(await client.request(method, "/mcp")).status_code for method in ("GET", "DELETE")] == [405, 405]


async def test_another_callers_number_cancels_nothing(url: str, team: Team, client: httpx2.AsyncClient) -> None:
    reports = Reports()
    async with talking(url, team.headers(), "legacy") as mcp:
        call = asyncio.create_task(mcp.call_tool("start_run", NOOP, progress_callback=reports))
        await reports.first.wait()
        for number in range(5):
            taken = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
            assert (await client.post("/mcp", json=taken)).status_code == 202
        (run,) = (await client.get(RUNS)).json()["runs"]
        assert run["status"] == "pending"
        assert not call.done()
        call.cancel()


async def test_a_gateway_without_it_says_so(client: httpx2.AsyncClient, gateway: Gateway) -> None:
    object.__setattr__(gateway, "settings", gateway.settings.model_copy(update={"mcp": False}))
    assert (await client.post("/mcp", json=CALL)).status_code == 404


async def test_a_stream_that_has_lasted_long_enough_ends_without_cancelling_the_run(
    url: str, team: Team, client: httpx2.AsyncClient, gateway: Gateway
) -> None:
    short = gateway.settings.model_copy(update={"stream_seconds": 1.0})
    object.__setattr__(gateway, "settings", short)
    meta = {"_meta": {"progressToken": 1}}
    call = CALL | {"params": {"name": "start_run", "arguments": NOOP, **meta}}
    async with client.stream("POST", "/mcp", json=call, headers=BOTH):

        async def begun() -> bool:
            return bool((await client.get(RUNS)).json()["runs"])

        await wait_for(begun, what="the run is made; the client reads nothing")
        await wait_for(lambda: not gateway.mcp.calls.names, what="the call is over")
    (run,) = (await client.get(RUNS)).json()["runs"]
    assert run["status"] == "pending"


async def test_a_call_of_another_gateway_is_cancelled_by_a_notification(gateway: Gateway) -> None:
    elsewhere = LiveCalls(gateway.pool)
    listener = Listener(gateway.settings.direct_url, "api-gateway")
    listener.on(CANCELLED_CHANNEL, elsewhere.heard)
    connected = asyncio.Event()
    listener.on_return(connected.set)
    listening = asyncio.create_task(listener.listen())
    await connected.wait()
    with elsewhere.going_on("its-name") as cancelled, elsewhere.going_on("another") as other:
        await gateway.mcp.calls.cancel("its-name")
        async with asyncio.timeout(30):
            await cancelled.wait()
        assert not other.is_set()
    listening.cancel()
