"""Automations in a real Chromium: build one, see it run, approve, retry; two who edit the same lose nothing."""

import json

import pytest

from tests.console.driver import SCRIPT, Visit
from vai_devstack.stack import Stack
from vai_testkit.stack import client_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

_TEXT = f"""name: Built here
inputs:
  who: {{type: string, required: true}}
steps:
  - key: ask
    kind: approval_gate
    definition: {{title: "Greet $/inputs/who?", message: {json.dumps(SCRIPT)}}}
  - key: call
    depends_on: [{{step: ask, port: approved}}]
    kind: http_request
    definition: {{url: "http://127.0.0.1:9/x"}}
"""


async def _write(visit: Visit, text: str) -> None:
    field = visit.page.get_by_role("textbox", name="Definition of the automation")
    await field.click()
    await visit.page.keyboard.press("Control+a")
    await visit.page.keyboard.press("Backspace")
    await visit.page.keyboard.insert_text(text)


async def test_an_automation_is_built_run_approved_and_retried(running: Stack, visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("g")
    await page.keyboard.press("m")
    await page.get_by_role("link", name="New automation").click()
    await _write(visit, "name: Built here\nsteps:\n  - {kind: no_such_kind}\n")
    await page.get_by_role("button", name="Line 3").first.wait_for()
    await _write(visit, _TEXT)
    await page.get_by_text("Nothing is wrong with it.").wait_for()
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("heading", name="Built here").wait_for()
    await page.get_by_role("button", name="Start now").click()
    await page.get_by_role("textbox", name="who").fill("Ada")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_role("button", name="Retry from failed").click()
    before = page.url
    await page.get_by_role("menuitem", name="As it was").click()
    await page.wait_for_function("url => location.href !== url", arg=before)
    await page.get_by_role("tab", name="Time").click()
    await page.get_by_role("region", name="When each step ran").wait_for()
    assert await page.title() == "Built here · Automation run · VAI"
    assert await visit.serious() == []


async def test_two_who_edit_the_same_lose_nothing(running: Stack, visit: Visit) -> None:
    page = visit.page
    steps = [{"key": "one", "kind": "dlt_extract", "definition": {"source": "noop"}}]
    async with client_of(running) as api:
        made = (await api.post("/api/v1/automations", json={"name": "Shared", "steps": steps})).json()
        await page.goto(f"{running.api_url}/automations/{made['id']}/edit")
        await _write(visit, "name: Mine\nsteps:\n  - {key: one, kind: dlt_extract, definition: {source: noop}}\n")
        await api.patch(f"/api/v1/automations/{made['id']}", json={"description": "Theirs"})
    await page.get_by_role("button", name="Save a new version").click()
    await page.get_by_role("button", name="Show their change beside mine").click()
    await page.get_by_text("Red is theirs").wait_for()
    await page.get_by_text("description: Theirs").wait_for()
    assert await visit.serious() == []
    await page.get_by_role("button", name="Save a new version").click()
    await page.get_by_role("heading", name="Mine").wait_for()
