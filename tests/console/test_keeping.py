"""What people keep, in a real Chromium: an automation's versions and labels, settings, who is invited."""

import re

import pytest

from tests.console.driver import Visit, browser
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS = [{"key": "one", "kind": "dlt_extract", "definition": {"source": "noop"}}]


async def test_a_version_is_restored_labels_are_set_and_the_automation_deleted(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with client_of(running) as api:
        made = (await api.post("/api/v1/automations", json={"name": "Kept", "steps": STEPS})).json()
        place = f"/api/v1/automations/{made['id']}"
        changed = [{**STEPS[0], "key": "two"}]
        assert (await api.patch(place, json={"steps": changed})).status_code == 200
        await page.goto(f"{running.api_url}/automations/{made['id']}?tab=versions")
        await page.get_by_role("button", name="What changed").first.click()
        await page.get_by_text("steps").first.wait_for()
        await page.get_by_role("button", name="Restore version 1").click()
        await page.get_by_role("dialog").get_by_role("button", name="Restore").click()
        await page.get_by_text("says again what version 1 says").wait_for()
        assert [step["key"] for step in (await api.get(place)).json()["steps"]] == ["one"]
        await page.get_by_role("button", name="Add a label").click()
        labels = page.get_by_role("dialog").get_by_label("Labels")
        await labels.fill("nonsense")
        await page.keyboard.press("Enter")
        await page.get_by_text("write it as name=value").wait_for()
        await page.keyboard.press("Backspace")
        await labels.fill("team=shop")
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog").get_by_role("button", name="Save").click()
        await page.get_by_role("link", name="team=shop").wait_for()
        assert (await api.get(place)).json()["labels"] == {"team": "shop"}
        await page.get_by_role("button", name="More that can be done").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", name="Automations", exact=True).wait_for()
        assert (await api.get(place)).status_code == 404


async def test_settings_are_saved_and_refused_in_the_words_of_the_api(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/organisation?tab=settings")
    await page.get_by_label("Runs at once").fill("7")
    await page.get_by_label("Default model").fill("nonsense")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("alert").first.wait_for()
    await page.get_by_label("Default model").fill("")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("saved").first.wait_for()
    async with client_of(running) as api:
        found = (await api.get("/api/v1/organisation")).json()
        assert found["settings"]["maxRunning"] == 7
        await page.reload()
        field = page.get_by_label("Runs at once")
        assert await field.input_value() == "7"
        await field.fill("")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("saved").first.wait_for()
        assert (await api.get("/api/v1/organisation")).json()["settings"]["maxRunning"] is None


async def test_somebody_who_is_invited_joins_in_a_browser_of_their_own(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/organisation")
    form = page.get_by_role("form", name="Invite somebody")
    await form.get_by_label("Email").fill("grace@shop.example")
    await form.get_by_label("First name").fill("Grace")
    await form.get_by_role("button", name="Invite").click()
    address = await page.get_by_label("the invitation", exact=True).inner_text()
    async with browser() as other:
        theirs = Visit(await (await other.new_context()).new_page(), running.api_url)
        await theirs.page.goto(address)
        await theirs.page.get_by_label("A password of your own").fill("short")
        await theirs.page.get_by_role("button", name="Join").click()
        await theirs.page.get_by_role("alert").wait_for()
        await theirs.page.get_by_label("A password of your own").fill("a-long-password-of-grace")
        await theirs.page.get_by_role("button", name="Join").click()
        await theirs.page.get_by_role("heading", name="Home").wait_for()
        await theirs.page.goto(f"{running.api_url}/organisation?tab=settings")
        await theirs.page.get_by_text("This needs the role admin; yours is viewer.").first.wait_for()
        assert theirs.complaints == []
        await theirs.page.goto(address)
        await theirs.page.get_by_label("A password of your own").fill("another-long-password")
        await theirs.page.get_by_role("button", name="Join").click()
        await theirs.page.get_by_role("alert").wait_for()
    await page.reload()
    await page.get_by_text("grace@shop.example").first.wait_for()


async def test_variables_and_secrets_are_set_changed_and_deleted(running: Stack, visit: Visit) -> None:
    page, secret = visit.page, "s3cret-that-nobody-sees"
    await page.goto(f"{running.api_url}/organisation?tab=variables")
    await page.get_by_label("Name of the variable").fill("shop_url")
    await page.get_by_label("Value", exact=True).fill("https://shop.example")
    await page.get_by_role("button", name="Set the variable").click()
    row = page.get_by_role("article", name="shop_url")
    await row.get_by_text("https://shop.example").wait_for()
    await row.get_by_role("button", name="Change shop_url").click()
    await page.get_by_label("The value is").select_option("json")
    await page.get_by_label("Value", exact=True).fill('{"host":')
    await page.get_by_role("form").get_by_role("button", name="Change shop_url").click()
    await page.get_by_text("This is not JSON").wait_for()
    await page.get_by_label("Value", exact=True).fill('{"host": "shop.example"}')
    await page.get_by_role("form").get_by_role("button", name="Change shop_url").click()
    await row.get_by_text('{"host":"shop.example"}').wait_for()
    assert await visit.serious() == []

    await page.get_by_role("tab", name="Secrets").click()
    await page.get_by_label("Name of the secret").fill("shop_token")
    await page.get_by_label(re.compile("^Value")).fill(secret)
    await page.get_by_role("button", name="Set the secret").click()
    await page.get_by_role("article", name="shop_token").wait_for()
    assert secret not in await page.content()
    assert await visit.serious() == []
    for tab, name in (("Secrets", "shop_token"), ("Variables", "shop_url")):
        await page.get_by_role("tab", name=tab).click()
        await page.get_by_role("button", name=f"Delete {name}").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("article", name=name).wait_for(state="detached")


async def test_a_service_account_gets_a_narrow_key_and_what_was_done_stands_in_the_audit_log(
    running: Stack, visit: Visit
) -> None:
    page = visit.page
    await page.goto(f"{running.api_url}/organisation?tab=accounts")
    await page.get_by_label("Name of the service account").fill("Night robot")
    await page.get_by_role("button", name="Make a service account").click()
    row = page.get_by_role("article", name="Night robot")
    await row.get_by_role("button", name="Make a key for Night robot").click()
    form = page.get_by_role("form", name="Key for Night robot")
    await form.get_by_label("Name of the key").fill("cron")
    await form.get_by_label("How long").select_option("")
    await (
        form.get_by_role("combobox", name="Only these scopes")
        .or_(form.get_by_role("textbox", name="Only these scopes"))
        .first.click()
    )
    await page.get_by_role("option", name="runs:read").click()
    await page.keyboard.press("Escape")
    await form.get_by_role("button", name="Make a key").click()
    key = await page.get_by_label("the key", exact=True).inner_text()
    async with client_of(running) as api:
        me = (await api.get("/api/v1/me", headers={"X-API-Key": key})).json()
        assert (me["isServiceAccount"], me["scopes"], me["user"]["firstName"]) == (True, ["runs:read"], "Night robot")
    await page.get_by_role("button", name="Disable Night robot").click()
    await row.get_by_text("disabled", exact=True).wait_for()
    await page.get_by_role("tab", name="Audit log").click()
    log = page.get_by_role("list", name="Audit log")
    await log.get_by_text("update.service_account").first.wait_for()
    await (
        page.get_by_role("combobox", name="What was acted on")
        .or_(page.get_by_role("textbox", name="What was acted on"))
        .first.click()
    )
    await page.get_by_role("option", name="api key", exact=True).click()
    await log.get_by_text("create.api_key").first.wait_for()
    assert await log.get_by_text("update.service_account").count() == 0
    assert "on=api_key" in page.url
