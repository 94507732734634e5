"""A real Chromium on a stack of its own: what the tests of the console and its pictures share."""

import contextlib
import importlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from vai_devstack.stack import Stack
from vai_testkit.stack import ENDED, client_of, run_when, running_stack

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"
PATIENCE = 60_000
"""Milliseconds that something may take on a busy machine."""

_SETTLED = """Promise.allSettled(document.getAnimations()
    .filter(each => each.effect.getComputedTiming().endTime < 10_000).map(each => each.finished))"""
_REFUSED = re.compile(r"status of (401|412|422)")

SCRIPT = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"


class NoBrowser(Exception):
    """Why the console can't be tried here."""


def chromium() -> str:
    """Where it is. Raises NoBrowser."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    raise NoBrowser("there is no chromium (Debian: chromium)")


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """The browser, driven by Playwright, which `make test-console` fetches into .cache/console/browser."""
    playwright = importlib.import_module("playwright.async_api")
    async with playwright.async_playwright() as started:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        running = await started.chromium.launch(executable_path=chromium(), args=options)
        try:
            yield running
        finally:
            await running.close()


@contextlib.asynccontextmanager
async def stack(folder: Path) -> AsyncIterator[Stack]:
    """A stack whose gateway serves console/dist."""
    async with running_stack(folder, environment={"VAI_CONSOLE": str(ROOT / "console/dist")}) as running:
        yield running


class Visit:
    """A page of somebody; notes what it complains about, and what it asks outside the gateway."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._ask)

    async def sign_in(self, key: str) -> None:
        """With an API key, by the form."""
        await self.page.goto(f"{self.address}/")
        await self.page.get_by_role("radiogroup").get_by_text("API key").click()
        await self.page.locator("input[type=password]").fill(key)
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("heading", name="Home").wait_for()

    async def serious(self) -> list[str]:
        """What axe finds that keeps people out.

        Two looks must agree: a button that becomes usable while axe reads has colours of neither state.
        """
        before: list[str] | None = None
        while (found := await self._look()) and found != before:
            before = found
        return found

    async def _look(self) -> list[str]:
        await self.page.evaluate(_SETTLED)
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa']})")
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:160]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    def _hear(self, message: Any) -> None:
        # Every browser notes what the API refuses: 401 before the sign-in, 412 and 422 of what somebody writes.
        if message.type == "error" and not _REFUSED.search(message.text):
            self.complaints.append(message.text)

    def _ask(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"asked {request.url}")


async def ended(stack: Stack, run_id: str) -> dict[str, Any]:
    """The run, when it has ended."""
    async with client_of(stack) as api:
        return await run_when(api, run_id, *ENDED, timeout=120)


async def make_run(stack: Stack, **body: Any) -> dict[str, Any]:
    """A run, by the API."""
    async with client_of(stack) as api:
        answer = await api.post("/api/v1/action-runs", json=body, timeout=60)
        assert answer.status_code in (200, 201, 202), answer.text
        made: dict[str, Any] = answer.json()
        return made


async def furnish(stack: Stack) -> dict[str, str]:
    """What places are about: ids of a run that completed and one that failed, an action, a connection, a table."""
    good = await make_run(stack, kind="dlt_extract", definition={"source": "sample"}, labels={"team": "shop"})
    bad = await make_run(stack, kind="http_request", definition={"url": "http://127.0.0.1:9/orders"})
    for run in (good, bad):
        await ended(stack, run["id"])
    async with client_of(stack) as api:

        async def made(path: str, **body: Any) -> str:
            answer = await api.post(f"/api/v1/{path}", json=body, timeout=60)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        connection = await made(
            "connections", name="Shop", provider="shopify", config={"shop": "corner"}, credentials={"access_token": "x"}
        )
        action = await made(
            "actions",
            name=f"Orders {SCRIPT}",
            kind="http_request",
            connectionId=connection,
            definition={"url": "http://127.0.0.1:9/orders", "headers": {"X-Team": "shop"}},
            labels={"team": "shop"},
        )
        tables = (await api.get("/api/v1/datasets", params={"q": "sample_s"}, timeout=60)).json()["datasets"]
    return {
        "run": good["id"],
        "failed": bad["id"],
        "action": action,
        "connection": connection,
        "dataset": tables[0]["id"],
    }
