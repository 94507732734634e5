"""What goes wrong around the console in a real Chromium: large and hostile results, lost streams, lost tables."""

import json
import shutil
from pathlib import Path

import pytest

from tests.console.driver import SCRIPT, Visit, browser, ended, make_run
from vai_devstack.stack import Stack
from vai_testkit.servers.web import Reply, WebServer
from vai_testkit.stack import client_of, run_when

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

_BYTES = 9 << 20
"""Of an answer whose run has a result of about 10 MB."""


def _remove(lake: Path, table: str) -> None:
    (folder,) = (each for each in lake.rglob(table) if each.is_dir())
    shutil.rmtree(folder)


async def test_a_result_of_10_mb_with_scripts_is_read_and_none_runs(running: Stack, visit: Visit) -> None:
    page = visit.page
    rows = [{SCRIPT: f"{SCRIPT} {number}" + "x" * 900} for number in range(_BYTES // 1_000)]
    async with WebServer.opened() as shop:
        shop.every = lambda seen: Reply(body=json.dumps(rows).encode(), headers={"Content-Type": "application/json"})
        run = await make_run(
            running, kind="http_request", definition={"url": f"{shop.url}/all", "max_response_bytes": 10 << 20}
        )
        made = await ended(running, run["id"])
    assert made["status"] == "completed", made["error"]
    assert len(json.dumps(made["result"])) > _BYTES
    await page.goto(f"{running.api_url}/runs/{run['id']}?tab=result")
    await page.get_by_text("Only the beginning is shown").wait_for()
    assert len(await page.get_by_role("region", name="the result").inner_text()) < 300_000
    await page.get_by_role("tab", name="Log").click()
    await page.get_by_role("log").get_by_text("Run completed successfully").wait_for()
    await page.goto(f"{running.api_url}/runs")
    await page.locator(f'a[href$="/runs/{run["id"]}"]').first.wait_for()
    assert await page.title() == "Runs · VAI"


async def test_scripts_in_a_log_a_reason_and_an_error_stay_text(running: Stack, visit: Visit) -> None:
    page = visit.page
    run = await make_run(running, kind="approval_gate", definition={"title": SCRIPT, "message": SCRIPT})
    await page.goto(f"{running.api_url}/runs/{run['id']}")
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_label("Reason").fill(f"No: {SCRIPT}")
    await page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    await page.get_by_role("log").get_by_text(f"Rejected: No: {SCRIPT}").wait_for()
    assert await page.title() == f"{SCRIPT} · Run · VAI"
    assert await page.locator("main script, main img").count() == 0
    await page.goto(f"{running.api_url}/logs?q=img")
    await page.get_by_text(f"Rejected: No: {SCRIPT}").first.wait_for()
    assert await page.title() == "Logs · VAI"


async def test_a_log_goes_on_after_its_gateway_was_gone(running: Stack) -> None:
    definition = {"source": "sample", "rows": 600, "rows_per_second": 20}
    async with browser() as chrome:
        visit = Visit(await (await chrome.new_context()).new_page(), running.api_url)
        await visit.sign_in(running.api_key)
        page = visit.page
        run = await make_run(running, kind="dlt_extract", definition=definition)
        await page.goto(f"{running.api_url}/runs/{run['id']}")
        await page.get_by_text("· live").wait_for()
        async with client_of(running) as api:
            await run_when(api, run["id"], "running")
        await running.kill_service("api-gateway")
        await page.wait_for_timeout(3_000)
        assert await page.get_by_role("heading", level=1).is_visible()
        await running.start_service("api-gateway")
        await ended(running, run["id"])
        # Each entry once, in order, and the page knows that the run has ended.
        await page.get_by_text("completed", exact=True).first.wait_for()
        async with client_of(running) as api:
            entries = (await api.get(f"/api/v1/action-runs/{run['id']}/logs", params={"limit": 500})).json()["entries"]
        shown = page.get_by_text(f"{len(entries):,} entries", exact=True)
        await shown.wait_for()
        assert [each for each in visit.complaints if "Failed to load" not in each and "ERR_" not in each] == []


async def test_a_flashboard_whose_table_is_gone_shows_what_it_had_and_says_what_is_wrong(
    running: Stack, visit: Visit
) -> None:
    page = visit.page
    made = await make_run(
        running, kind="duckdb_transform", definition={"transform_name": "goes_away", "sql": "SELECT 4711 AS n"}
    )
    assert (await ended(running, made["id"]))["status"] == "completed"
    tile = {"key": "n", "type": "number", "title": "Number", "sql": "SELECT n FROM silver.goes_away"}
    definition = {"slug": "goes-away", "title": f"Goes away {SCRIPT}", "tiles": [tile]}
    board = await make_run(running, kind="create_flashboard", definition=definition)
    found = await ended(running, board["id"])
    assert found["status"] == "completed", found["error"]
    _remove(running.home.lake, "goes_away")
    await page.goto(f"{running.api_url}/boards/goes-away")
    await page.get_by_role("button", name="Refresh").click()
    await page.get_by_role("alert").get_by_text("goes_away").first.wait_for()
    await page.get_by_text("Version 1 is shown until one succeeds.").wait_for()
    assert await visit.serious() == []
    await page.goto(f"{running.api_url}/flashboards/goes-away")
    await page.get_by_text("4,711").first.wait_for()
    assert await page.title() != "ran"


async def test_a_revoked_link_says_so_in_the_browser_of_whoever_has_it(running: Stack) -> None:
    tile = {"key": "words", "type": "text", "text": "For the boss alone"}
    definition = {"slug": "revoked", "title": "Revoked", "tiles": [tile]}
    run = await make_run(running, kind="create_flashboard", definition=definition)
    assert (await ended(running, run["id"]))["status"] == "completed"
    async with client_of(running) as api, browser() as chrome:
        link = (await api.post("/api/v1/flashboards/revoked/links", json={"days": 1})).json()
        page = await (await chrome.new_context()).new_page()
        await page.goto(running.api_url + link["path"])
        await page.get_by_text("For the boss alone").wait_for()
        await api.delete(f"/api/v1/flashboards/revoked/links/{link['id']}")
        gone = await page.reload()
        assert gone.status in (404, 410)
        assert await page.get_by_text("For the boss alone").count() == 0
        assert "link" in (await page.locator("body").inner_text()).lower()
