"""A broker in a container (`KAFKA=testcontainers`), where a container engine answers.

The library runs in a process of its own, which is this module: it writes the broker's address to a file and ends the
container when it is told to stop (or, killed, leaves that to testcontainers' reaper).
"""

import contextlib
import importlib
import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path

from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.servers.broker import LocalBroker, answers
from vai_devstack.servers.process import Process, Program, becomes, rotate

_START_SECONDS = 300.0


class ContainerBroker(LocalBroker):
    """Always starts empty: the container goes with the stack."""

    kind = "testcontainers"

    def __init__(self, home: Home) -> None:
        super().__init__(home, 0)
        self._told = home.root / "container"

    def program(self) -> Program:
        return Program("kafka", (sys.executable, "-m", "vai_devstack.servers.container", str(self._told)), self.log)

    async def start(self) -> None:
        require_engine()
        rotate(self.log)
        self._told.unlink(missing_ok=True)
        self.process = process = Process(self.program())
        await becomes(lambda: self._told.exists() or not process.alive, _START_SECONDS)
        with contextlib.suppress(FileNotFoundError):
            self.address = self._told.read_text()
            if await answers(self.address, self.start_seconds, process):
                return
        await self.stop()
        raise StackError("no Kafka came up in a container", "Can the engine fetch its image?", self.log)


def require_engine() -> None:
    """StackError unless a container engine answers and the library is there."""
    if not has_library():
        raise StackError(
            "KAFKA=testcontainers needs the package testcontainers",
            "Install it: .venv/bin/uv pip install testcontainers",
        )
    tried = engine_addresses()
    if not any(_engine_answers(address) for address in tried):
        advice = "Start Docker or Podman, or use KAFKA=apache, KAFKA=HOST:PORT, or none (an embedded broker)"
        raise StackError(f"no container engine answers (tried {', '.join(tried)})", advice)


def has_library() -> bool:
    return importlib.util.find_spec("testcontainers") is not None


def engine_addresses() -> list[str]:
    """Where engines listen: what DOCKER_HOST says, else the usual sockets."""
    if given := os.environ.get("DOCKER_HOST"):
        return [given]
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    return ["unix:///var/run/docker.sock", f"unix://{runtime}/docker.sock", f"unix://{runtime}/podman/podman.sock"]


def _engine_answers(address: str) -> bool:
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    local = scheme == "unix"
    try:
        with socket.socket(socket.AF_UNIX if local else socket.AF_INET) as engine:
            engine.settimeout(3)
            engine.connect(place if local else (host, int(port)))
            engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b" 200 " in engine.recv(64)
    except (OSError, ValueError):
        return False


def main(told: Path) -> None:
    """Run the container until SIGTERM; its address is in the file as soon as it is up."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with importlib.import_module("testcontainers.kafka").KafkaContainer().with_kraft() as container:
        fresh = told.with_suffix(".new")
        fresh.write_text(container.get_bootstrap_server())
        fresh.replace(told)
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
