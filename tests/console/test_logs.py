"""Text in the logs of all runs, and a flashboard on paper, in a real Chromium."""

import httpx2
import pytest

from tests.console.driver import SCRIPT, Visit, chromium, ended, make_run
from tests.console.things import board
from vai_devstack.stack import Stack
from vai_drawing.paper import pdf
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_entry_is_found_and_opens_in_the_log_of_its_run(running: Stack, visit: Visit) -> None:
    page = visit.page
    bad = await make_run(running, kind="http_request", definition={"url": "http://127.0.0.1:9/needle"})
    await ended(running, bad["id"])
    await page.keyboard.press("g")
    await page.keyboard.press("e")
    await page.get_by_role("heading", name="Logs").wait_for()
    await page.keyboard.press("/")
    await page.keyboard.insert_text("NEEDLE")
    await page.locator("mark", has_text="needle").first.wait_for()
    await page.get_by_text("Errors", exact=True).click()
    found = page.get_by_role("region").filter(has_text="needle").first
    await found.get_by_text("run_failed").wait_for()
    assert "q=NEEDLE" in page.url
    assert "level=error" in page.url
    assert await visit.serious() == []
    await found.get_by_role("link", name="Open entry").first.click()
    await page.locator("[data-asked]").get_by_text("run_failed").wait_for()
    assert await visit.serious() == []
    await page.get_by_role("checkbox", name="Follow").check()
    await page.locator("[data-asked]").wait_for(state="detached")
    await page.go_back()
    await page.get_by_role("heading", name="Logs").wait_for()
    assert await page.get_by_role("textbox", name="Search in messages").input_value() == "NEEDLE"
    await page.get_by_role("textbox", name="Search in messages").fill(f"no such text {SCRIPT}")
    await page.get_by_role("heading", name="No entry matches").wait_for()
    assert await visit.serious() == []


async def test_a_flashboard_becomes_a_pdf(running: Stack, visit: Visit) -> None:
    slug = await board(running, "on-paper")
    async with client_of(running) as api:
        made = await api.get(f"/api/v1/flashboards/{slug}/export", params={"format": "pdf"}, timeout=90)
    assert (made.status_code, made.headers["content-type"]) == (200, "application/pdf"), made.text[:300]
    assert made.content.startswith(b"%PDF-")
    assert made.headers["content-disposition"] == f'attachment; filename="{slug}-1.pdf"'
    page = visit.page
    await page.goto(f"{running.api_url}/boards/{slug}?tab=export")
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="As PDF").click()
    assert (await coming.value).suggested_filename == f"{slug}.pdf"


async def test_a_page_on_paper_runs_nothing_and_asks_nobody() -> None:
    async with WebServer.opened() as outside:
        html = (
            "<!doctype html><html><head><title>x</title></head><body><h1>Sales</h1>"
            f"<img src='{outside.url}/picture'><link rel=stylesheet href='{outside.url}/style'>"
            f"<iframe src='{outside.url}/frame'></iframe><iframe src='file:///etc/passwd'></iframe>"
            f"<script>fetch('{outside.url}/script')</script><meta http-equiv=refresh content='0;url={outside.url}/to'>"
            "</body></html>"
        )
        made = await pdf(chromium(), html)
        assert made.startswith(b"%PDF-")
        assert outside.seen == []
        async with httpx2.AsyncClient() as client:  # it would have been noticed
            await client.get(f"{outside.url}/picture")
        assert len(outside.seen) == 1
