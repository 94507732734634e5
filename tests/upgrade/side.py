"""The seven services of one version, on servers that another version may use at the same time."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from vai_devstack.config import Config
from vai_devstack.home import Home
from vai_devstack.instance import answers_ok
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.servers.prepare import prepare_broker
from vai_devstack.servers.process import Process, Program, tail
from vai_devstack.services import SERVICES
from vai_devstack.stack import Stack, together
from vai_testkit.wait import wait_for

_READY_SECONDS = 90.0
_STOP_SECONDS = 60.0


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[Stack]:
    """Postgres and a broker with its topics; the database is empty."""
    stack = Stack(Config(Home.of(folder), only=(), port_base=random_base()))
    try:
        await stack.open()
        await together(stack.postgres.start(), stack.broker.start())
        await prepare_broker(stack.kafka)
        yield stack
    finally:
        await stack.stop()


class Side:
    """A process of each service, run by one version's interpreter."""

    def __init__(
        self, name: str, python: Path, stack: Stack, environment: Mapping[str, str], prefix: str = "vai_"
    ) -> None:
        self._name = name
        self._prefix = prefix
        self._python = python
        self._stack = stack
        self._environment = environment
        self._ports = PortBook(stack.home.root / f"ports-{name}.json")
        self._first_port = random_base()
        self._processes: dict[str, Process] = {}
        self.url = ""

    async def start(self) -> None:
        """Returns when all are ready. Raises AssertionError with the end of a log."""
        http = {service.name: self._port(service.name) for service in SERVICES}
        self.url = f"http://127.0.0.1:{http['api-gateway']}"
        for service in SERVICES:
            ports = {"VAI_HTTP_PORT": str(http[service.name])}
            if service.grpc:
                ports |= {"VAI_GRPC_HOST": "127.0.0.1", "VAI_GRPC_PORT": str(self._port(f"{service.name} gRPC"))}
            log = self._stack.home.log(f"{self._name}-{service.name}")
            module = self._prefix + service.module.removeprefix("vai_")
            command = (str(self._python), "-m", module)
            environment = {**self._stack.environment(service), **self._environment, **ports}
            self._processes[service.name] = Process(Program(service.name, command, log, environment))
        for service in SERVICES:
            await self._until_ready(service.name, http[service.name])

    async def _until_ready(self, service: str, port: int) -> None:
        ready = await becomes_ready(port)
        assert ready, f"{service} of {self._name} was not ready\n" + "\n".join(tail(self.log(service)))

    async def stop(self, *services: str) -> None:
        """SIGTERM, one service after another, as a rolling deployment does; all where none is named."""
        for name in services or tuple(self._processes):
            process = self._processes.pop(name)
            process.send(signal.SIGTERM)
            assert await process.ended(_STOP_SECONDS), f"{name} of {self._name} did not stop"

    async def kill(self) -> None:
        """Stop the processes that still run at the end of a test."""
        await asyncio.gather(*(process.stop(1) for process in self._processes.values()))
        self._processes.clear()
        self._ports.close()

    def all_live(self) -> bool:
        return all(process.alive for process in self._processes.values())

    def log(self, service: str) -> Path:
        return self._stack.home.log(f"{self._name}-{service}")

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, headers={"X-API-Key": self._stack.api_key}, timeout=70.0)

    def _port(self, name: str) -> int:
        return self._ports.take(name, self._first_port)


async def becomes_ready(port: int) -> bool:
    """Whether the service that listens there says so in time."""

    async def is_ready() -> bool:
        return await answers_ok(port, "/readyz")

    try:
        return await wait_for(is_ready, _READY_SECONDS, every=0.1)
    except AssertionError:
        return False


def this_python() -> Path:
    """The interpreter that runs the tests, with this version's services."""
    return Path(sys.executable)
