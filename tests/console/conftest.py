"""One stack, and somebody who has signed in, for all tests of the console."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.console.driver import Visit, browser, stack
from vai_devstack.stack import Stack


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="running")
async def _running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("console")
    async with stack(folder) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", name="visit")
async def _visit(running: Stack) -> AsyncIterator[Visit]:
    """Somebody who has signed in; nothing that their browser noted may be an error."""
    async with browser() as chrome:
        context = await chrome.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        visit = Visit(await context.new_page(), running.api_url)
        await visit.sign_in(running.api_key)
        yield visit
        assert visit.complaints == []
