"""What fails is tried again, by itself within a run, or by somebody as a new run that goes on (decisions 18, 19)."""

from typing import Any

import httpx2
import orjson
import pytest

from tests.integration.lake import manifest
from tests.integration.runs import assert_told_once, decide, journal, log_of, run_of, words
from vai_common.clock import steady_seconds
from vai_testkit.servers.web import Reply, Seen, WebServer
from vai_testkit.stack import create_run, run_when

pytestmark = pytest.mark.any_broker

_SOON = {"initial_interval_seconds": 0.1, "max_interval_seconds": 0.2}


def _failing(times: int, status: int = 503, headers: dict[str, str] | None = None) -> Any:
    """A reply that fails so many times, then succeeds."""
    left = iter(range(times))
    return lambda _: Reply(status=status, headers=headers or {}) if next(left, None) is not None else Reply(body=b"ok")


def _rows(count: int, first: int = 1) -> bytes:
    return orjson.dumps([{"id": number} for number in range(first, first + count)])


async def test_a_server_that_fails_twice_is_asked_three_times(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    web.replies["/twice"] = _failing(2)
    run = await create_run(api, "http_request", {"url": f"{web.url}/twice", "retry": _SOON})
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["retryCount"], len(web.seen)) == ("completed", 2, 3)
    entries = await log_of(api, run["id"])
    assert words(entries).count("run_retrying") == 2
    assert [entry["attempt"] for entry in entries if entry["event"] == "lease_acquired"] == [1, 2, 3]
    assert_told_once(await journal(database, [run["id"]]), [run["id"]])


async def test_a_run_whose_attempts_are_spent_fails_with_the_last_error(
    api: httpx2.AsyncClient, web: WebServer
) -> None:
    web.replies["/down"] = Reply(status=500)
    run = await create_run(api, "http_request", {"url": f"{web.url}/down", "retry": {**_SOON, "max_attempts": 2}})
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["retryCount"], len(web.seen)) == ("failed", 1, 2)
    assert (ended["error"]["code"], ended["error"]["retryable"]) == ("CONNECTION_ERROR", True)


async def test_the_other_side_says_how_long_to_wait(api: httpx2.AsyncClient, web: WebServer) -> None:
    web.replies["/busy"] = _failing(1, 429, {"Retry-After": "1"})
    run = await create_run(api, "http_request", {"url": f"{web.url}/busy", "retry": _SOON})
    began = steady_seconds()
    assert (await run_when(api, run["id"]))["status"] == "completed"
    assert steady_seconds() - began >= 1.0


async def test_the_retry_of_a_failed_run_goes_on_from_its_checkpoint(
    api: httpx2.AsyncClient, database: Any, web: WebServer
) -> None:
    locked = {3}

    def page(seen: Seen) -> Reply:
        number = int(seen.query["page"][0])
        if number in locked:
            return Reply(status=401)
        return Reply(body=_rows(10 if number < 5 else 0, number * 10))

    web.replies["/items"] = page
    definition = {
        "source": "rest_api",
        "source_name": "goes_on",
        "base_url": web.url,
        "paginator": {"type": "page_number"},
        "slice_rows": 10,
        "resources": ["items"],
    }
    run = await create_run(api, "dlt_extract", definition)
    failed = await run_when(api, run["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "AUTH_ERROR"), failed
    locked.clear()
    web.seen.clear()
    again = await decide(api, run["id"], "retry", headers={"Prefer": "wait=30"})
    assert again.status_code == 201, again.text
    retried = again.json()
    assert (retried["status"], retried["triggerMethod"]) == ("completed", "retry")
    assert retried["triggerSourceId"] == run["id"]
    assert retried["id"] != run["id"]
    assert [int(seen.query["page"][0]) for seen in web.seen] == [3, 4, 5]
    files = await manifest(database, run["id"]) + await manifest(database, retried["id"])
    assert sum(row["row_count"] for row in files) == 40
    assert (await run_of(api, run["id"]))["status"] == "failed"


async def test_the_retry_of_a_part_takes_only_what_failed(api: httpx2.AsyncClient, web: WebServer) -> None:
    web.replies = {"/good": Reply(body=_rows(5)), "/bad": Reply(status=404)}
    definition = {
        "source": "rest_api",
        "source_name": "in_part",
        "base_url": web.url,
        "paginator": "single_page",
        "resources": ["good", "bad"],
    }
    run = await create_run(api, "dlt_extract", definition)
    ended = await run_when(api, run["id"])
    assert (ended["status"], ended["displayStatus"]) == ("completed", "completed_with_errors"), ended
    assert ended["result"]["failed_resources"] == ["bad"]
    assert ended["result"]["per_resource_rows"] == {"good": 5}
    web.replies["/bad"] = Reply(body=_rows(7))
    web.seen.clear()
    retried = (await decide(api, run["id"], "retry", headers={"Prefer": "wait=30"})).json()
    assert (retried["status"], retried["displayStatus"]) == ("completed", "completed"), retried
    assert [seen.target for seen in web.seen] == ["/bad"]
    assert retried["result"]["per_resource_rows"]["bad"] == 7


async def test_only_what_failed_can_be_retried_and_two_at_once_make_one(
    api: httpx2.AsyncClient, web: WebServer
) -> None:
    good = await create_run(api, "http_request", {"url": f"{web.url}/good"})
    await run_when(api, good["id"], "completed")
    assert (await decide(api, good["id"], "retry")).status_code == 409
    web.replies["/lost"] = Reply(status=404)
    bad = await create_run(api, "http_request", {"url": f"{web.url}/lost", "requires_approval": True})
    await run_when(api, bad["id"], "awaiting_approval")
    await decide(api, bad["id"], "approve")
    await run_when(api, bad["id"], "failed")
    first, second = [await decide(api, bad["id"], "retry") for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    assert (await run_when(api, first.json()["id"], "awaiting_approval"))["retryCount"] == 0
    assert (await decide(api, first.json()["id"], "reject")).status_code == 200
