"""The worker's side of heavy runs: a fork server, a child for each run, and their conversation (rule 12)."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from common.clock import steady_seconds
from common.errors import ErrorCode, Permanent, Retryable, RunError
from worker import frames
from worker.job import Job
from worker.kind import Heavy
from worker.link import Stop
from worker.owned import Owned

_log = structlog.get_logger()

IDLE_SECONDS = 120.0
"""How long the fork server stays without work."""

SAMPLE_SECONDS = 0.25
_ALLOWED = ("PATH", "TZ", "LANG", "LC_ALL")
_ALLOWED_PARTS = (("SSL_CERT_", ""), ("", "_PROXY"), ("", "_proxy"), ("RUNTIME__", ""))
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Forks:
    """Starts the fork server at the first heavy run; `modules` are imported there once."""

    def __init__(self, modules: tuple[str, ...], memory_mb: int, lake_url: str) -> None:
        self._modules = modules
        self._memory = memory_mb * 1024 * 1024
        self._lake_url = lake_url
        self._server: asyncio.subprocess.Process | None = None
        self._requests: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._children: set[_Child] = set()
        self._last_used = steady_seconds()

    async def perform(self, kind: Heavy, run: Owned) -> dict[str, Any]:
        """The run's result. Raises what the entry raised, `Stop` when it stopped, `LostRun` when it is not ours."""
        job = Job(
            run_id=str(run.id),
            org_id=str(run.org_id),
            epoch=run.epoch,
            attempt=run.attempt,
            kind=run.kind,
            definition=run.definition,
            connection=await run.connection(),
            checkpoint=await run.checkpoint(),
            lake_url=run.lake_url,
            prepared=await kind.prepare(run),
        )
        child = await self._fork()
        self._children.add(child)
        try:
            return await child.perform(kind, run, job)
        finally:
            child.kill()
            self._children.discard(child)
            self._last_used = steady_seconds()

    def kill_children(self) -> None:
        """Ends all heavy work at once; what is committed stays, the rest is done again elsewhere."""
        for child in self._children:
            child.kill()

    async def stop_idle_once(self) -> None:
        """Stops the fork server when it has had nothing to do for a while."""
        if self._server is not None and not self._children and steady_seconds() - self._last_used > IDLE_SECONDS:
            await self.stop()

    async def stop(self) -> None:
        if self._server is not None and self._requests is not None:
            server, self._server = self._server, None
            self._requests.close()
            with suppress(ProcessLookupError):
                server.kill()
            await server.wait()

    async def _fork(self) -> "_Child":
        async with self._starting:
            self._last_used = steady_seconds()
            if self._server is None or self._server.returncode is not None:
                await self._start()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with theirs:
                try:
                    pid, handle = await asyncio.to_thread(self._exchange, theirs)
                except BaseException:
                    ours.close()
                    raise
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=frames.LARGEST)
        return _Child(pid, handle, reader, writer, self._memory)

    def _exchange(self, theirs: socket.socket) -> tuple[int, int]:
        assert self._requests is not None
        try:
            socket.send_fds(self._requests, [b"fork"], [theirs.fileno()])
            pid, handles, _, _ = socket.recv_fds(self._requests, 64, 1)
        except ConnectionError:
            handles = []
        if not handles:
            raise Retryable(ErrorCode.INTERNAL_ERROR, "The fork server ended; it is started again.")
        return int(pid), handles[0]

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "worker.forkserver",
                str(theirs.fileno()),
                str(os.getpid()),
                *self._modules,
                pass_fds=(theirs.fileno(),),
                env=_environment(self._lake_url),
                cwd=tempfile.gettempdir(),
            )
        if self._requests is not None:
            self._requests.close()
        self._requests = ours
        if await asyncio.to_thread(ours.recv, 16) != b"ready":
            raise Retryable(ErrorCode.INTERNAL_ERROR, "The fork server did not start; see the worker's log.")


