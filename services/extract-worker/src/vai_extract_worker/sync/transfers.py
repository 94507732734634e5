"""Transfers of a few files at once, in threads. The worker commits what has arrived, some files together."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, Literal

from vai_common.clock import steady_seconds
from vai_common.errors import RunError
from vai_extract_worker.sync.intents import Intents
from vai_extract_worker.sync.places import FileFault, LeftOut
from vai_worker.children.link import Link

AT_ONCE: Final = 4
_TOGETHER: Final = 100
_SECONDS: Final = 1.0
"""What was transferred is committed at least so often."""

_STEADY_SECONDS: Final = 2.0

Json = dict[str, Any]


Change = Literal["added", "changed", "kept", "same"]


@dataclass(frozen=True)
class Arrived:
    """A file that was transferred and verified, as it is committed. `same`: only its mark is new. `kept`: it was there
    already, and is now known.
    """

    path: str
    location: str | None
    byte_count: int
    sha256: str
    mark: Json
    change: Change


@dataclass(frozen=True)
class Task:
    """One file. `work` transfers it in a thread, after the `intent`, where there is one, is durable."""

    path: str
    size: int
    work: Callable[[], Arrived | None]
    intent: list[Any] | None = None


class Counter:
    """Bytes that were moved, counted by all threads. `stop` makes them end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.bytes = 0
        self.stopped = False

    def add(self, count: int) -> None:
        with self._lock:
            self.bytes += count
        if self.stopped:
            raise Stopped


class Stopped(Exception):
    """The run stops; what is on its way is thrown away."""


class Transfers:
    """`progress` is called with the number of files that are done, and the number of all."""

    def __init__(self, link: Link, counter: Counter, intents: Intents, progress: Callable[[int, int], None]) -> None:
        self._link, self._counter, self._intents, self._progress = link, counter, intents, progress
        self._arrived: list[Arrived] = []
        self._since = self._steady_at = steady_seconds()
        self.left_out: list[LeftOut] = []
        self.done = 0
        self._fatal: RunError | None = None

    def perform(self, tasks: Iterable[Task], total: int) -> None:
        """Raise the first error that is not one of a single file, after what has arrived is committed."""
        waiting = self._intended(iter(tasks))
        pool = ThreadPoolExecutor(AT_ONCE, "transfer")
        running: dict[Future[Arrived | None], Task] = {}
        try:
            self._link.ask("may_write", {})
            while True:
                while len(running) < AT_ONCE and self._fatal is None and (task := next(waiting, None)):
                    running[pool.submit(task.work)] = task
                if not running:
                    break
                self._collect(running)
                self._link.check()
                self._stay_steady()
                if len(self._arrived) >= _TOGETHER or steady_seconds() > self._since + _SECONDS:
                    self._commit()
                    self._progress(self.done, total)
            self._commit()
            if self._fatal:
                raise self._fatal
        finally:
            self._counter.stopped = True
            pool.shutdown(wait=True, cancel_futures=True)
            self._counter.stopped = False

    def _intended(self, tasks: Iterator[Task]) -> Iterator[Task]:
        """The tasks, each after its intent is durable."""
        while some := list(islice(tasks, _TOGETHER)):
            self._intents.declare({task.path: task.intent for task in some if task.intent})
            yield from some

    def _collect(self, running: dict[Future[Arrived | None], Task]) -> None:
        done, _ = wait(running, timeout=_SECONDS / 2, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                if arrived := future.result():
                    self._arrived.append(arrived)
                self.done += 1
            except FileFault as fault:
                self.left_out.append(LeftOut(task.path, fault))
                self._intents.without([task.path])
                self.done += 1
            except RunError as error:
                self._fatal = self._fatal or error

    def _stay_steady(self) -> None:
        if steady_seconds() > self._steady_at + _STEADY_SECONDS:
            self._link.ask("may_write", {})
            self._steady_at = steady_seconds()

    def _commit(self) -> None:
        arrived, self._arrived, self._since = self._arrived, [], steady_seconds()
        if arrived:
            left = self._intents.without([one.path for one in arrived])
            self._link.ask("commit", {"files": [asdict(one) for one in arrived], "removed": [], "intended": left})
