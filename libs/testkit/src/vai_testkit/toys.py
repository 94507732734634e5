"""Kinds of work for tests, which do what the test says, under the names of real kinds."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_records.definitions.base import Definition
from vai_worker.children.job import Job
from vai_worker.children.link import MAY_PAUSE, Link
from vai_worker.owned import Owned


class Play(Definition):
    """The definition of a toy. Further fields are allowed and ignored."""

    model_config = ConfigDict(extra="allow")

    do: str | None = None
    wait: bool = False
    result: dict[str, Any] | None = None


class ToyHeavy:
    """Runs `play` in a child; `definition["do"]` says what. Notes what it was asked."""

    name = "dlt_extract"
    reads = Play
    entry = "vai_testkit.toys:play"

    def __init__(self, pauses_after: str | None = None) -> None:
        self.pauses_after = pauses_after
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def prepare(self, run: Owned) -> dict[str, Any]:
        return {"prepared": True}

    async def answer(self, run: Owned, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((question, payload))
        if question == "refuse":
            raise Permanent(ErrorCode.DATA_ERROR, "The worker refuses", {"why": "told so"})
        return {"answered": question, **payload}


class ToyLight:
    """Answers what `act` says, or the definition's `result`; waits for `go` where the definition says `wait`."""

    name = "http_request"
    reads = Play

    def __init__(self) -> None:
        self.began: list[Owned] = []
        self.go = asyncio.Event()
        self.act: Callable[[Owned], dict[str, Any]] | None = None

    async def perform(self, run: Owned) -> dict[str, Any]:
        await run.steady()
        self.began.append(run)
        definition = run.definition_as(Play)
        if definition.wait:
            await self.go.wait()
        if self.act is not None:
            return self.act(run)
        return definition.result or {}


def play(job: Job, link: Link) -> dict[str, Any]:
    """The child's side of `ToyHeavy`."""
    return _GAMES[job.definition["do"]](job, link)


def _result(job: Job, link: Link) -> dict[str, Any]:
    secret = job.connection and [job.connection.slug, job.connection.credentials]
    told = {"run_id": job.run_id, "epoch": job.epoch, "attempt": job.attempt, "kind": job.kind}
    return {**told, "checkpoint": job.checkpoint, "connection": secret, **job.prepared}


def _talk(job: Job, link: Link) -> dict[str, Any]:
    link.log("extraction_started", "Extraction started", {"resources": ["a"]})
    link.log("slow", "It takes long", level="warning")
    for done in range(1, 4):
        link.progress({"schema_version": 2, "done": done})
    answers = [link.ask("commit", {"slice": number}) for number in range(3)]
    return {"answers": answers}


def _refused(job: Job, link: Link) -> dict[str, Any]:
    return link.ask("refuse", {})


def _environment(job: Job, link: Link) -> dict[str, Any]:
    with open("/proc/self/environ", "rb") as file:
        started_with = file.read().decode()
    return {"environment": dict(os.environ), "started_with": started_with}


def _retryable(job: Job, link: Link) -> dict[str, Any]:
    raise Retryable(ErrorCode.RATE_LIMITED, "Slow down", {"status": 429}, retry_after=7.5)


def _permanent(job: Job, link: Link) -> dict[str, Any]:
    raise Permanent(ErrorCode.AUTH_ERROR, "Who are you?")


def _bug(job: Job, link: Link) -> dict[str, Any]:
    return {"never": 1 // int(job.definition.get("nothing", 0))}


def _unsayable(job: Job, link: Link) -> dict[str, Any]:
    return {"set": {1, 2}}


def _exit(job: Job, link: Link) -> dict[str, Any]:
    raise SystemExit(3)


def _crash(job: Job, link: Link) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _eat(job: Job, link: Link) -> dict[str, Any]:
    eaten = []
    while True:
        eaten.append(b"x" * 8_000_000)
        threading.Event().wait(0.005)


def _deaf(job: Job, link: Link) -> dict[str, Any]:
    link.log("pids", "Working", {"child": os.getpid(), "server": os.getppid()})
    threading.Event().wait()
    return {}


def _slices(job: Job, link: Link) -> dict[str, Any]:
    """Slice after slice until somebody stops it; goes on where the checkpoint says."""
    number = (job.checkpoint or {}).get("slice", 0)
    while number < job.definition.get("slices", 1_000_000):
        number += 1
        link.ask("commit", {"slice": number})
        link.check()
    return {"slices": number}


def _waits(job: Job, link: Link) -> dict[str, Any]:
    """Waits for something that never comes, and may be paused meanwhile."""
    link.log("begun", "It waits")
    while True:
        link.ask(MAY_PAUSE, {})
        link.check()


_GAMES: dict[str, Callable[[Job, Link], dict[str, Any]]] = {
    "result": _result,
    "talk": _talk,
    "refused": _refused,
    "environment": _environment,
    "retryable": _retryable,
    "permanent": _permanent,
    "bug": _bug,
    "unsayable": _unsayable,
    "exit": _exit,
    "crash": _crash,
    "eat": _eat,
    "deaf": _deaf,
    "slices": _slices,
    "waits": _waits,
}
