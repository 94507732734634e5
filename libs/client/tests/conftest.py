"""A small platform on a real socket for each test, and `vai` against it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from typer.main import get_command
from typer.testing import CliRunner, Result

from libs.client.tests.automation_server import AutomationEndpoints
from libs.client.tests.people_server import PeopleEndpoints
from libs.client.tests.server import Endpoints, Platform, guarded
from vai.cli import app
from vai.cli.screen import show


def application(platform: Platform) -> Starlette:
    """Its endpoints."""
    return Starlette(
        routes=[
            *AutomationEndpoints(platform).routes(),
            *PeopleEndpoints(platform).routes(),
            *Endpoints(platform).routes(),
        ]
    )


@pytest.fixture(autouse=True)
def _as_a_new_process() -> Iterator[None]:
    """`--json` of a command that ran in this process says nothing for the next."""
    before = show.FORM.set(show.Form.TABLE)
    yield
    show.FORM.reset(before)


@pytest.fixture
def platform() -> Iterator[Platform]:
    held = Platform()
    config = uvicorn.Config(
        guarded(held, application(held)), port=0, lifespan="off", log_level="critical", timeout_graceful_shutdown=1
    )
    server, ready = uvicorn.Server(config), threading.Event()
    sockets = [config.bind_socket()]
    held.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

    async def serve() -> None:
        asyncio.get_running_loop().call_soon(ready.set)
        await server.serve(sockets)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    yield held
    server.should_exit = True
    thread.join()
    sockets[0].close()


_command = cache(get_command)
"""All nouns and verbs, made once: typer's runner makes them for each call, which takes longer than the call."""


@pytest.fixture
def vai(platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Runs `vai` with these arguments, against the platform of the test."""
    for name, value in {"VAI_API_URL": platform.url, "VAI_API_KEY": platform.key, "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    for name in ("VAI_PROFILE", "VAI_HOME", "VAI_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("typer.testing._get_command", _command)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    time.tzset()
    yield lambda *arguments, **more: CliRunner().invoke(app, list(arguments), **more)
    monkeypatch.undo()
    time.tzset()
