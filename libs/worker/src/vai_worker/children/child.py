"""The child's side of a heavy run: one job, one entry function, one link (rule 12)."""

import importlib
import os
import queue
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from vai_common.clock import unix_nanoseconds
from vai_common.errors import RunError, unexpected
from vai_common.telemetry import process_is_about, start_logging
from vai_worker.children import frames
from vai_worker.children.job import ConnectionSecret, Job
from vai_worker.children.link import Level, Link, Stop


class SocketLink:
    """The link over the child's socket. A thread receives answers and the request to stop, and ends with the worker.

    Another thread sends every `beat_seconds` that this process lives, also while its work sends nothing. Several
    threads may ask; they take turns.
    """

    def __init__(self, channel: socket.socket, beat_seconds: float) -> None:
        self._channel = channel
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._beat, args=(beat_seconds,), daemon=True).start()

    def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: Level = "info") -> None:
        self.send({"type": "log", "event": event, "message": message, "data": data or {}, "level": level})

    def progress(self, progress: dict[str, Any]) -> None:
        self.send({"type": "progress", "progress": progress})

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        with self._asking:
            self.send({"type": "ask", "question": question, "payload": payload})
            answer = self._answers.get()
        if answer["error"] is not None:
            raise frames.error_of(answer["error"])
        found: dict[str, Any] = answer["answer"]
        return found

    def check(self) -> None:
        if self._stopped.is_set():
            raise Stop

    def send(self, frame: dict[str, Any]) -> None:
        data = frames.encode(frame)
        with self._sending:
            self._channel.sendall(data)

    def _beat(self, seconds: float) -> None:
        never = threading.Event()
        while not never.wait(seconds):
            try:
                self.send({"type": "beat"})
            except OSError:
                return

    def _read(self) -> None:
        while True:
            try:
                frame = frames.receive(self._channel)
            except (MemoryError, ValueError):  # orjson's word where there is no memory for the frame
                os._exit(1)
            if frame is None:
                os._exit(1)
            if frame["type"] == "stop":
                self._stopped.set()
            else:
                self._answers.put(frame)


def run_job(channel: socket.socket) -> None:
    """Receive the job, do it, and send how it ended. If the process dies, the closed socket tells that."""
    frame = frames.receive(channel)
    if frame is None:
        os._exit(1)
    job, entry = _read(frame)
    _begin_logging(frame, job)
    link = SocketLink(channel, frame["beat_seconds"])
    try:
        with _timed(link, f"work {job.kind}") if frame["is_kept"] else nullcontext():
            result = entry(job, link)
        link.send({"type": "done", "result": result})
    except Stop:
        link.send({"type": "stopped"})
    except RunError as error:
        link.send({"type": "failed", "error": frames.error_frame(error)})
    except BaseException as error:
        link.send({"type": "failed", "error": frames.error_frame(unexpected(error, traceback.format_exc()))})


@contextmanager
def _timed(link: SocketLink, name: str) -> Iterator[None]:
    """Tells the worker when something began and ended here: the worker makes a span of it, a child has no collector."""
    since, failure = unix_nanoseconds(), None
    try:
        yield
    except Stop:
        raise
    except BaseException as error:
        failure = error.code.value if isinstance(error, RunError) else type(error).__qualname__
        raise
    finally:
        link.send({"type": "span", "name": name, "since": since, "until": unix_nanoseconds(), "error": failure})


def _read(frame: dict[str, Any]) -> tuple[Job, Callable[[Job, Link], dict[str, Any]]]:
    module, name = frame.pop("entry").split(":")
    secret = frame.pop("connection")
    job = Job(**frame["job"], connection=ConnectionSecret(**secret) if secret else None)
    return job, getattr(importlib.import_module(module), name)


def _begin_logging(frame: dict[str, Any], job: Job) -> None:
    """Whatever a library says here is a line of the worker's log, about this run."""
    start_logging(frame["service"], "info")
    process_is_about(frame["traceparent"], run_id=job.run_id, organisation_id=job.org_id)
