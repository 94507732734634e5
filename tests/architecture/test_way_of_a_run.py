"""The list in docs/architecture.md of what one run passes from the request to its event is true."""

import base64
import ctypes
import importlib
import inspect
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import httpx2
import pytest

import vai_api_gateway.settings
import vai_api_gateway.wiring
import vai_extract_worker.settings
import vai_extract_worker.wiring
import vai_worker.worker as worker_module
from tests.architecture.workspace import ROOT
from vai_common.boot import Service
from vai_common.db import open_pool
from vai_common.settings import Settings
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.services import MemoryProducer
from vai_testkit.team import Team, make_team
from vai_testkit.wait import wait_for

PAGE = ROOT / "docs/architecture.md"
SECTION = PAGE.read_text().split("## The way of one run")[1].split("\n## ")[0]
WAY = re.findall(r"^\d+\. \[`([\w.]+:[\w.]+)`\]\((.+?)\)", SECTION, re.MULTILINE)
MENTIONED = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+:[\w.]+)`", SECTION)
DEFINITION = {"source": "sample", "resources": [{"name": "orders", "rows": 50}]}

Some = TypeVar("Some", bound=Settings)


def code_of(name: str) -> CodeType:
    """The code of `module:qualified.name`."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    code: CodeType = inspect.unwrap(found).__code__
    return code


def test_the_way_has_at_most_ten_functions() -> None:
    assert 0 < len(WAY) <= 10


@pytest.mark.parametrize("name", MENTIONED)
def test_a_function_of_the_way_exists(name: str) -> None:
    assert code_of(name)


@pytest.mark.parametrize(("name", "link"), WAY)
def test_a_link_of_the_way_leads_to_its_function(name: str, link: str) -> None:
    assert Path(code_of(name).co_filename) == (PAGE.parent / link).resolve()


async def test_a_run_passes_the_functions_of_the_way_in_their_order(
    gateway: Service[Any], worker: Service[Any], team: Team
) -> None:
    transport = httpx2.ASGITransport(gateway.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway", headers=team.headers()) as client:
        with watched(code_of(name) for name, _ in WAY) as passed:
            body = {"kind": "dlt_extract", "definition": DEFINITION}
            run = (await client.post("/api/v1/action-runs", json=body, headers={"Prefer": "wait=60"})).json()
            await wait_for(lambda: "action.completed" in topics(worker), what="the event was published")
    assert run["status"] == "completed", run
    left = iter(passed)
    missed = [name for name, _ in WAY if code_of(name) not in left]
    assert missed == []


def topics(service: Service[Any]) -> list[str]:
    """Of the events that a service has published."""
    assert isinstance(service.producer, MemoryProducer)
    return [record.topic for record in service.producer.records]


@contextmanager
def watched(codes: Iterator[CodeType]) -> Iterator[list[CodeType]]:
    """The calls of these functions in this thread, in order; a coroutine counts each time it goes on."""
    wanted, passed = set(codes), []

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in wanted:
            passed.append(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield passed
    finally:
        sys.setprofile(before)


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, Any]:  # noqa: F811
    return {
        "database_url": database_url,
        "kafka": "nowhere:1",
        "bell": "notify",
        "lake_url": tmp_path.as_uri(),
        "encryption_keys": "k1:" + base64.b64encode(os.urandom(32)).decode(),
    }


@pytest.fixture
async def gateway(environment: dict[str, Any]) -> AsyncIterator[Service[Any]]:
    settings = vai_api_gateway.settings.Settings(**environment, token_secret="0123456789" * 4)
    async with started("api-gateway", settings) as service, vai_api_gateway.wiring.running(service):
        yield service


@pytest.fixture
async def worker(environment: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service[Any]]:
    """It hears the bell; a look that finds the run without it would be another way."""
    monkeypatch.setattr(worker_module, "PULL_SECONDS", 3600.0)
    settings = vai_extract_worker.settings.Settings(**environment)
    async with started("extract-worker", settings) as service, vai_extract_worker.wiring.running(service):
        yield service
    ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: a worker hides its memory, this process needs not


@asynccontextmanager
async def started(name: str, settings: Some) -> AsyncIterator[Service[Some]]:
    """A service in this process, as `vai_common.boot` starts it; its events are kept instead of sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = Service(name, settings, await open_pool(settings.database_url, name), listening)
        service.producer = MemoryProducer()
        try:
            yield service
        finally:
            service.stopping.set()
            await service.close()


@pytest.fixture
async def team(gateway: Service[Any]) -> Team:
    return await make_team(gateway.app.state.gateway.engine, "acme")
