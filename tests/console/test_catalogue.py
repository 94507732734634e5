"""From a source to a chart by the console alone: connect, test, make an action, run it, see its table, query it."""

import pytest

from tests.console.driver import SCRIPT, Visit, ended, make_run
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]


async def test_a_connection_is_made_and_tested_and_its_secret_never_comes_back(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/connections/new?provider=shopify")
    await page.get_by_role("textbox", name="Name", exact=True).fill("Corner shop")
    await page.get_by_label("Shop", exact=True).fill("not a shop!")
    await page.locator("input[type=password]").fill("shpat_secret")
    await page.get_by_role("button", name="Save").click()
    # The API's words stand at the field that they are about.
    shop = page.get_by_label("Shop", exact=True)
    await page.wait_for_function(
        "field => field.getAttribute('aria-invalid') === 'true'", arg=await shop.element_handle()
    )
    await shop.fill("corner")
    await page.get_by_label("Base URL", exact=True).fill("http://127.0.0.1:9")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Test the connection").click()
    await page.get_by_text("It does not work").wait_for()
    await page.get_by_role("tab", name="Edit").click()
    await page.get_by_text("Is set, and never shown").wait_for()
    assert "shpat_secret" not in await page.content()


async def test_an_action_is_made_of_a_source_run_and_its_table_queried(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/sources/sample")
    await page.get_by_role("link", name="New action").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill(f"Sample {SCRIPT}")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Run now").click()
    await page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    await page.wait_for_url("**/runs/*")
    await ended(running, page.url.rsplit("/", 1)[1])
    await page.goto(f"{running.api_url}/datasets")
    await page.get_by_role("link", name="bronze.sample.sample_s").click()
    await page.get_by_role("button", name="Profile of").first.click()
    await page.get_by_text("Different values, about").wait_for()
    await page.get_by_role("button", name="Lineage of").first.click()
    await page.get_by_text("No column of another table.").wait_for()
    await page.get_by_role("tab", name="Preview").click()
    await page.get_by_role("table", name="Some rows of bronze.sample.sample_s").wait_for()
    await page.get_by_role("tab", name="Lineage").click()
    await page.get_by_role("region", name="Lineage").get_by_text("bronze.sample.sample_s").wait_for()
    await page.get_by_role("link", name="Query", exact=True).last.click()
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_text("100 rows", exact=False).first.wait_for()
    assert "ran" not in await page.title()


async def test_500_columns_and_scripts_in_cells_stay_text(running: Stack, visit: Visit) -> None:
    page = visit.page
    text = SCRIPT.replace("'", "''")
    columns = ", ".join(f"'{text}' AS c{number}" for number in range(500))
    run = await make_run(running, kind="generate_query", definition={"sql": f"SELECT {columns}"})
    assert (await ended(running, run["id"]))["status"] == "completed"
    await page.goto(f"{running.api_url}/query")
    await page.get_by_role("textbox", name="SQL").click()
    await page.keyboard.insert_text(f"SELECT {columns}")
    await page.keyboard.press("Control+Enter")
    grid = page.get_by_role("table", name="Result of the query")
    await grid.wait_for()
    assert await grid.get_attribute("aria-colcount") == "500"
    assert await grid.get_by_role("columnheader").count() < 50
    assert await page.title() == "Query · VAI"


async def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/actions/new?kind=generate_query")
    await page.get_by_role("textbox", name="Name", exact=True).fill("Count them")
    await page.get_by_label("SQL", exact=True).fill("SELECT 42 AS answer")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="Your session has ended")
    await dialog.locator("input[type=password]").fill(running.api_key)
    await page.keyboard.press("Enter")
    await dialog.wait_for(state="detached")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("heading", name="Count them").wait_for()
    async with client_of(running) as api:
        actions = (await api.get("/api/v1/actions", params={"q": "Count them"})).json()["actions"]
    assert [each["definition"] for each in actions] == [{"sql": "SELECT 42 AS answer"}]
