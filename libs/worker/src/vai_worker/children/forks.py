"""The worker's side of heavy runs: a fork server, a child for each run, and the messages between them (rule 12)."""

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import structlog

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_common.telemetry import begun, ended, is_kept, note, service_name, span, span_traceparent
from vai_worker.children import frames
from vai_worker.children.forking import Server, ServerLost
from vai_worker.children.job import Job
from vai_worker.children.link import MAY_PAUSE, Stop
from vai_worker.kind import Heavy
from vai_worker.metrics import child_memory_bytes, child_memory_limit_bytes, children, children_ended_early
from vai_worker.owned import Owned

Ready = TypeVar("Ready")

_log = structlog.get_logger()

IDLE_SECONDS = 120.0
"""How long the fork server stays when there is no work."""

SAMPLE_SECONDS = 0.25
BEAT_SECONDS = 5.0
SILENT_BEATS = 12
"""A child that sends nothing for so many beats counts as frozen: a thread of it sends a beat every 5 s."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Forks:
    """Starts the fork server at the first heavy run, or before it (`warm`). `modules` are imported there once."""

    def __init__(self, modules: tuple[str, ...], memory_mb: int, lake_url: str) -> None:
        self._modules = modules
        self._memory = memory_mb * 1024 * 1024
        self._lake_url = lake_url
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._children: set[_Child] = set()
        self._forking: set[asyncio.Task[_Child]] = set()
        self._last_used = steady_seconds()
        child_memory_limit_bytes.set(self._memory)
        children.set_function(lambda: len(self._children))
        child_memory_bytes.set_function(lambda: sum(_resident(child.pid) for child in self._children))

    async def warm(self) -> None:
        """Start the fork server before a run asks for it: importing takes seconds. A failure is left to that run."""
        async with self._starting:
            self._last_used = steady_seconds()
            try:
                await self._living_server()
            except Retryable as error:
                _log.warning("fork_server_not_started", error=error.message)

    async def perform(self, kind: Heavy, run: Owned) -> dict[str, Any]:
        """The run's result. Raises what the entry raised, `Stop` if it stopped, `LostRun` if it is no longer ours."""
        job, child = await _before_the_deadline(run, self._begin(kind, run))
        run.begun = True
        try:
            with span("child"):
                note({"process.pid": child.pid})
                return await child.perform(kind, run, job)
        finally:
            self._drop(child)

    async def _begin(self, kind: Heavy, run: Owned) -> "tuple[Job, _Child]":
        job = Job(
            run_id=str(run.id),
            org_id=str(run.org_id),
            epoch=run.epoch,
            attempt=run.attempt,
            kind=run.kind,
            definition=await run.judged(run.definition.stored),
            connection=await run.connection(),
            checkpoint=await run.checkpoint(),
            lake_url=run.lake_url,
            prepared=await kind.prepare(run),
            named_secrets=run.named_secrets,
        )
        # A request to the fork server is always completed, even if nobody wants the child any more.
        forking = asyncio.create_task(self._fork())
        self._forking.add(forking)
        forking.add_done_callback(self._forking.discard)
        try:
            return job, await asyncio.shield(forking)
        except asyncio.CancelledError:
            forking.add_done_callback(self._drop_unwanted)
            raise

    def _drop_unwanted(self, forking: "asyncio.Task[_Child]") -> None:
        if not forking.cancelled() and forking.exception() is None:
            self._drop(forking.result())

    def _drop(self, child: "_Child") -> None:
        child.kill()
        self._children.discard(child)
        self._last_used = steady_seconds()

    def kill_children(self) -> None:
        """End all heavy work at once. What is committed stays; the rest is done again by another worker."""
        for child in self._children:
            child.kill()

    async def stop_idle_once(self) -> None:
        """Stop the fork server if it has had nothing to do for a while."""
        if self._server is not None and not self._children and steady_seconds() - self._last_used > IDLE_SECONDS:
            await self.stop()

    async def stop(self) -> None:
        """End the fork server, and any request to it."""
        for forking in self._forking:
            forking.cancel()
        if self._forking:
            await asyncio.wait(self._forking)
        await self._end_server()

    async def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _living_server(self) -> Server:
        if self._server is None or not self._server.lives:
            await self._end_server()
            self._server = await Server.started(self._modules, self._lake_url)
        return self._server

    async def _fork(self) -> "_Child":
        """Make a child. A fork server that has ended or is frozen is replaced once; its children end with it."""
        async with self._starting:
            self._last_used = steady_seconds()
            for is_last in (False, True):
                server = await self._living_server()
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    with theirs:
                        pid, handle = await asyncio.to_thread(server.fork, theirs)
                    break
                except ServerLost as lost:
                    ours.close()
                    _log.warning("fork_server_lost", why=str(lost))
                    await self._end_server()
                    if is_last:
                        raise Retryable(ErrorCode.INTERNAL_ERROR, f"The run's process did not start: {lost}.") from lost
                except BaseException:
                    ours.close()
                    raise
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours, limit=frames.LARGEST)
        child = _Child(pid, handle, reader, writer, self._memory)
        self._children.add(child)
        return child


