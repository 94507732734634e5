"""Automations in a real Chromium: build one, see it run, approve, retry; two who edit the same lose nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.console.driver import SCRIPT, Visit
from vai_common.clock import now
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


_FORMS: dict[str, Any] = {
    "name": "Pays",
    "trigger": {"type": "schedule", "schedule": "0 * * * *"},
    "inputs": {"token": {"type": "secret"}},
    "steps": [
        {
            "key": "ask",
            "kind": "approval_gate",
            "definition": {
                "title": "Pay?",
                "approval_fields": [
                    {"name": "amount", "title": "How much", "type": "integer", "required": True, "maximum": 10},
                    {"name": "way", "type": "choice", "choices": ["bank", "card"], "default": "bank"},
                    {"name": "note", "title": SCRIPT},
                ],
            },
        }
    ],
}


async def test_a_secret_goes_in_a_form_is_filled_in_and_a_backfill_is_cancelled(running: Stack, visit: Visit) -> None:
    page = visit.page
    async with client_of(running) as api:
        made = (await api.post("/api/v1/automations", json=_FORMS)).json()
        since = (now() - timedelta(hours=3)).isoformat()
        await api.post(f"/api/v1/automations/{made['id']}/backfill", json={"since": since})
    await page.goto(f"{running.api_url}/automations/{made['id']}?tab=runs")
    await page.get_by_role("button", name="Cancel all of it").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel all of it").click()
    await page.get_by_role("article").get_by_text("3 cancelled").wait_for(timeout=20_000)
    await page.get_by_role("button", name="Start now").click()
    field = page.get_by_label("token")
    assert await field.get_attribute("type") == "password"
    await field.fill("needle-4711")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Approve").click()
    await dialog.get_by_text("This must be filled in.").wait_for()
    assert await visit.serious() == []
    await dialog.get_by_label("How much").fill("11")
    await dialog.get_by_role("button", name="Approve").click()
    await dialog.get_by_text("11 is above 10, the most").wait_for()
    await page.goto(f"{running.api_url}/approvals")
    card = page.get_by_role("article", name="Pay?")
    await card.get_by_label("How much").fill("7")
    assert await visit.serious() == []
    await card.get_by_role("button", name="Approve Pay?").click()
    await card.wait_for(state="detached")
    async with client_of(running) as api:
        (run,) = (await api.get("/api/v1/automation-runs?limit=1")).json()["automationRuns"]
        whole = await api.get(f"/api/v1/automation-runs/{run['runId']}")
        step = await api.get(f"/api/v1/action-runs/{whole.json()['steps'][0]['runId']}")
    assert step.json()["approvalValues"] == {"amount": 7, "way": "bank", "note": None}
    assert "needle" not in whole.text


async def test_a_run_that_was_put_off_is_started_now(running: Stack, visit: Visit) -> None:
    """By hand tomorrow, then at once; the button is gone as soon as it has begun."""
    page = visit.page
    step = {"key": "one", "kind": "dlt_extract", "definition": {"source": "noop"}}
    async with client_of(running) as api:
        made = (await api.post("/api/v1/automations", json={"name": "Put off", "steps": [step]})).json()
        later = {"scheduledFor": (now() + timedelta(days=1)).isoformat()}
        run = (await api.post(f"/api/v1/automations/{made['id']}/trigger", json=later)).json()
    await page.goto(f"{running.api_url}/automation-runs/{run['runId']}")
    await page.get_by_text("scheduled", exact=True).first.wait_for()
    assert await visit.serious() == []
    start = page.get_by_role("button", name="Start now")
    await start.focus()
    await page.keyboard.press("Enter")
    await page.get_by_text("completed", exact=True).first.wait_for()
    assert await start.count() == 0
    async with client_of(running) as api:
        whole = (await api.get(f"/api/v1/automation-runs/{run['runId']}")).json()
        step_run = (await api.get(f"/api/v1/action-runs/{whole['steps'][0]['runId']}")).json()
    assert (whole["status"], step_run["status"]) == ("completed", "completed")
    assert whole["scheduledFor"] == run["scheduledFor"]


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
