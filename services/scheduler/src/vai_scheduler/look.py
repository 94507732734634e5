"""One look at one automation run (document 002): under its row's lock, it reads the statuses of the steps and decides
what follows.

One look is one transaction: the runs of the steps that start, the statuses of steps, the log, the events. A second look
finds nothing to do, and a look that died has written nothing.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from vai_common.messages.bell import AUTOMATION, EVENT, Bell
from vai_common.queries import Pool, Queries
from vai_common.telemetry import about, span
from vai_records.automations import automations, runs, saved_definition, steps
from vai_records.automations.advance import Advance, Standing, StepStatus, advance, has_failed
from vai_records.automations.runs import Live
from vai_records.automations.steps import Change, Notes, Step
from vai_records.automations.versions import Version, Versions
from vai_records.events.publication import Publisher
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.secrets.keys import Keyring
from vai_scheduler.first_look import Opening, open_run
from vai_scheduler.log_texts import tell_change, tell_end, tell_skip
from vai_scheduler.metrics import automation_runs_ended
from vai_scheduler.step_runs import Preparer, Unready, Values

_log = structlog.get_logger()

Json = dict[str, Any]


@dataclass
class Outcome:
    """The messages to send when the look is committed."""

    rings: dict[str, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    journal: list[Any] = field(default_factory=list)
    running: int = 0
    ended: str | None = None


@dataclass(frozen=True)
class Looker:
    """Looks at automation runs, for one process."""

    pool: Pool
    bell: Bell
    publisher: Publisher
    keyring: Keyring
    process_id: UUID
    name: str
    versions: Versions = field(default_factory=Versions)

    async def look(self, run_id: UUID) -> int | None:
        """Do what is due now. Return how many steps run after it. None: another scheduler is looking at it."""
        return await self._locked(run_id, self._look)

    async def give_up(self, run_id: UUID, error: Exception) -> int | None:
        """End an automation run if every look at it fails in the same way, so that it does not go on for ever."""
        message = f"Unexpected {type(error).__name__}: {error}. Report it with the id of the automation run."
        return await self._locked(run_id, partial(self._give_up, message=message))

    async def _locked(self, run_id: UUID, do: Callable[["_Look"], Awaitable[None]]) -> int | None:
        async with self.pool.acquire() as conn:
            async with conn.transaction():
                live = await runs.lock(conn, run_id)
                outcome = None if live is None else await self._done(conn, live, do)
            if outcome is None:
                return None if await runs.is_running(conn, run_id) else 0
        if outcome.ended is not None:
            automation_runs_ended.labels(status=outcome.ended).inc()
        self.publisher.publish(outcome.journal)
        for word, ids in outcome.rings.items():
            self.bell.ring(word, ids)
        return outcome.running

    async def _done(self, conn: Queries, live: Live, do: Callable[["_Look"], Awaitable[None]]) -> Outcome:
        about(live.traceparent, automation_run_id=live.id, organisation_id=live.org_id)
        version = await self.versions.get(conn, live.version_id)
        what = {"vai.automation_run.id": str(live.id), "vai.organisation.id": str(live.org_id)}
        with span("look at automation run", live.traceparent, what):
            one = _Look(conn, live, version, Preparer(conn, self.keyring, live, version))
            await do(one)
            return await self._write(one)

    async def _look(self, one: "_Look") -> None:
        if one.version.fault is not None:
            await self._give_up(one, one.version.fault)
            one.broken = saved_definition.error_of(one.version.fault)
            return
        is_first = one.live.started_at is None and one.live.control is None
        opening = await open_run(one.conn, one.live, one.version, one.notes) if is_first else Opening.BEGUN
        if opening is Opening.BEGUN:
            await one.advance()
        one.is_cut_off = opening is Opening.CUT_OFF

    async def _give_up(self, one: "_Look", message: str) -> None:
        await runs.give_up(one.conn, one.live.id)
        for step in (await steps.read(one.conn, one.live.id)).values():
            if step.standing.state in (StepStatus.WAITING, StepStatus.RUNNING):
                tell_change(one.notes, Change(step.key, StepStatus.CANCELLED, step.run_id, reason="given up"))
        ended = StepStatus.CANCELLED if one.live.control == "cancel" else StepStatus.FAILED
        tell_end(one.notes, one.live, ended, saved_definition.error_of(message))

    async def _write(self, one: "_Look") -> Outcome:
        outcome = Outcome(running=sum(step.standing.state is StepStatus.RUNNING for step in one.known.values()))
        if one.starting:
            await _create(one, outcome)
        if one.notes:
            outcome.journal = await steps.note(one.conn, one.live.id, one.notes, self.process_id, self.name)
        if one.broken is not None:
            await automations.break_(one.conn, one.live.automation_id, one.broken)
        if one.is_cut_off and one.notes.error is not None:
            await automations.warn(one.conn, one.live.automation_id, one.notes.error)
        if one.notes.status != "running":
            outcome.ended = one.notes.outcome or one.notes.status
            await _after_end(one, outcome)
        for row in outcome.journal:
            if row["wanted"]:
                outcome.rings[EVENT].append(row["subject_id"])
        return outcome


@dataclass
class _Look:
    """The data of one look."""

    conn: Queries
    live: Live
    version: Version
    preparer: Preparer
    notes: Notes = field(default_factory=Notes)
    starting: dict[str, NewRun] = field(default_factory=dict)
    known: dict[str, Step] = field(default_factory=dict)
    broken: Json | None = None
    is_cut_off: bool = False

    async def advance(self) -> None:
        """Read the state of the steps, and go on until nothing more follows."""
        self.known = await steps.read(self.conn, self.live.id)
        for step in list(self.known.values()):
            if step.ended is not None:
                self._set(Change(step.key, step.ended.state, step.run_id, step.ended.port, error=step.error))
        while True:
            following = self._follow()
            for key, skip in following.skip.items():
                self.known[key] = Step(key, Standing(skip.state))
                tell_skip(self.notes, key, skip)
            if not following.start or await self._start(following.start):
                break
        if following.ended is not None:
            why = self._why() if following.ended is StepStatus.FAILED else None
            tell_end(self.notes, self.live, following.ended, why)

    def _follow(self) -> Advance:
        standing = {key: step.standing for key, step in self.known.items()}
        if not standing:  # cancelled before its first look
            return Advance(ended=StepStatus.CANCELLED)
        return advance(self.version.plan, standing, cancelled=self.live.control == "cancel")

    async def _start(self, keys: tuple[str, ...]) -> bool:
        """Prepare the runs of steps. Return False if one could not be prepared: then the step has failed and the rest
        must be decided again.
        """
        values = await self._values_for(keys)
        for key in keys:
            try:
                own = await self.preparer.values_for((key,), self.known) if values is None else values
                new = await self.preparer.prepare(key, own)
            except Unready as error:
                self._set(Change(key, StepStatus.FAILED, error=error.error))
                self.broken = error.error if error.broken else self.broken
                return False
            self.starting[key] = new
            self._set(Change(key, StepStatus.RUNNING, new.id))
        return True

    async def _values_for(self, keys: tuple[str, ...]) -> Values | None:
        """The values to which the steps refer, read together. None if they are too large, so that each step must read
        its own.
        """
        try:
            return await self.preparer.values_for(keys, self.known)
        except Unready:
            return None

    def _set(self, change: Change) -> None:
        standing = Standing(change.state, change.port)
        self.known[change.key] = Step(change.key, standing, change.run_id, error=change.error)
        tell_change(self.notes, change)

    def _why(self) -> Json | None:
        """The first step that failed, in the order of the steps, and its error."""
        for step in self.version.plan.steps:
            one = self.known.get(step.key)
            if one is not None and has_failed(self.version.plan, step.key, one.standing):
                error = one.error or {"code": None, "message": one.standing.state.value}
                return {**error, "message": f"step {step.key}: {error['message']}", "step": step.key}
        return None


async def _create(one: _Look, outcome: Outcome) -> None:
    """Insert the runs of the steps. If an earlier look has already made one and its note was lost, that run is used."""
    made = await statements.create(one.conn, list(one.starting.values()))
    missing = {new.idempotency_key: key for key, new in one.starting.items() if new.id not in made}
    if missing:
        found = await steps.adopt(one.conn, one.live.org_id, str(one.live.id), [key or "" for key in missing])
        for idempotency_key, key in missing.items():
            one.notes.changes[key] = Change(key, StepStatus.RUNNING, found[idempotency_key or ""])
    for new in one.starting.values():
        if new.id in made:
            word, rung = new.ring
            outcome.rings[word].append(rung)


async def _after_end(one: _Look, outcome: Outcome) -> None:
    """Wake what waited for this automation run: the run that called it, and the next one of its schedule."""
    if one.live.parent_run_id is not None:
        for word, woken in await runs.wake_parent(one.conn, one.live.parent_run_id):
            outcome.rings[word].append(woken)
    if (one.live.overlap == "queue" or one.live.waits) and (
        after := await runs.next_to_start(one.conn, one.live.automation_id)
    ):
        outcome.rings[AUTOMATION].append(after)