async def _before_the_deadline(run: Owned, beginning: Coroutine[Any, Any, Ready]) -> Ready:
    """What the run needs before its child begins, within the run's time limit. A stop (but not a pause) ends it."""
    task = asyncio.ensure_future(beginning)
    stopped = asyncio.ensure_future(_stopped(run))
    try:
        await asyncio.wait([task, stopped], timeout=run.seconds_left, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if stopped.done():
            raise Stop
        raise run.took_too_long()
    finally:
        stopped.cancel()
        task.cancel()


async def _stopped(run: Owned) -> None:
    while run.stop_reason in (None, "pause"):
        await run.stopping.wait()
        if run.stop_reason == "pause":
            # The child gets the request when it exists. A later request wakes this loop again.
            await asyncio.sleep(SAMPLE_SECONDS)


def _resident(pid: int) -> int:
    """The bytes that a process holds in memory; 0 for one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


class _Child:
    """One child process, and the messages to and from it."""

    def __init__(
        self, pid: int, handle: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, memory: int
    ) -> None:
        self.pid = pid
        self._handle: int | None = handle
        self._reader = reader
        self._writer = writer
        self._memory = memory
        self._over_memory = False
        self._heard = True
        self._is_asking = False
        self._is_frozen = False

    def kill(self) -> None:
        """End the child if it still lives."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = None
            self._writer.close()

    async def perform(self, kind: Heavy, run: Owned, job: Job) -> dict[str, Any]:
        secret = asdict(job.connection) if job.connection else None
        plain = {name: value for name, value in vars(job).items() if name != "connection"}
        told = {"entry": kind.entry, "job": plain, "connection": secret, "beat_seconds": BEAT_SECONDS}
        # What it says into the log is about this run; whether its trace is kept decides whether it tells of its times.
        told |= {"traceparent": span_traceparent() or run.traceparent, "is_kept": is_kept(), "service": service_name()}
        talk = asyncio.ensure_future(self._converse(kind, run, told))
        stop = asyncio.ensure_future(self._pass_stop_on(kind, run))
        helpers = [stop, asyncio.ensure_future(self._watch_memory()), asyncio.ensure_future(self._watch_beats())]
        try:
            done, _ = await asyncio.wait([talk, stop], timeout=run.seconds_left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise run.took_too_long()
            if talk not in done:
                raise Stop
            return talk.result()
        finally:
            for task in (talk, *helpers):
                task.cancel()

    async def _converse(self, kind: Heavy, run: Owned, job: dict[str, Any]) -> dict[str, Any]:
        await self._send(job)
        while True:
            frame = await self._next()
            match frame["type"]:
                case "log":
                    await run.log(frame["event"], frame["message"], frame["data"], frame["level"])
                case "progress":
                    run.set_progress(frame["progress"])
                case "beat":
                    continue
                case "span":
                    ended(begun(frame["name"], since=frame["since"]), frame["error"], at=frame["until"])
                case "ask":
                    self._is_asking = True
                    await self._answer(kind, run, frame)
                    self._is_asking, self._heard = False, True
                case "done":
                    result: dict[str, Any] = frame["result"]
                    return result
                case "stopped":
                    raise Stop
                case "failed":
                    raise frames.error_of(frame["error"])

    async def _answer(self, kind: Heavy, run: Owned, frame: dict[str, Any]) -> None:
        if frame["question"] == MAY_PAUSE:
            if run.stop_reason == "pause":
                await self._send({"type": "stop"})
            await self._send({"type": "answer", "error": None, "answer": {}})
            return
        try:
            with span(f"answer {frame['question']}"):
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
        self._heard = True
        return frames.decode(body)

    def _ended(self) -> Retryable | Permanent:
        """The error of a run whose child has died (decision 25). After a kill for memory a retry would not help."""
        why = "memory" if self._over_memory else "frozen" if self._is_frozen else "crash"
        children_ended_early.labels(why=why).inc()
        if self._over_memory:
            limit = self._memory // (1024 * 1024)
            return Permanent(
                ErrorCode.DATA_ERROR,
                f"The run needed more than the {limit} MB of memory it may use; make it smaller, or raise the limit"
                " (VAI_CHILD_MEMORY_MB).",
            )
        if self._is_frozen:
            seconds = BEAT_SECONDS * SILENT_BEATS
            return Retryable(
                ErrorCode.INTERNAL_ERROR, f"The run's process did not answer for {seconds:g} s, so it was ended."
            )
        return Retryable(ErrorCode.INTERNAL_ERROR, "The run's process ended unexpectedly.")

    async def _send(self, frame: dict[str, Any]) -> None:
        try:
            self._writer.write(frames.encode(frame))
            await self._writer.drain()
        except ConnectionError as error:
            raise self._ended() from error

    async def _pass_stop_on(self, kind: Heavy, run: Owned) -> None:
        """Return when the child must end now. A pause waits for the end of a slice, if the kind has slices, or until
        the child asks `MAY_PAUSE`."""
        while True:
            await run.stopping.wait()
            if run.stop_reason != "pause":
                return
            run.stopping.clear()
            if kind.pauses_after is None:
                await self._send({"type": "stop"})

    async def _watch_beats(self) -> None:
        """End a child that is frozen. Not while it waits for an answer of ours, since then we do not read from it.

        It counts looks, not seconds, so that a machine that has slept does not end its children.
        """
        silent = 0
        while silent < SILENT_BEATS:
            await asyncio.sleep(BEAT_SECONDS)
            silent = 0 if self._heard or self._is_asking else silent + 1
            self._heard = False
        self._is_frozen = True
        _log.warning("child_frozen", pid=self.pid)
        self.kill()

    async def _watch_memory(self) -> None:
        while _resident(self.pid) <= self._memory:  # noqa: ASYNC110 - nothing tells us, so we look
            await asyncio.sleep(SAMPLE_SECONDS)
        self._over_memory = True
        _log.warning("child_over_memory", pid=self.pid)
        self.kill()
