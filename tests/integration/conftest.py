"""One stack for all tests of this folder that a process runs; it is stopped when the process goes on with others.

After each test it is checked that all of it still works.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.integration.figures import Figure
from vai_devstack.servers.broker import GivenBroker
from vai_devstack.stack import Stack
from vai_testkit.fixtures import api, database  # noqa: F401
from vai_testkit.servers.otlp import Collector, collecting
from vai_testkit.servers.web import WebServer
from vai_testkit.stack import running_stack
from vai_testkit.wait import wait_for

_READY_SECONDS = 45.0
_FIGURES = pytest.StashKey[list[str]]()
_REPLICAS = {"extract-worker": 2, "transform-worker": 2, "scheduler": 2, "watchdog": 2}


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Where the spans of the stack go: those of traces that their caller wants to be kept, and no others."""
    with collecting() as collector:
        yield collector


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> AsyncIterator[Stack]:
    """Two processes of each heavy worker, scheduler and watchdog: one can take over from the other, or conflict with
    it.
    """
    traced = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_url,
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    folder = tmp_path_factory.mktemp("stack")
    async with running_stack(folder, replicas=_REPLICAS, environment=traced) as running:
        yield running
        assert "deadlock detected" not in running.home.log("postgres").read_text()


@pytest.fixture
async def mended(stack: Stack) -> AsyncIterator[Stack]:
    """The stack, for tests that break it: what is down afterwards is started again."""
    yield stack
    if not isinstance(stack.broker, GivenBroker) and (stack.broker.process is None or not stack.broker.process.alive):
        await stack.restart_broker()
    for instance in stack.instances:
        if not instance.alive:
            await stack.start_service(instance.service.name, instance.index)


@pytest.fixture(autouse=True)
async def all_is_well(stack: Stack) -> AsyncIterator[None]:
    """Each test leaves every process alive and ready."""
    yield
    for instance in stack.instances:
        assert instance.alive, f"{instance.name} died: see {instance.log}"
        await wait_for(instance.look, _READY_SECONDS, every=0.1, what=f"{instance.name} is ready")


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    """A server of the outside world."""
    async with WebServer.opened() as server:
        yield server


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes something that was measured: `figure(name, value)`; all are shown at the end."""
    figures = request.config.stash.setdefault(_FIGURES, [])
    return lambda name, value: figures.append(f"{request.node.name}: {name} {value:.2f}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(_FIGURES, []):
        terminalreporter.section("measured")
        for line in figures:
            terminalreporter.write_line(line)
