"""Sends OpenLineage events: from rows that were written with the events, at least once, never in a run's path."""

import asyncio
from collections.abc import Callable

import structlog

from vai_common.clock import steady_seconds
from vai_common.db import is_away
from vai_common.queries import Pool
from vai_records.lake import lineage_news
from vai_records.lake.lineage_news import CLAIM_SECONDS, Claimed, Facts
from vai_scheduler.lineage.receivers import Away, Receiver, Refused
from vai_scheduler.metrics import lineage_events, lineage_waiting, lineage_waiting_seconds

_log = structlog.get_logger()

BATCH = 25
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds for which nothing is sent after the receiver has failed, doubled each time."""
MOST_BROKEN = 5
"""An event that cannot even be written is given up after so many attempts."""

Written = Callable[[Facts], tuple[bytes, bytes]]
"""The key of an event, and the event as JSON."""


class Sender:
    """Any number of schedulers may send: each claims other events. A receiver that is away holds up nothing else."""

    def __init__(self, pool: Pool, receiver: Receiver, written: Written) -> None:
        self._pool = pool
        self._receiver = receiver
        self._written = written
        self._failures = 0
        self._rests_until = 0.0

    async def send_once(self) -> None:
        """Send all that is due, until the receiver fails."""
        while steady_seconds() >= self._rests_until:
            claimed = await lineage_news.claim(self._pool, BATCH)
            if not claimed:
                return
            await self._send_all(claimed)

    async def measure_once(self) -> None:
        """Note how much waits; delete what waits for too long."""
        if lost := await lineage_news.forget_old(self._pool):
            lineage_events.labels(outcome="given_up").inc(lost)
            _log.warning("lineage_given_up", events=lost, error="the receiver did not take them for a week")
        many, old = await lineage_news.waiting(self._pool)
        lineage_waiting.set(many)
        lineage_waiting_seconds.set(old)

    async def stop(self) -> None:
        await self._receiver.close()

    async def _send_all(self, claimed: list[Claimed]) -> None:
        ends = steady_seconds() + CLAIM_SECONDS / 2
        for place, one in enumerate(claimed):
            rest = [other.id for other in claimed[place:]]
            if steady_seconds() > ends:
                await lineage_news.later(self._pool, rest, 0, tried=False)
                return
            try:
                await self._send(one)
            except Away as away:
                await self._rest(away, rest)
                return
            self._failures = 0

    async def _send(self, one: Claimed) -> None:
        """Raises `Away`. What this event alone is the reason of is noted, and the others go on (rule 22)."""
        outcome, error = "sent", None
        try:
            facts = await lineage_news.facts(self._pool, one)
            if facts is None:
                outcome, error = "given_up", "the run or its event is no longer there"
            else:
                key, event = await asyncio.to_thread(self._written, facts)
                await self._receiver.send(key, event)
        except Refused as refused:
            outcome, error = "refused", str(refused)
        except Away:
            raise
        except Exception as failure:
            if is_away(failure):
                raise
            _log.exception("lineage_broken", run_id=str(one.subject_id))
            if one.attempts < MOST_BROKEN:
                await lineage_news.later(self._pool, [one.id], FIRST_WAIT * 2**one.attempts, tried=True)
                return
            outcome, error = "given_up", type(failure).__name__
        lineage_events.labels(outcome=outcome).inc()
        if error is not None:
            _log.warning("lineage_not_sent", run_id=str(one.subject_id), outcome=outcome, error=error)
        await lineage_news.done(self._pool, [one.id])

    async def _rest(self, away: Away, ids: list[int]) -> None:
        wait = min(LONGEST_WAIT, max(away.wait or 0.0, FIRST_WAIT * 2**self._failures))
        self._failures = min(self._failures + 1, 10)
        self._rests_until = steady_seconds() + wait
        lineage_events.labels(outcome="failed").inc()
        _log.warning("lineage_receiver_away", error=str(away), again_in=wait)
        await lineage_news.later(self._pool, ids, wait, tried=False)


def writer(namespace: str, public_url: str) -> Written:
    """Imports OpenLineage's library, which takes a second: installations without a receiver never do."""
    from vai_scheduler.lineage import catalogue_events

    def written(facts: Facts) -> tuple[bytes, bytes]:
        event = catalogue_events.event_of(facts, namespace, public_url)
        return catalogue_events.key_of(event), catalogue_events.written_out(event)

    return written
