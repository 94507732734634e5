"""Chat, keys and flashboards in a real Chromium: what people do there, and that nothing of what comes runs."""

import pytest

from examples.chat_thread.__main__ import QUESTIONS
from tests.console.driver import Visit
from tests.console.more_things import WHOLE
from tests.console.things import board, talking
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_chat_is_approved_and_crystallized(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with talking(running) as agent:
        await page.goto(f"{running.api_url}/agents/{agent}")
        await page.get_by_role("main").get_by_role("link", name="Chat", exact=True).click()
        await page.get_by_label("First message").fill(QUESTIONS[0])
        await page.get_by_role("button", name="Begin").click()
        await page.get_by_text("orders in the category garden.").wait_for()
        await page.get_by_text("Answering …").first.wait_for(state="hidden")
        message = page.get_by_label("Message", exact=True)
        await message.fill(QUESTIONS[1])
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Approve tell_the_shop").click()
        await page.get_by_text("The shop knows it.").wait_for()
        await page.get_by_role("link", name="Crystallize").click()
        steps = page.get_by_role("region", name="Steps", exact=True)
        await steps.get_by_text("tell_the_shop", exact=True).wait_for()
        await page.get_by_role("button", name="Save the automation").click()
        await page.get_by_role("link", name="Open the automation").wait_for()


async def test_an_answer_runs_no_script_and_a_message_is_edited(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with talking(running) as agent:
        await page.goto(f"{running.api_url}/chat?agent={agent}")
        await page.get_by_label("First message").fill("Show me Markdown.")
        await page.get_by_role("button", name="Begin").click()
        await page.get_by_role("cell", name="812").wait_for()
        assert await page.title() == "Show me Markdown. · Chat · VAI"
        assert await page.locator("main img, main script").count() == 0
        assert await page.locator("main a[href^=javascript]").count() == 0
        await page.get_by_role("button", name="Edit").click()
        await page.get_by_label("The message in other words").fill("Show me Markdown once more.")
        await page.get_by_role("button", name="Send").first.click()
        versions = page.get_by_role("group", name="Versions of this message")
        await versions.get_by_text("2 of 2").wait_for()
        await versions.get_by_role("button", name="Version before").click()
        await versions.get_by_text("1 of 2").wait_for()
        await page.get_by_role("article", name="Message 1").get_by_text("Show me Markdown.", exact=True).wait_for()


async def test_a_key_is_shown_once_and_revoked_by_keyboard(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/organisation")
    await page.get_by_role("tab", name="API keys").focus()
    await page.keyboard.press("Enter")
    # Whoever is signed in by a key makes none that outlives it.
    await page.get_by_label("How long").select_option("")
    await page.get_by_label("Name of the key").fill("for a test")
    await page.keyboard.press("Enter")
    key = await page.get_by_label("the key", exact=True).inner_text()
    async with client_of(running, key) as api:
        assert (await api.get("/api/v1/me")).json()["role"] == "viewer"
        await page.get_by_role("button", name="Revoke for a test").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await page.get_by_role("article", name="for a test").wait_for(state="detached")
        assert (await api.get("/api/v1/me")).status_code == 401
    await page.reload()
    await page.get_by_role("button", name="Make a key").wait_for()
    assert await page.get_by_text(key).count() == 0


async def test_a_flashboard_is_shared_until_its_link_is_revoked(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with talking(running):  # brings the orders
        slug = await board(running, "shared-orders")
    await page.goto(f"{running.api_url}/boards/{slug}?tab=share")
    await page.get_by_label("For whom").fill("the boss")
    await page.get_by_role("button", name="Make a link").click()
    address = await page.get_by_label("the link", exact=True).inner_text()
    async with client_of(running, "nobody") as outside:
        assert (await outside.get(address)).status_code == 200
        await page.get_by_role("button", name="Revoke the boss").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await page.get_by_text("revoked", exact=True).wait_for()
        assert (await outside.get(address)).status_code in (404, 410)


async def test_a_flashboard_is_made_of_one_question_and_runs_no_script(running: Stack, visit: Visit) -> None:
    """Of four tiles that a model proposes, one cannot be shown: it is left out, and that is said."""
    page = visit.page
    async with talking(running) as agent:
        async with client_of(running) as api:
            model = (await api.get(f"/api/v1/agents/{agent}")).json()["model"]
        await page.goto(f"{running.api_url}/boards")
        await page.get_by_label("Make one of a question").fill(WHOLE)
        await page.get_by_role("combobox", name="Model").click()
        await page.get_by_role("option", name=model, exact=True).click()
        assert await visit.serious() == []
        await page.get_by_role("button", name="Make it").click()
        await page.get_by_text("Left out, since their queries failed: 1.", exact=False).wait_for()
        await page.get_by_role("tab", name="Definition").wait_for()
        slug = page.url.rsplit("/", 1)[1]
        await page.get_by_role("button", name="Refresh").click()
        await page.get_by_text("Version 2").wait_for()
    async with client_of(running) as api:  # the model is gone: a refresh needs none
        told = (await api.get(f"/api/v1/flashboards/{slug}/versions/2")).json()
        run = (await api.get(f"/api/v1/action-runs/{told['runId']}")).json()
    assert [tile["type"] for tile in told["definition"]["tiles"]] == ["number", "chart", "text"]
    assert (run["status"], "question" in run["definition"], "model" in run["result"]) == ("completed", False, False)
    await page.goto(f"{running.api_url}/flashboards/{slug}")
    await page.get_by_role("heading", name="Words").wait_for()
    assert await page.locator("main img, main script, a[href^=javascript]").count() == 0
