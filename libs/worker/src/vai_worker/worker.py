"""The worker: claims runs (by hints, or by looking), holds them while they work, and releases them (rules 3, 6, 13)."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from vai_common.boot import Service
from vai_common.clock import steady_seconds, unix_nanoseconds
from vai_common.loops import every, within
from vai_common.metrics import series
from vai_common.queries import Row
from vai_common.telemetry import CONSUMER, apart, begun, ended
from vai_records.events.publication import Publisher
from vai_records.events.run_end import follow, offer_room
from vai_records.lifecycle.leases import RENEW_SECONDS
from vai_records.processes.life import Life, process_channel
from vai_records.runs import statements
from vai_records.runs.statements import Lease
from vai_worker import metrics
from vai_worker.alone import Alone
from vai_worker.begun import Begun
from vai_worker.children.forks import Forks
from vai_worker.claims import Claims
from vai_worker.endings import Endings
from vai_worker.kind import Kind, is_heavy
from vai_worker.lifecycle import Held, Holder
from vai_worker.owned import Means, Owned
from vai_worker.perform import Performer
from vai_worker.releases import Releases
from vai_worker.shares import LOOK_SECONDS, REST_SECONDS, Shares

_log = structlog.get_logger()

PULL_SECONDS = 1.0
HEARTBEAT_SECONDS = 300.0
"""How often a long run logs that it lives (decision 27)."""

CLAIM_SECONDS = 3.0
"""How long a stopping worker waits for the answer to a claim. A later answer is left to the watchdog."""

_CLAIMING = {"messaging.operation.name": "claim", "messaging.operation.type": "receive"}
_CLOCKS_DIFFER = 1.0  # seconds that this machine's measure of time may differ from the database's

DRAIN_SECONDS = 25.0
"""How long a stopping worker waits for calls that another worker may repeat."""

LETTING_GO_SECONDS = 3.0
"""How long a stopping worker tries to release its runs. The rest is left to the watchdog."""

_HELD_SECONDS, _FLUSH_SECONDS = 0.03, 0.25
"""Until a stopping worker tries again to release a run whose row somebody holds; how long others wait for its log."""


class Worker:
    """Holds at most `slots` runs of its kinds."""

    def __init__(
        self,
        service: Service[Any],
        life: Life,
        publisher: Publisher,
        kinds: dict[str, Kind],
        slots: int,
        forks: Forks,
        kept_percent: int = 0,
    ) -> None:
        self._service = service
        self._life = life
        self._publisher = publisher
        self._kinds = kinds
        self._slots = slots
        self._forks = forks
        self._shares = Shares(slots, kept_percent)
        self._holder = Holder(life.id, life.name)
        self._endings = Endings(service.pool, self._holder, self._leave_slot, self._on_ended, self._on_left)
        self._claims = Claims(service.pool, self._holder, list(kinds), self._on_ended)
        self._releases = Releases(service.pool, self._holder, service.bell, self._on_ended)
        self._performer = Performer(kinds, self._endings, forks)
        self._owned: dict[UUID, Owned] = {}
        self._tasks: dict[UUID, asyncio.Task[Any]] = {}
        self._hinted: dict[UUID, None] = {}
        self._working = 0
        self._claiming = 0
        self._asked: dict[object, float] = {}
        self._no_claim = asyncio.Event()
        self._no_claim.set()
        self._hungry = True
        self._wake = asyncio.Event()
        self._begun = Begun()
        self._strangers: set[tuple[UUID, int]] = set()
        self._draining = False
        self._alone = Alone()
        self.held_back = False
        """Whether it claims nothing: what its runs need is refused to it, and they are better off elsewhere."""
        self.means: Means | None = None
        metrics.slots.set(slots)
        metrics.begin(kinds)

    @property
    def free(self) -> int:
        """Slots to fill. A run whose end is being written needs none, for as many runs as there are slots.

        A process that may count as dead claims nothing: the run could be taken back before it begins.
        """
        if self._draining or self.held_back or self._alone.keeps_others_out or not self._life.is_steady():
            return 0
        return min(self._slots - self._working, 2 * self._slots - len(self._owned)) - self._claiming

    def start(self) -> None:
        """Listen to the bell and to notifications, and begin to claim."""
        self._life.on_beat = self._on_beat
        self._life.on_death = self._on_death
        self._service.bell.on_ring(tuple(self._kinds), self._on_hint)
        self._service.listener.on(process_channel(self._life.id), self._on_control)
        self._service.spawn(every(PULL_SECONDS, self._claim_once, self._wake))
        self._service.spawn(every(PULL_SECONDS, self._grow_hungry))
        self._service.spawn(every(PULL_SECONDS, self._claim_alone_once))
        self._service.spawn(every(RENEW_SECONDS, self.renew_once))
        self._service.spawn(every(RENEW_SECONDS, self._log_heartbeats))
        self._service.spawn(every(30, self._forks.stop_idle_once))
        self._service.spawn(every(LOOK_SECONDS, partial(self._shares.look_once, self._service.pool)))

    # Claiming

    def _on_hint(self, kind: str, ids: list[UUID]) -> None:
        room = self.free - len(self._hinted)
        if room <= 0:
            self._hungry = True
            return
        self._hinted.update(dict.fromkeys(ids[:room]))
        if len(ids) > room:
            self._hungry = True
        self._wake.set()

    async def _grow_hungry(self) -> None:
        self.wake()

    def wake(self) -> None:
        """Looks at once for what waits."""
        self._hungry = True
        self._wake.set()

    async def _claim_once(self) -> None:
        """Claim the hinted runs and, if hints may be lost, waiting runs. It alternates, so that many hints do not keep
        it from the runs whose hint was lost."""
        while (self._hinted or self._hungry) and self.free > 0:
            if self._hinted:
                ids = list(self._hinted)[: self.free]
                for run_id in ids:
                    del self._hinted[run_id]
                await self._take(ids, len(ids))
                self._hungry = self._hungry or self._is_anyone_at_its_share()
            if self._hungry and (room := self.free) > 0:
                # Cleared before it looks: a run that is hinted at during the look may not be in the answer.
                self._hungry = False
                taken = await self._take(None, room)
                self._hungry = self._hungry or taken == room
                if taken < room and self._is_anyone_at_its_share():
                    # More runs may wait for a slot; the end of a run wakes this loop.
                    self._hungry = True
                    await asyncio.sleep(REST_SECONDS)
                    return
        if self._hinted:
            self._hinted.clear()
            self._hungry = True

    def _is_anyone_at_its_share(self) -> bool:
        share = self._shares.now(self._owned.values())
        return share is not None and 0 in share.rooms

    async def _claim_alone_once(self) -> None:
        """Claim a run that has lost two workers, if this worker holds no other run."""
        await self._alone.look_once(self._service.pool)
        if self._owned or self._claiming:
            await self._alone.make_room_once(self._service.pool, list(self._kinds))
        elif not self._draining and self._life.is_steady():
            await self._take(None, self._slots, alone=True)

    async def _take(
        self, ids: Sequence[UUID] | None, most: int, *, alone: bool = False, is_asked_for: bool = False
    ) -> int:
        self._claiming += most
        self._no_claim.clear()
        asked, since = object(), unix_nanoseconds()
        self._asked[asked] = steady_seconds()
        try:
            share = None if alone or is_asked_for else self._shares.now(self._owned.values())
            if alone:
                rows = await self._claims.alone()
            elif ids is None:
                rows = await self._claims.waiting(most, share)
            else:
                rows = await self._claims.hinted(ids, share)
            for row in rows:
                self._begin(row)
                ended(begun(f"claim {row['kind']}", row["traceparent"], _CLAIMING, CONSUMER, since))
                if alone:
                    self._alone.hold(row["id"])
        finally:
            del self._asked[asked]
            self._claiming -= most
            if not self._claiming:
                self._no_claim.set()
        self._publisher.publish(row for row in rows if row["subject_id"] is not None)
        return len(rows)

    async def execute(self, run_id: UUID, org_id: UUID | None = None) -> tuple[str, Row | None]:
        """Claim one run and wait for its end: `no_slot`, `not_claimed`, `released`, or `ended` with its row.

        If the organisation is given, its share of the slots is checked first.
        """
        if self.free <= 0 or (org_id is not None and not self._shares.ask(self._owned.values(), org_id)):
            return "no_slot", None
        if not await asyncio.shield(self._take_asked(run_id, org_id)):
            return "not_claimed", None
        task = self._tasks.get(run_id)
        row = await asyncio.shield(task) if task is not None else None
        return ("ended" if row is not None else "released"), row

    async def _take_asked(self, run_id: UUID, org_id: UUID | None) -> int:
        try:
            return await self._take([run_id], 1, is_asked_for=org_id is not None)
        finally:
            if org_id is not None:
                self._shares.answered(org_id)

    def _begin(self, row: Row) -> None:
        assert self.means is not None
        run = Owned(row, self.means, self._kinds[row["kind"]].reads)
        _count_claim(run)
        self._owned[run.id] = run
        self._tasks[run.id] = asyncio.create_task(self._work(run))
        self._working += 1
        metrics.slots_busy.set(self._working)

    async def _work(self, run: Owned) -> Row | None:
        run.is_subject()
        try:
            return await self._performer.perform(run)
        except Exception as error:
            # The beat will find it as an unknown lease, and `Releases` counts that.
            _log.error("run_not_let_go", run_id=str(run.id), error=repr(error))
            return None
        finally:
            self._begun.note(run)
            if self._owned.get(run.id) is run:
                del self._owned[run.id], self._tasks[run.id]
            self._alone.let_go(run.id)
            self._leave_slot(run)

    def _leave_slot(self, run: Owned) -> None:
        if run.has_slot:
            run.has_slot = False
            self._working -= 1
            metrics.slots_busy.set(self._working)
        if self._hungry:
            self._wake.set()

    def _on_ended(self, rows: Sequence[Row]) -> None:
        self._service.soon(follow(rows, self._service.pool, self._service.bell, self._publisher))

    def _on_left(self, rows: Sequence[Row]) -> None:
        offer_room(rows, self._service.bell)

    # Holding

    async def renew_once(self) -> None:
        if self._owned:
            await statements.renew(
                self._service.pool, self._life.id, [(run.id, run.epoch) for run in self._owned.values()]
            )

    def _on_beat(self, leases: list[Lease]) -> None:
        """Pass `control` on to the runs. A lease that is unknown here at two beats in a row is released.

        An unknown lease with a `control` is released at once.
        """
        for lease in leases:
            run = self._owned.get(lease.run_id)
            if run is not None and run.epoch == lease.epoch and lease.control and run.stop_reason != lease.control:
                run.ask_to_stop(lease.control)
        strangers = {(one.run_id, one.epoch): one for one in leases if self._is_strange(one)}
        again = [one for key, one in strangers.items() if key in self._strangers or one.control]
        self._strangers = set(strangers).difference((one.run_id, one.epoch) for one in again)
        if again:
            held = [Held(one.run_id, one.epoch, self._begun.may_hold(one)) for one in again]
            # Of several, one may be the reason for all. So only a single one counts as stuck.
            stuck = len(held) == 1
            self._service.soon(self._releases.let_go(held, "Its worker had lost sight of it", stuck=stuck))

    def _is_strange(self, lease: Lease) -> bool:
        """Whether the lease is unknown here, and no claim is running whose answer may bring it."""
        run = self._owned.get(lease.run_id)
        if run is not None and run.epoch == lease.epoch:
            return False
        return not self._asked or lease.age > steady_seconds() - min(self._asked.values()) + _CLOCKS_DIFFER

    def _on_control(self, payload: str) -> None:
        with suppress(ValueError):
            word, _, ids = payload.partition(" ")
            for run_id in map(UUID, ids.split(",")):
                if run_id in self._owned:
                    self._owned[run_id].ask_to_stop(word)

    def _on_death(self) -> None:
        """This process counts as dead: other workers have its runs now."""
        for run in self._owned.values():
            run.ask_to_stop("lost")

    async def _log_heartbeats(self) -> None:
        for run in list(self._owned.values()):
            due = int((steady_seconds() - run.claimed) / HEARTBEAT_SECONDS)
            if due > run.heartbeats:
                run.heartbeats = due
                with apart():
                    run.is_subject()
                    await run.log("heartbeat", "Still working", {"progress": run.progress or {}})

    # Stopping

    async def stop(self) -> None:
        """Stop: hand heavy runs over at once, let light ones end, hand the rest over in time.

        A call that must not be done twice gets its own time limit, as far as `stop_seconds` allow.
        """
        began = steady_seconds()
        self._draining = True
        await self._life.say_stopping()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLAIM_SECONDS):
                await self._no_claim.wait()
        await self._hand_over([run for run in self._owned.values() if self._is_left_at_once(run)])
        last = began + self._service.settings.stop_seconds - 2 * LETTING_GO_SECONDS
        await self._wait_until(min(began + DRAIN_SECONDS, last))
        await self._hand_over([run for run in self._owned.values() if run.may_rerun or not run.begun])
        await self._wait_until(last)
        await self._hand_over(list(self._owned.values()))
        self._forks.kill_children()
        with suppress(TimeoutError):
            async with asyncio.timeout(LETTING_GO_SECONDS):
                await self._endings.drained()
        await within(LETTING_GO_SECONDS, self._forks.stop(), "the fork server")

    def _is_left_at_once(self, run: Owned) -> bool:
        """Whether another worker goes on from a checkpoint, so that waiting gains nothing."""
        return is_heavy(self._kinds[run.kind]) and run.may_rerun

    async def _wait_until(self, time: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=max(0.0, time - steady_seconds()))

    async def _hand_over(self, runs: list[Owned]) -> None:
        """Release runs and end their work here. While the database is away, that is left to the watchdog."""
        left = runs
        try:
            async with asyncio.timeout(LETTING_GO_SECONDS):
                while left:
                    left = await self._release(left)
        except Exception as error:
            _log.warning("not_handed_over", runs=len(left), error=repr(error))
        for run in left:
            run.ask_to_stop("interrupt")

    async def _release(self, runs: list[Owned]) -> list[Owned]:
        """Those that are left: somebody holds their row at this moment, mostly the run's own commit of a slice."""
        flushing = {asyncio.create_task(run.flushed()): run for run in runs}
        flushed, late = await asyncio.wait(flushing, timeout=_FLUSH_SECONDS)
        for task in late:
            task.cancel()
        held = [Held(run.id, run.epoch, run.begun) for run in map(flushing.__getitem__, flushed)]
        released = await self._releases.let_go(held, "Its worker stopped (SIGTERM)") if held else set()
        for run in runs:
            if run.id in released:
                run.ask_to_stop("interrupt")
        left = [run for run in runs if run.id not in released and self._owned.get(run.id) is run]
        if left:
            await asyncio.sleep(_HELD_SECONDS)
        return left


def _count_claim(run: Owned) -> None:
    series(metrics.runs_claimed, run.kind).inc()
    if run.epoch == 1:
        made = (run.id.int >> 80) / 1000  # a run's id begins with the milliseconds of its creation
        delay = max(0.0, run.started_at.timestamp() - made)
        series(metrics.run_start_delay_seconds, run.kind).observe(delay)
