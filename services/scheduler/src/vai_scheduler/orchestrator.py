"""Chooses the automation runs to look at: those of the bell at once, and those that a sweep finds (rules 3 and 9).

One look handles all messages that came for an automation run. If messages are lost, the sweep finds the automation run.
"""

import asyncio
from contextlib import suppress
from uuid import UUID

import structlog

from vai_common.clock import steady_seconds
from vai_common.db import AWAY
from vai_common.loops import end
from vai_common.queries import Pool
from vai_common.telemetry import about
from vai_records.automations import runs
from vai_scheduler import metrics
from vai_scheduler.look import Looker

_log = structlog.get_logger()

AT_ONCE = 4
"""How many looks run at the same time. More would only wait for the same database."""

SWEEP_SECONDS = 1.0

MOST_FAILURES = 5
"""How many looks in a row may fail."""

STOP_SECONDS = 10.0
"""How long a stop waits for looks."""

MANY = 32
REST_SECONDS = 0.01
"""With many running steps, wait so long between looks, so that one look handles several ended steps."""

_BUSY_SECONDS = 0.05
_MOST = 1_000


class Orchestrator:
    """One in each scheduler process. Any number of processes may look at the same time."""

    def __init__(self, pool: Pool, looker: Looker) -> None:
        self._pool = pool
        self._looker = looker
        self._due: dict[UUID, float] = {}
        self._under_way: set[UUID] = set()
        self._again: set[UUID] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = 0
        metrics.automation_looks_due.set_function(lambda: len(self._due))
        self._failures: dict[UUID, int] = {}
        self._stopping = False

    def on_ring(self, _word: str, run_ids: list[UUID]) -> None:
        """Called when something has happened in these automation runs."""
        if self._stopping:
            return
        for run_id in run_ids:
            if run_id in self._under_way:
                self._again.add(run_id)
            else:
                self._due.setdefault(run_id, steady_seconds())
        self._fill()

    async def sweep_once(self) -> None:
        """Look at automation runs that were missed: a message was lost, or a scheduler died during a look."""
        self.on_ring("", await runs.with_news(self._pool, _MOST))

    async def drained(self) -> None:
        """Return when nothing is due and no look is running."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """End the running looks and begin no more. What is due is left to other schedulers.

        A look that takes longer than `STOP_SECONDS` is cancelled: its transaction has changed nothing then.
        """
        self._stopping = True
        self._due.clear()
        if self._tasks:
            _, slow = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            await end(slow)

    def _fill(self) -> None:
        while self._due and self._looking < AT_ONCE:
            run_id = next(iter(self._due))
            metrics.automation_look_lag_seconds.observe(steady_seconds() - self._due.pop(run_id))
            self._under_way.add(run_id)
            self._looking += 1
            task = asyncio.create_task(self._look(run_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, run_id: UUID) -> None:
        rest, outcome, began = 0.0, "done", steady_seconds()
        about(automation_run_id=run_id)
        try:
            running = await self._looker.look(run_id)
            if running is None:
                # Another scheduler looks at it and may have begun before our news came.
                self._again.add(run_id)
                rest, outcome = _BUSY_SECONDS, "busy"
            elif running > MANY:
                rest = REST_SECONDS
            self._failures.pop(run_id, None)
        except Exception as error:
            outcome = "failed"
            _log.warning("look_failed", error=f"{type(error).__name__}: {error}")
            await self._count(run_id, error)
        finally:
            metrics.automation_looks.labels(outcome=outcome).inc()
            metrics.automation_look_seconds.observe(steady_seconds() - began)
            self._looking -= 1
            if rest:
                asyncio.get_running_loop().call_later(rest, self._looked, run_id)
            else:
                self._looked(run_id)

    def _looked(self, run_id: UUID) -> None:
        """Allow the next look: at once, if something has happened meanwhile."""
        self._under_way.discard(run_id)
        again = [run_id] if run_id in self._again else []
        self._again.discard(run_id)
        self.on_ring("", again)

    async def _count(self, run_id: UUID, error: Exception) -> None:
        """Count looks that failed while the database was there. After too many, the automation run is ended."""
        if isinstance(error, AWAY):
            return
        self._failures[run_id] = self._failures.get(run_id, 0) + 1
        if self._failures[run_id] >= MOST_FAILURES:
            del self._failures[run_id]
            with suppress(Exception):
                await self._looker.give_up(run_id, error)