def _environment(lake_url: str) -> dict[str, str]:
    """What the fork server may know of our environment: an allow-list, no secrets but the lake's own keys."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _ALLOWED
        or any(name.startswith(start) and name.endswith(end) for start, end in _ALLOWED_PARTS)
        or (lake_url.startswith("s3://") and name.startswith("AWS_"))
    }
    home = Path(tempfile.gettempdir()) / f"vai-scratch-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    return {**passed, "HOME": str(home), "RUNTIME__DLTHUB_TELEMETRY": "false", "ARROW_DEFAULT_MEMORY_POOL": "system"}


def _resident(pid: int) -> int:
    """The bytes that a process holds in memory; 0 for one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


class _Child:
    """One child process and the conversation with it."""

    def __init__(
        self, pid: int, handle: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, memory: int
    ) -> None:
        self._pid = pid
        self._handle: int | None = handle
        self._reader = reader
        self._writer = writer
        self._memory = memory
        self._over_memory = False

    def kill(self) -> None:
        """Ends the child, if it still lives."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = None
            self._writer.close()

    async def perform(self, kind: Heavy, run: Owned, job: Job) -> dict[str, Any]:
        secret = asdict(job.connection) if job.connection else None
        plain = {name: value for name, value in vars(job).items() if name != "connection"}
        await self._send({"entry": kind.entry, "job": plain, "connection": secret})
        talk = asyncio.ensure_future(self._converse(kind, run))
        helpers = [asyncio.ensure_future(self._watch_memory()), asyncio.ensure_future(self._pass_stop_on(kind, run))]
        try:
            done, _ = await asyncio.wait(
                [talk, helpers[1]], timeout=run.seconds_left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise Permanent(ErrorCode.TIMEOUT, "The run took longer than its `timeout_seconds`; raise the limit.")
            if talk not in done:
                raise Stop
            return talk.result()
        finally:
            for task in (talk, *helpers):
                task.cancel()

    async def _converse(self, kind: Heavy, run: Owned) -> dict[str, Any]:
        while True:
            frame = await self._next()
            match frame["type"]:
                case "log":
                    await run.log(frame["event"], frame["message"], frame["data"], frame["level"])
                case "progress":
                    run.set_progress(frame["progress"])
                case "ask":
                    await self._answer(kind, run, frame)
                case "done":
                    result: dict[str, Any] = frame["result"]
                    return result
                case "stopped":
                    raise Stop
                case "failed":
                    raise frames.error_of(frame["error"])

    async def _answer(self, kind: Heavy, run: Owned, frame: dict[str, Any]) -> None:
        try:
            answer = await kind.answer(run, frame["question"], frame["payload"])
        except RunError as error:
            await self._send({"type": "answer", "error": frames.error_frame(error), "answer": {}})
            return
        if run.stop_reason == "pause" and frame["question"] == kind.pauses_after:
            await self._send({"type": "stop"})
        await self._send({"type": "answer", "error": None, "answer": answer})

    async def _next(self) -> dict[str, Any]:
        try:
            head = await self._reader.readexactly(4)
            body = await self._reader.readexactly(frames.length_of(head))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise self._ended() from error
        return frames.decode(body)

    def _ended(self) -> Retryable:
        if self._over_memory:
            limit = self._memory // (1024 * 1024)
            return Retryable(
                ErrorCode.INTERNAL_ERROR,
                f"The run needed more than the {limit} MB that a run may use; ask for less at once, or raise the limit"
                " (VAI_CHILD_MEMORY_MB).",
            )
        return Retryable(ErrorCode.INTERNAL_ERROR, "The run's process ended unexpectedly.")

    async def _send(self, frame: dict[str, Any]) -> None:
        try:
            self._writer.write(frames.encode(frame))
            await self._writer.drain()
        except ConnectionError as error:
            raise self._ended() from error

    async def _pass_stop_on(self, kind: Heavy, run: Owned) -> None:
        """Returns where the child must end now; a pause waits for the end of a slice, where the kind has slices."""
        while True:
            await run.stopping.wait()
            if run.stop_reason != "pause":
                return
            run.stopping.clear()
            if kind.pauses_after is None:
                await self._send({"type": "stop"})

    async def _watch_memory(self) -> None:
        while _resident(self._pid) <= self._memory:  # noqa: ASYNC110 - nothing tells us, so we look
            await asyncio.sleep(SAMPLE_SECONDS)
        self._over_memory = True
        _log.warning("child_over_memory", pid=self._pid)
        self.kill()
