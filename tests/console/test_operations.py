"""What administrators do in a real Chromium: look at the system, have people told of failures."""

import json

import pytest

from tests.console.driver import SCRIPT, Visit, ended, make_run
from vai_devstack.stack import Stack
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import client_of
from vai_testkit.wait import wait_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_system_page_shows_services_and_queues(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("g")
    await page.keyboard.press("y")
    await page.get_by_role("heading", name="System").wait_for()
    processes = page.get_by_role("table", name="Processes")
    for service in ("api-gateway", "extract-worker", "scheduler", "watchdog"):
        await processes.get_by_text(service).first.wait_for()
    queues = page.get_by_role("table", name="Queues")
    row = queues.get_by_role("row").filter(has_text="Extract").first
    assert "0 of" in await row.inner_text()
    assert await page.get_by_text("No worker is alive").count() == 0
    assert await visit.serious() == []


async def test_the_system_page_is_for_administrators(running: Stack, visit: Visit) -> None:
    async with client_of(running) as api:
        made = (await api.post("/api/v1/api-keys", json={"name": "looks", "role": "viewer"})).json()
    await visit.page.context.clear_cookies()
    await visit.sign_in(made["key"])
    assert await visit.page.get_by_role("link", name="System").count() == 0
    await visit.page.goto(f"{running.api_url}/system")
    await visit.page.get_by_text("This needs the role admin; yours is viewer.").wait_for()


async def test_a_rule_is_made_tested_changed_and_deleted_and_what_it_sent_is_seen(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with WebServer.opened() as receiver:
        await page.goto(f"{running.api_url}/alerts")
        await page.get_by_role("link", name="New rule").click()
        await page.get_by_label("Name").fill(f"To the team {SCRIPT}")
        await page.get_by_role("checkbox", name="Late").check()
        await page.get_by_label("Late after").fill("90")
        await page.get_by_label("Channel").select_option("webhook")
        await page.get_by_label("Address").fill("ftp://nowhere")
        await page.get_by_label("Gather for").fill("0")
        await page.get_by_role("button", name="Make the rule").click()
        await page.get_by_role("alert").first.wait_for()
        assert await visit.serious() == []
        await page.get_by_label("Address").fill(f"{receiver.url}/team")
        await page.get_by_role("button", name="Make the rule").click()
        await page.get_by_role("button", name="Send a test").click()
        await page.get_by_text("The test has arrived").wait_for()
        assert json.loads(receiver.seen[0].body)["isTest"] is True
        bad = await make_run(running, kind="http_request", definition={"url": "http://127.0.0.1:9/late"})
        await ended(running, bad["id"])
        await wait_for(lambda: len(receiver.seen) > 1, timeout=60)
        sent = page.get_by_role("region", name="Alerts").get_by_role("article").filter(has_text="1 failed")
        await sent.get_by_role("button", name="What it tells").click()
        await sent.get_by_role("link", name="http_request").wait_for()
        await page.get_by_role("button", name="Use another channel").click()
        await page.get_by_label("Channel").select_option("slack")
        await page.get_by_label("Address").fill("http://127.0.0.1:9/slack")
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_text("Slack, 127.0.0.1").wait_for()
        await page.get_by_role("button", name="Send a test").click()
        await page.get_by_text("The test did not arrive").wait_for()
        assert await page.title() == f"To the team {SCRIPT} · VAI"
        assert await visit.serious() == []
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", name="Alerts", exact=True).wait_for()
        await page.get_by_role("link", name="To the team").wait_for(state="detached")
