"""One process of a service: how it is started, when it is ready, and how long to wait before it is tried again."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vai_devstack.backoff import Backoff
from vai_devstack.servers.process import Process, Program
from vai_devstack.services import Service, log_name

HOST = "127.0.0.1"
STOP_SECONDS = 45.0


@dataclass
class Instance:
    """`index` counts the processes of one service from 0; `wanted` is false after it was stopped on purpose."""

    service: Service
    index: int
    http_port: int
    grpc_port: int | None
    log: Path
    environment: Mapping[str, str]
    metrics_port: int | None = None
    process: Process | None = None
    ready: bool = False
    wanted: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def name(self) -> str:
        return log_name(self.service.name, self.index)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.http_port}"

    @property
    def metrics(self) -> str:
        """Where Prometheus reads."""
        return f"http://{HOST}:{self.health_port}/metrics"

    @property
    def health_port(self) -> int:
        """Where its health is asked for: a port of its own where the other is everybody's, and may be full."""
        return self.metrics_port or self.http_port

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def start(self) -> None:
        ports = {"VAI_HTTP_PORT": str(self.http_port)}
        if self.grpc_port is not None:
            ports |= {"VAI_GRPC_HOST": HOST, "VAI_GRPC_PORT": str(self.grpc_port)}
        if self.metrics_port is not None:
            ports["VAI_METRICS_PORT"] = str(self.metrics_port)
        command = (sys.executable, "-m", self.service.module)
        self.process = Process(Program(self.name, command, self.log, {**self.environment, **ports}))
        self.ready, self.wanted = False, True
        self.backoff.started()

    async def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Stop it by SIGTERM, and by SIGKILL after so many seconds. Return whether SIGTERM was enough."""
        self.ready = self.wanted = False
        return self.process is None or await self.process.stop(timeout)

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal. After SIGKILL and SIGTERM, wait for the end. `wanted` does not change."""
        assert self.process is not None
        self.process.send(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.ready = False
            await self.process.ended(STOP_SECONDS)

    async def look(self) -> bool:
        """Whether it says that it is ready."""
        self.ready = self.alive and await answers_ok(self.http_port, "/readyz")
        return self.ready


async def answers_ok(port: int, path: str, timeout: float = 2.0) -> bool:
    """Whether GET on the loopback answers 200, without a client library in this small process."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
            return status.split(b" ")[1:2] == [b"200"]
    return False
