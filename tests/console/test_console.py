"""The console in a real Chromium: sign in, follow, cancel, retry, approve; by keyboard; nothing that comes runs."""

import pytest

from tests.console.driver import SCRIPT, Visit, ended, make_run
from tests.console.places import PLACES
from tests.console.things import things
from vai_devstack.stack import Stack

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]


async def test_a_run_is_found_followed_and_its_result_read(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/runs")
    await page.get_by_role("heading", name="Runs").wait_for()
    run = await make_run(running, kind="dlt_extract", definition={"source": "sample"})
    await page.locator(f'a[href$="/runs/{run["id"]}"]').first.click()
    await page.get_by_role("log").get_by_text("Run completed successfully").wait_for()
    await page.get_by_role("tab", name="Result").click()
    await page.get_by_text("11,010").wait_for()
    assert page.url.endswith(f"/runs/{run['id']}?tab=result")
    await page.go_back()
    await page.get_by_role("heading", name="Runs").wait_for()


async def test_a_run_is_cancelled_and_run_again(running: Stack, visit: Visit) -> None:
    page = visit.page
    run = await make_run(running, kind="dlt_extract", definition={"source": "sample", "rows_per_second": 20})
    await page.goto(f"{running.api_url}/runs/{run['id']}")
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await page.get_by_text("cancelled", exact=True).first.wait_for()
    await page.get_by_role("button", name="Run again").click()
    await page.wait_for_function("id => !location.pathname.endsWith(id)", arg=run["id"])


async def test_a_failed_run_says_what_to_do_and_is_retried(running: Stack, visit: Visit) -> None:
    page = visit.page
    run = await make_run(running, kind="http_request", definition={"url": "http://127.0.0.1:9/x"})
    await ended(running, run["id"])
    await page.goto(f"{running.api_url}/runs/{run['id']}")
    await page.get_by_text("CONNECTION_ERROR").first.wait_for()
    await page.get_by_role("button", name="Retry", exact=True).click()
    await page.wait_for_function("id => !location.pathname.endsWith(id)", arg=run["id"])


async def test_what_waits_is_approved_by_keyboard_and_no_text_runs(running: Stack, visit: Visit) -> None:
    page = visit.page
    run = await make_run(running, kind="approval_gate", definition={"message": f"Send? {SCRIPT}"})
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    await page.get_by_role("heading", name="Approvals").wait_for()
    button = page.get_by_role("button", name="Approve Send?")
    await button.focus()
    await page.keyboard.press("Enter")
    assert (await ended(running, run["id"]))["status"] == "completed"
    assert await page.title() == "Approvals · VAI"


async def test_nothing_keeps_people_out(running: Stack, visit: Visit) -> None:
    found = {}
    async with things(running) as made:
        for name, place in PLACES.items():
            await visit.page.goto(running.api_url + place.format(**made))
            await visit.page.get_by_role("heading").first.wait_for()
            await visit.page.locator(".mantine-Loader-root").first.wait_for(state="hidden")
            if serious := await visit.serious():
                found[name] = serious
    assert found == {}
