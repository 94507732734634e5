"""Stacks in folders of their own, with stand-ins for the seven services."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from vai_devstack.config import Config
from vai_devstack.home import Home
from vai_devstack.lock import holder
from vai_devstack.servers.ports import random_base
from vai_devstack.services import SERVICES
from vai_devstack.stack import Stack

HERE = Path(__file__).parent

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def write_stand_ins(folder: Path) -> str:
    """Packages with the services' names; returns the PYTHONPATH that puts them before the real ones."""
    for service in SERVICES:
        package = folder / service.module
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text("from stand_in import main\n\nmain()\n")
    return f"{folder}{os.pathsep}{HERE}"


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_stand_ins(tmp_path_factory.mktemp("stand-ins"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.of(tmp_path / ".vai")
    home.make()
    return home


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, stand_ins: str) -> AsyncIterator[Stack]:
    """Real servers and stand-in services, for all tests of a module."""
    home = Home.of(tmp_path_factory.mktemp("stack") / ".vai")
    config = Config(home, port_base=random_base(), environment={"PYTHONPATH": stand_ins})
    stack = Stack(config)
    try:
        await stack.start()
        yield stack
    finally:
        await stack.stop()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The folder that the commands work in: made by the first start, found again by the others."""
    return Home.of(tmp_path_factory.mktemp("commands") / ".vai")


@pytest.fixture
def command(folder: Home, stand_ins: str) -> Iterator[Command]:
    """`python -m vai_devstack …` in that folder; whatever it leaves running is stopped."""
    base = str(random_base())

    def call(name: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        settings = {**os.environ, "PYTHONPATH": stand_ins, "VAI_HOME": str(folder.root), "VAI_PORT_BASE": base}
        line = (sys.executable, "-m", "vai_devstack", name)
        return subprocess.run(
            line, env=settings | environment, capture_output=True, text=True, timeout=100, check=False
        )

    yield call
    if (pid := holder(folder)) is not None:
        os.kill(pid, signal.SIGKILL)
