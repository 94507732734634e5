"""Starts the fork server, with an allow-list of the environment, and asks it for children (rule 12)."""

import asyncio
import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from vai_common.errors import ErrorCode, Retryable

START_SECONDS = 120.0
"""How long a fork server may take to import what runs need."""

FORK_SECONDS = 15.0
"""How long it may take to fork."""

_ALLOWED = ("PATH", "TZ", "LANG", "LC_ALL")
_ALLOWED_PARTS = (("SSL_CERT_", ""), ("", "_PROXY"), ("", "_proxy"), ("RUNTIME__", ""))


class ServerLost(Exception):
    """The fork server does not answer, or has ended."""


class Server:
    """The fork server's process, and the socket for requests to it."""

    def __init__(self, process: asyncio.subprocess.Process, requests: socket.socket) -> None:
        self._process = process
        self._requests = requests

    @classmethod
    async def started(cls, modules: tuple[str, ...], lake_url: str) -> "Server":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "vai_worker.children.forkserver",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    *modules,
                    pass_fds=(theirs.fileno(),),
                    env=environment_of_children(lake_url),
                    cwd=tempfile.gettempdir(),
                )
        except BaseException:
            ours.close()
            raise
        server = cls(process, ours)
        try:
            await server._until_ready()
        except BaseException:
            await server.stop()
            raise
        return server

    async def _until_ready(self) -> None:
        self._requests.settimeout(START_SECONDS)
        try:
            word = await asyncio.to_thread(self._requests.recv, 16)
        except OSError:
            word = b""
        if word != b"ready":
            raise Retryable(ErrorCode.INTERNAL_ERROR, "The fork server did not start; see the worker's log.")
        self._requests.settimeout(FORK_SECONDS)

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    def fork(self, theirs: socket.socket) -> tuple[int, int]:
        """A new child's pid and pidfd; it uses the socket `theirs`. Blocks, so call it outside of the event loop."""
        try:
            socket.send_fds(self._requests, [b"fork"], [theirs.fileno()])
            pid, handles, _, _ = socket.recv_fds(self._requests, 64, 1)
        except TimeoutError:
            raise ServerLost(f"the fork server did not answer within {FORK_SECONDS:g} s") from None
        except OSError as error:
            raise ServerLost(f"the fork server ended ({error})") from None
        if not handles:
            raise ServerLost("the fork server ended")
        return int(pid), handles[0]

    async def stop(self) -> None:
        """End the fork server, and so any wait for its answer."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._requests.close()


def environment_of_children(lake_url: str) -> dict[str, str]:
    """The environment of a process that works on the lake: an allow-list, with no secrets but the lake's own keys."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _ALLOWED
        or any(name.startswith(start) and name.endswith(end) for start, end in _ALLOWED_PARTS)
        or (lake_url.startswith("s3://") and name.startswith("AWS_"))
    }
    home = Path(tempfile.gettempdir()) / f"vai-scratch-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if places := os.environ.get("PYTHONPATH"):  # they work elsewhere, and must find what their worker finds
        passed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(place) for place in places.split(os.pathsep) if place)
    return {**passed, "HOME": str(home), "RUNTIME__DLTHUB_TELEMETRY": "false", "ARROW_DEFAULT_MEMORY_POOL": "system"}
