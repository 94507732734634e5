"""Measures what each work costs, on a stack of its own, and writes `constants.json`.

CPU seconds and WAL are counted, not times, so that a busy machine changes little. It changes something: caches and
cores are shared, and who gets them rarely makes smaller batches. So a yardstick, a fixed work, is measured beside it.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any
from uuid import UUID

from bench import rows
from bench.capacity import second, works
from bench.capacity.costs import Constants, Cost, Process, between, each, indexed, less, total
from bench.capacity.meter import ALL_PUBLISHED, TABLES, Meter
from bench.measure import memory_mb, state_of_machine
from bench.statements import Sessions, fill
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_devstack.stack import Stack
from vai_testkit.stack import running_stack
from vai_testkit.wait import wait_for

SCALE = float(os.environ.get("VAI_BENCH_SCALE", "1"))
"""How much of each work: 0.1 for a quick look."""

SMALL, LARGE = 1_000, 20_000
FILE_SMALL, FILE_LARGE = 20_000, 200_000
_FILLED = 200_000
_ORGANISATIONS = 50
_RUN = "insert, claim and finish"
_FOLLOWERS = 200
_MORE = 3  # processes of the extract-worker, to see what one costs

BESIDES = {"api-gateway": 6, "watchdog": 3}
"""Connections beside the pool: for LISTEN and for the lock; the gateway's for lists, the watchdog's for its looks."""
_POOLS = {"api-gateway": 8, "scheduler": 8}


def yardstick() -> float:
    """Seconds of CPU of a fixed piece of work: on another machine, or a busier one, everything costs in proportion."""
    found = []
    for _ in range(5):
        start = process_time()
        sum(number * number % 7 for number in range(300_000))
        found.append(process_time() - start)
    return median(found)


def _many(count: int) -> int:
    return max(2, round(count * SCALE))


class Measuring:
    """One stack, warm, and what has been measured on it so far."""

    def __init__(self, stack: Stack, meter: Meter, url: str) -> None:
        self.stack = stack
        self.meter = meter
        self.url = url
        self.works: dict[str, Cost] = {}
        self.alone: dict[str, Cost] = {}
        self.growth: dict[str, Cost] = {}

    async def warm(self) -> None:
        """Every way is gone once: caches are full, plans are made, each child's server runs."""
        await works.post(self.stack, works.NOOP, 400)
        for body in (works.BRANCH, works.request(self.url)):
            await works.post(self.stack, body, 100, wait=True)
        for body in (works.extraction(self.url, SMALL), works.files("few")):
            await works.post(self.stack, body, 2, 1, wait=True)
        await works.post(self.stack, works.transform("bronze.disk.few"), 2, 1, wait=True)
        await works.trigger(self.stack, await works.save_chain(self.stack, 2), 4)
        await self.meter.rest()
        await self.meter.clean()
        await self.meter.database.execute("CHECKPOINT")
        self.meter.idle = await self.meter.idle_for(20 * SCALE)

    async def light(self) -> None:
        """Runs that a worker does in its own event loop: under load, alone, and what cleaning up after them costs."""
        for name, body, count in (
            ("light run", works.NOOP, 1_500),
            ("sync run", works.BRANCH, 800),
            ("http request", works.request(self.url), 500),
        ):
            wait = name != "light run"
            self.works[name] = await self._cost(partial(works.post, self.stack, body, wait=wait), _many(count))
            one = partial(works.post, self.stack, body, clients=1, wait=True)
            self.alone[name] = await self._cost(one, _many(count // 8))
            if name == "light run":
                self.works["cleaning"] = await self._cost(self._clean, _many(count) + _many(count // 8))

    async def _clean(self, _count: int) -> None:
        await self.meter.clean()

    async def heavy(self) -> None:
        """Runs in a child process: whatever their size, and for each row."""
        await self._sized("extraction", "extracted row", partial(works.extraction, self.url), (SMALL, 8), (LARGE, 6))
        await self._sized("file extraction", "file row", _of_files, (FILE_SMALL, 4), (FILE_LARGE, 4))
        await self._sized("transform", "transformed row", _over_files, (FILE_SMALL, 4), (FILE_LARGE, 4))

    async def _sized(
        self,
        name: str,
        row: str,
        body: Callable[[int], works.Body],
        small: tuple[int, int],
        large: tuple[int, int],
    ) -> None:
        found = []
        for size, count in (small, large):
            one = partial(works.post, self.stack, body(size), clients=2, wait=True)
            await one(1)
            found.append((float(size), await self._cost(one, _many(count))))
        self.works[name], self.works[row] = between(*found)

    async def automations(self) -> None:
        """An automation run whatever its steps; a step, beside the run that does its work."""
        found = []
        for steps, count in ((2, 40), (20, 8)):
            chain = await works.save_chain(self.stack, steps)
            found.append((float(steps), await self._cost(partial(works.trigger, self.stack, chain), _many(count))))
        self.works["automation run"], step = between(*found)
        self.works["step"] = less(step, self.works["light run"])

    async def entries(self) -> None:
        """One more entry in a log, one more event."""
        for name, work, count in (("log entry", works.log, 4_000), ("event", works.tell, 3_000)):
            whole = _many(count // works.BATCH) * works.BATCH
            self.works[name] = await self._cost(partial(work, self.stack), whole)

    async def followers(self) -> None:
        """Clients of live streams: each second of one, and each entry that one gets."""
        followed = await works.Followed.open(self.stack, _FOLLOWERS)
        quiet = await self.meter.idle_for(10 * SCALE)
        turns = _many(40)
        busy, seconds = await self.meter.used(partial(followed.write, turns, 0.1))
        await followed.close()
        self.works["follower"] = each(less(quiet, self.meter.idle), _FOLLOWERS)
        writing = total([(seconds, quiet), (turns * works.BATCH, self.works["log entry"])])
        self.works["followed entry"] = each(less(busy, writing), turns * _FOLLOWERS)

    async def grown(self) -> None:
        """Insert, claim and finish of a run: in a small database, of many organisations, beside history and a queue."""
        sessions = await Sessions.open(self.stack.database, self.stack.org_id)
        one, many = [sessions.org_id], [uuid7() for _ in range(_ORGANISATIONS)]
        await works.hot_runs(sessions, _ORGANISATIONS * works.BATCH, many)
        await self._grown(f"{_RUN} in a small database", sessions, one)
        await self._grown(f"{_RUN} of {_ORGANISATIONS} organisations in turn", sessions, many)
        await self.meter.database.execute("CHECKPOINT")
        await self._grown("the same, just after a checkpoint", sessions, many)
        finished, waiting = round(_FILLED * SCALE), round(_FILLED * SCALE / 4)
        await fill(self.stack, finished, waiting)
        await self._grown(f"{_RUN} beside {finished:,} ended and {waiting:,} waiting ones", sessions, one)
        more = less(await self.meter.idle_for(20 * SCALE), self.meter.idle)
        self.growth[f"a second of {waiting:,} runs that wait"] = more
        await sessions.close()

    async def _grown(self, state: str, sessions: Sessions, organisations: Sequence[UUID]) -> None:
        """The statements alone, in the few seconds before the watchdog takes over what they told."""
        count = _many(20) * works.BATCH
        await wait_for(lambda: self.meter.ask(ALL_PUBLISHED), 300, every=0.5)
        used, seconds = await self.meter.used(lambda: works.hot_runs(sessions, count, organisations))
        self.growth[state] = each(less(used, total([(seconds, self.meter.idle)])), count)

    async def _cost(self, work: Callable[[int], Any], count: int) -> Cost:
        return await self.meter.cost(lambda: work(count), count)

    async def processes(self) -> dict[str, Process]:
        """What one process of each service costs when nothing happens, with its part of Postgres."""
        memory = memory_mb(self.stack)
        for index in range(1, _MORE + 1):
            await self.stack.start_service("extract-worker", index)
        more = less(await self.meter.idle_for(15 * SCALE), self.meter.idle)
        for index in range(1, _MORE + 1):
            await self.stack.stop_service("extract-worker", index)
        theirs = {name: value / _MORE for name, value in more.items() if name in ("cpu postgres", "wal")}
        return {
            service.name: Process(
                {f"cpu {service.name}": self.meter.idle.get(f"cpu {service.name}", 0.0), **theirs},
                memory[service.name],
                _POOLS.get(service.name, 4) + BESIDES.get(service.name, 2),
            )
            for service in self.stack.config.services
        }


def _add_indexes(measuring: Measuring, indexes: Mapping[str, float]) -> None:
    """To the rows of each work, what they have in the indexes of their table."""
    for known in (measuring.works, measuring.alone):
        known.update({name: indexed(cost, indexes) for name, cost in known.items()})


def _made(stack: Stack, state: str, stick: float) -> Mapping[str, Any]:
    return {
        "command": "python -m bench capacity",
        "when": now().date().isoformat(),
        "machine": state,
        "python": platform.python_version(),
        "yardstick ms": stick * 1e3,
        "broker": stack.broker.kind,
        "bell": stack.broker.bell,
    }


def _of_files(count: int) -> works.Body:
    return works.files(_FOLDERS[count])


def _over_files(count: int) -> works.Body:
    return works.transform(f"bronze.disk.{_FOLDERS[count]}")


_FOLDERS = {FILE_SMALL: "few", FILE_LARGE: "many"}


async def measured(say: Callable[[str], None]) -> Constants:
    """All of it, a few minutes."""
    with tempfile.TemporaryDirectory(prefix="vai-") as name:
        folder = Path(name) / "files"
        for count, part in _FOLDERS.items():
            (folder / part).mkdir(parents=True)
            rows.write_csv(folder / part, count)
        async with AsyncExitStack() as open_:
            url = open_.enter_context(rows.served(works.FEW, SMALL, LARGE, *works.MIXED_ROWS))
            environment = {"VAI_FILES_ROOT": str(folder)}
            stack = await open_.enter_async_context(running_stack(Path(name) / "v", environment=environment))
            meter = await Meter.of(stack)
            open_.push_async_callback(meter.close)
            return await _all(Measuring(stack, meter, url), say)


async def _all(measuring: Measuring, say: Callable[[str], None]) -> Constants:
    stick, state = yardstick(), state_of_machine()
    for part in ("warm", "light", "heavy", "automations", "entries", "followers"):
        say(part)
        await getattr(measuring, part)()
    await measuring.meter.clean()
    indexes = {table: (await measuring.meter.sizes(table))[0] for table in TABLES}
    _add_indexes(measuring, indexes)
    say("processes")
    processes = await measuring.processes()
    made = _made(measuring.stack, state, (stick + yardstick()) / 2)
    known = Constants({**made, "index bytes": indexes}, measuring.works, measuring.alone, processes, {}, {})
    say("the second point")
    point = await second.measure(measuring.meter, measuring.url, known, FILE_SMALL)
    say("growth")
    await measuring.grown()
    return replace(known, growth=measuring.growth, held_against=point)
