"""Heavy runs in real children of a real fork server (rule 12)."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from vai_common.clock import steady_seconds
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_testkit.owned import HeldRun
from vai_testkit.toys import Play, ToyHeavy
from vai_testkit.wait import wait_for
from vai_worker.children import forking as forking_module
from vai_worker.children import forks as forks_module
from vai_worker.children.forks import Forks
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Stop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOYS = ("vai_testkit.toys",)
A_WORKER = Path(__file__).with_name("a_worker.py")


class Run(HeldRun):
    """A held run with a checkpoint of its own."""

    def __init__(self, do: str, connection: ConnectionSecret | None = None, **definition: Any) -> None:
        super().__init__("dlt_extract", {"do": do, **definition}, connection, Play)
        self.saved: dict[str, Any] | None = None
        self.progresses: list[dict[str, Any]] = []
        self.data: list[dict[str, Any]] = []

    async def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        await super().log(event, message, data, level)
        self.data.append(data or {})

    async def checkpoint(self) -> dict[str, Any] | None:
        return self.saved

    def set_progress(self, progress: dict[str, Any]) -> None:
        self.progresses.append(progress)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forks() -> AsyncIterator[Forks]:
    forks = Forks(TOYS, 256, "file:///nowhere")
    yield forks
    await forks.stop()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_child_gets_its_job_over_the_pipe_and_answers_its_result(forks: Forks) -> None:
    run = Run("result", ConnectionSecret("id", "shop", "shopify", {}, {"token": "t"}))
    run.saved = {"slice": 4}
    assert await forks.perform(ToyHeavy(), run) == {
        "run_id": str(run.id),
        "epoch": 1,
        "attempt": 1,
        "kind": "dlt_extract",
        "checkpoint": {"slice": 4},
        "connection": ["shop", {"token": "t"}],
        "prepared": True,
    }


async def test_a_child_logs_reports_and_asks_in_order(forks: Forks) -> None:
    run, kind = Run("talk"), ToyHeavy()
    result = await forks.perform(kind, run)
    assert [(event, level) for event, _, level in run.logs] == [("extraction_started", "info"), ("slow", "warning")]
    assert [progress["done"] for progress in run.progresses] == [1, 2, 3]
    assert kind.asked == [("commit", {"slice": number}) for number in range(3)]
    assert result["answers"] == [{"answered": "commit", "slice": number} for number in range(3)]


async def test_many_children_work_at_once(forks: Forks) -> None:
    runs = [Run("talk") for _ in range(6)]
    results = await asyncio.gather(*(forks.perform(ToyHeavy(), run) for run in runs))
    assert [len(result["answers"]) for result in results] == [3] * 6


@pytest.mark.parametrize(
    ("do", "error_type", "code", "message"),
    [
        ("retryable", Retryable, ErrorCode.RATE_LIMITED, "Slow down"),
        ("permanent", Permanent, ErrorCode.AUTH_ERROR, "Who are you"),
        ("refused", Permanent, ErrorCode.DATA_ERROR, "The worker refuses"),
        ("bug", Retryable, ErrorCode.INTERNAL_ERROR, "Unexpected ZeroDivisionError"),
        ("exit", Retryable, ErrorCode.INTERNAL_ERROR, "Unexpected SystemExit"),
        ("unsayable", Retryable, ErrorCode.INTERNAL_ERROR, "Unexpected"),
        ("crash", Retryable, ErrorCode.INTERNAL_ERROR, "process ended unexpectedly"),
    ],
)
async def test_what_goes_wrong_in_a_child_is_one_failed_attempt(
    forks: Forks, do: str, error_type: type[Exception], code: ErrorCode, message: str
) -> None:
    with pytest.raises(error_type, match=message) as raised:
        await forks.perform(ToyHeavy(), Run(do))
    error: Any = raised.value
    assert error.code is code
    if do == "retryable":
        assert (error.retry_after, error.details) == (7.5, {"status": 429})
    if do == "bug":
        assert "play" in error.details["trace"]
    assert (await forks.perform(ToyHeavy(), Run("result")))["prepared"]


async def test_a_child_that_needs_too_much_memory_is_told_why_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forks_module, "SAMPLE_SECONDS", 0.02)
    small = Forks(TOYS, 120, "file:///nowhere")
    with pytest.raises(Permanent, match="more than the 120 MB") as raised:
        await small.perform(ToyHeavy(), Run("eat"))
    assert raised.value.code is ErrorCode.DATA_ERROR
    await small.stop()


async def test_a_child_that_takes_too_long_is_stopped(forks: Forks) -> None:
    run = Run("deaf")
    run.deadline = steady_seconds() + 0.3
    with pytest.raises(Permanent, match="timeout_seconds") as raised:
        await forks.perform(ToyHeavy(), run)
    assert raised.value.code is ErrorCode.TIMEOUT


async def _working(forks: Forks, run: Run, kind: ToyHeavy | None = None) -> "asyncio.Task[Any]":
    task = asyncio.create_task(forks.perform(kind or ToyHeavy(), run))
    await wait_for(lambda: run.logs or (kind and kind.asked) or task.done(), 90, what="the child works")
    assert not task.done(), task
    return task


@pytest.mark.parametrize("reason", ["cancel", "interrupt", "lost"])
async def test_a_child_that_must_end_now_is_not_waited_for(forks: Forks, reason: str) -> None:
    run = Run("deaf")
    task = await _working(forks, run)
    run.ask_to_stop(reason)
    with pytest.raises(Stop):
        await asyncio.wait_for(task, 30)


async def test_a_pause_stops_a_child_where_it_looks(forks: Forks) -> None:
    run, kind = Run("slices"), ToyHeavy()
    task = await _working(forks, run, kind)
    run.ask_to_stop("pause")
    with pytest.raises(Stop):
        await asyncio.wait_for(task, 30)


async def test_a_pause_waits_for_the_end_of_a_slice_where_a_kind_has_slices(forks: Forks) -> None:
    run, kind = Run("slices"), ToyHeavy(pauses_after="commit")
    task = await _working(forks, run, kind)
    run.ask_to_stop("pause")
    with pytest.raises(Stop):
        await asyncio.wait_for(task, 30)
    other, patient = Run("slices", slices=3), ToyHeavy(pauses_after="never asked")
    other.ask_to_stop("pause")
    assert await asyncio.wait_for(forks.perform(patient, other), 30) == {"slices": 3}


async def test_a_child_that_waits_may_be_paused_although_it_has_slices(forks: Forks) -> None:
    run, kind = Run("waits"), ToyHeavy(pauses_after="never asked")
    run.ask_to_stop("pause")
    with pytest.raises(Stop):
        await asyncio.wait_for(forks.perform(kind, run), 30)
    assert kind.asked == []


async def test_stopping_kills_the_children_at_once(forks: Forks) -> None:
    tasks = [await _working(forks, Run("deaf")) for _ in range(2)]
    forks.kill_children()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, Retryable)


async def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "VAI_ENCRYPTION_KEYS": "k1:hush",
        "VAI_DATABASE_URL": "postgresql://hush",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "SOMETHING_ELSE": "hush",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/some.pem")
    forks = Forks(TOYS, 256, "file:///nowhere")
    found = await forks.perform(ToyHeavy(), Run("environment"))
    await forks.stop()

    assert not set(secrets) & set(found["environment"])
    assert "hush" not in found["started_with"]
    assert found["environment"]["HTTPS_PROXY"] == "http://proxy:1"
    assert found["environment"]["SSL_CERT_FILE"] == "/etc/ssl/some.pem"
    assert found["environment"]["HOME"] != os.environ.get("HOME")


async def test_only_a_lake_on_s3_brings_its_own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the lake's")
    forks = Forks(TOYS, 256, "s3://lake/here")
    found = await forks.perform(ToyHeavy(), Run("environment"))
    await forks.stop()
    assert found["environment"]["AWS_SECRET_ACCESS_KEY"] == "the lake's"


async def test_a_fork_server_starts_with_the_first_work_and_stops_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    forks = Forks(TOYS, 256, "file:///nowhere")
    await forks.stop_idle_once()
    run = Run("deaf")
    task = await _working(forks, run)
    server = _server_of(forks)
    monkeypatch.setattr(forks_module, "IDLE_SECONDS", 0.0)
    await forks.stop_idle_once()
    assert _lives(server)

    forks.kill_children()
    await asyncio.gather(task, return_exceptions=True)
    await forks.stop_idle_once()
    assert not _lives(server)
    assert (await forks.perform(ToyHeavy(), Run("result")))["prepared"]
    await forks.stop()


async def test_a_fork_server_that_died_is_started_again() -> None:
    forks = Forks(TOYS, 256, "file:///nowhere")
    assert await forks.perform(ToyHeavy(), Run("result"))
    os.kill(_server_of(forks), signal.SIGKILL)
    attempts = 0

    async def works_again() -> bool:
        nonlocal attempts
        attempts += 1
        try:
            return bool(await forks.perform(ToyHeavy(), Run("result")))
        except (Retryable, OSError):
            return False

    await wait_for(works_again, what="children are forked again")
    assert attempts <= 2
    await forks.stop()


# What is frozen


async def test_a_child_that_works_in_silence_is_left_alone(forks: Forks, looks: list[float]) -> None:
    run = Run("deaf")
    task = await _working(forks, run)
    await wait_for(lambda: len(looks) > 2 * forks_module.SILENT_BEATS, what="it has been looked at often enough")
    assert not task.done()
    run.ask_to_stop("cancel")
    with pytest.raises(Stop):
        await asyncio.wait_for(task, 30)


async def test_a_child_that_waits_for_the_workers_answer_is_left_alone(forks: Forks, looks: list[float]) -> None:
    class Slow(ToyHeavy):
        async def answer(self, run: Any, question: str, payload: dict[str, Any]) -> dict[str, Any]:
            enough = len(looks) + 2 * forks_module.SILENT_BEATS
            await wait_for(lambda: len(looks) > enough, what="the child has been looked at often enough")
            return await super().answer(run, question, payload)

    assert await forks.perform(Slow(), Run("slices", slices=1)) == {"slices": 1}


@pytest.mark.usefixtures("looks")
async def test_a_frozen_child_is_ended_and_is_one_failed_attempt(forks: Forks) -> None:
    run = Run("deaf")
    task = await _working(forks, run)
    child = run.data[0]["child"]
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(Retryable, match="did not answer for"):
        await asyncio.wait_for(task, 30)
    await wait_for(lambda: not _lives(child), what="it has ended")


async def test_a_frozen_fork_server_is_replaced_and_costs_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking_module, "FORK_SECONDS", 0.3)
    forks = Forks(TOYS, 256, "file:///nowhere")
    assert await forks.perform(ToyHeavy(), Run("result"))
    server = _server_of(forks)
    os.kill(server, signal.SIGSTOP)
    results = await asyncio.gather(*(forks.perform(ToyHeavy(), Run("result")) for _ in range(3)))
    assert all(result["prepared"] for result in results)
    assert not _lives(server)
    await forks.stop()


async def test_a_fork_server_that_never_gets_ready_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking_module, "START_SECONDS", 0.01)
    forks = Forks(TOYS, 256, "file:///nowhere")
    with pytest.raises(Retryable, match="fork server did not start"):
        await forks.perform(ToyHeavy(), Run("result"))
    await forks.stop()


class Preparing(ToyHeavy):
    """Never knows what its child must be told."""

    def __init__(self) -> None:
        super().__init__()
        self.begins = asyncio.Event()

    async def prepare(self, run: Any) -> dict[str, Any]:
        self.begins.set()
        return await asyncio.Event().wait() or {}


async def test_the_time_limit_and_a_cancel_hold_before_there_is_a_child(forks: Forks) -> None:
    late, stopped, kind = Run("result"), Run("result"), Preparing()
    late.deadline = steady_seconds() + 0.1
    with pytest.raises(Permanent, match="timeout_seconds"):
        await asyncio.wait_for(forks.perform(kind, late), 30)
    task = asyncio.create_task(forks.perform(kind, stopped))
    await kind.begins.wait()
    stopped.ask_to_stop("cancel")
    with pytest.raises(Stop):
        await asyncio.wait_for(task, 30)


async def test_who_is_cancelled_while_it_forks_mixes_up_no_ones_child(
    forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that nobody waits for any more is read, its child ends, and the next run gets a child of its own."""
    made, go, begun = list[int](), threading.Event(), threading.Event()
    fork = forking_module.Server.fork

    def slow(server: Any, theirs: Any) -> tuple[int, int]:
        answer = fork(server, theirs)
        made.append(answer[0])
        begun.set()
        assert go.wait(30)
        return answer

    monkeypatch.setattr(forking_module.Server, "fork", slow)
    unwanted = asyncio.create_task(forks.perform(ToyHeavy(), Run("result")))
    await asyncio.to_thread(begun.wait, 30)
    unwanted.cancel()
    await asyncio.wait([unwanted])
    assert forks._starting.locked(), "nobody else asks the fork server before its answer is read"
    runs = [Run("result") for _ in range(3)]
    wanted = [asyncio.create_task(forks.perform(ToyHeavy(), run)) for run in runs]
    go.set()
    results = await asyncio.gather(*wanted)
    assert unwanted.cancelled()
    assert [result["run_id"] for result in results] == [str(run.id) for run in runs]
    assert len(set(made)) == 4
    await wait_for(lambda: not any(map(_lives, made)), timeout=30, what="all four have ended")


async def test_what_cannot_be_imported_fails_the_run_and_not_the_worker() -> None:
    forks = Forks(("no_such_module",), 256, "file:///nowhere")
    for _ in range(2):
        with pytest.raises(Retryable, match="fork server"):
            await forks.perform(ToyHeavy(), Run("result"))
        await forks.warm()
    await forks.stop()


async def test_fork_server_and_child_die_with_their_worker() -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, str(A_WORKER), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert worker.stdout is not None
    child, server = map(int, (await asyncio.wait_for(worker.stdout.readline(), 30)).split())
    assert _lives(child)
    assert _lives(server)
    worker.kill()
    await asyncio.wait_for(worker.communicate(), 30)  # its pipe closes when the last of those who have it has ended
    await wait_for(lambda: not _lives(child) and not _lives(server), what="both have ended")


def _server_of(forks: Forks) -> int:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    servers = [pid for pid in children if "vai_worker.children.forkserver" in Path(f"/proc/{pid}/cmdline").read_text()]
    return int(servers[-1])
