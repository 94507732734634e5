"""Publishes the journal: the process that wrote an event publishes it after the commit or in a sweep (rule 9)."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import compress
from typing import Any
from uuid import UUID

import structlog

from vai_common.batcher import Batcher, Overloaded
from vai_common.clock import now, unix_nanoseconds
from vai_common.db import is_away
from vai_common.messages.kafka import Producer, Record, is_unreachable
from vai_common.metrics import series
from vai_common.queries import Pool, Row
from vai_common.rows import Rows
from vai_common.telemetry import PRODUCER, begun, ended
from vai_records.events.events import Event, record_of
from vai_records.lifecycle.sql_fragments import JOURNAL_DATA
from vai_records.metrics import event_lag_seconds, event_publish_failures, events_published
from vai_records.runs import statements

_log = structlog.get_logger()

Key = tuple[UUID, int]
"""Of a row of the journal: its subject and its sequence."""

_LEFT = f"""
SELECT subject_id, sequence, type, occurred_at, org_id, {JOURNAL_DATA}, traceparent FROM events
WHERE published_at IS NULL AND writer = $1 AND occurred_at < clock_timestamp() - interval '3 s'
  AND (retry_at IS NULL OR retry_at <= clock_timestamp())
  AND (subject_id, sequence) NOT IN (SELECT * FROM unnest($3::uuid[], $4::int[]))
ORDER BY occurred_at LIMIT $2
"""

# While the broker is away, only one event is tried. When it succeeds, all are.
_PROBE = f"""
SELECT subject_id, sequence, type, occurred_at, org_id, {JOURNAL_DATA}, traceparent FROM events
WHERE published_at IS NULL AND writer = $1 AND retry_at IS NOT NULL
  AND (subject_id, sequence) NOT IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
ORDER BY retry_at LIMIT 1
"""
_ALL_AGAIN = "UPDATE events SET retry_at = NULL WHERE published_at IS NULL AND writer = $1 AND retry_at IS NOT NULL"

_BATCH = 500

_SENDING = {"messaging.system": "kafka", "messaging.operation.name": "send", "messaging.operation.type": "send"}
_LINGER_SECONDS = 0.02
"""Seconds to collect a batch: no run waits for a public event, and a batch costs as much as a single one."""

_UNSENT = ValueError("the event could not be encoded")

_FAILED = """
UPDATE events e SET failures = failures + 1,
    retry_at = clock_timestamp()
        + least(interval '1 s' * power(2, least(failures, 8)), interval '5 min') * (0.5 + random() / 2)
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS t(subject_id, sequence, occurred_at)
WHERE e.subject_id = t.subject_id AND e.sequence = t.sequence AND e.occurred_at = t.occurred_at
"""

_ADOPT = """
UPDATE events SET writer = $1 WHERE published_at IS NULL AND writer IS DISTINCT FROM $1
  AND NOT EXISTS (SELECT FROM processes p WHERE p.id = events.writer)
  AND occurred_at < clock_timestamp() - interval '10 s' AND ($2::uuid[] IS NULL OR subject_id = ANY($2::uuid[]))
"""

_LEFT_BEHIND = """
SELECT subject_id FROM events WHERE published_at IS NULL AND writer IS DISTINCT FROM $1
  AND NOT EXISTS (SELECT FROM processes p WHERE p.id = events.writer)
  AND occurred_at < clock_timestamp() - interval '10 s'
GROUP BY subject_id ORDER BY min(occurred_at) LIMIT 1000
"""


class Publisher:
    """Publishes this process's journal rows, at least once. A row that fails rests alone."""

    def __init__(self, pool: Pool, producer: Producer, process_id: UUID) -> None:
        self._pool = pool
        self._producer = producer
        self._process_id = process_id
        self._batcher: Batcher[Event, bool] = Batcher(
            self._publish, most=_BATCH, in_flight=1, most_waiting=20_000, linger=_LINGER_SECONDS
        )
        self._underway: set[Key] = set()
        self._rows: Rows[Key] = Rows("publication")
        self._orphans: Rows[UUID] = Rows("adoption")
        self._is_away = False

    def publish(self, rows: Iterable[Row]) -> list["asyncio.Future[bool]"]:
        """Hands committed journal rows over; does not wait. What does not fit is left to the sweep.

        Answers for each that fits whether it was published, for those who care.
        """
        handed: list[asyncio.Future[bool]] = []
        for row in rows:
            event = row if isinstance(row, Event) else self._read(row)
            if event is None:
                continue
            try:
                handed.append(self._batcher.put(event))
            except Overloaded:
                break
            handed[-1].add_done_callback(partial(self._over, _key(event)))
            self._underway.add(_key(event))
        return handed

    async def sweep_once(self) -> int:
        """Publishes what this process wrote and has not published; answers how many rows it found.

        Where there is much (a replay), it goes on batch after batch for as long as all of it goes out.
        """
        found = 0
        if self._is_away:
            probe = self.publish(await self._pool.fetch(_PROBE, self._process_id, *self._resting()))
            await asyncio.gather(*probe, return_exceptions=True)
        while True:
            before = self._underway.copy()
            rows = await self._pool.fetch(_LEFT, self._process_id, _BATCH, *self._resting())
            busy = before | self._underway
            left = [row for row in rows if (row["subject_id"], row["sequence"]) not in busy]
            handed = self.publish(left)
            found += len(left)
            out = await asyncio.gather(*handed, return_exceptions=True)
            if len(left) < _BATCH or not all(sent is True for sent in out):
                return found

    async def adopt_once(self) -> None:
        """Take over the unpublished rows of dead processes. Only the watchdog calls it."""

        async def take(subjects: list[UUID] | None) -> int:
            await self._pool.execute(_ADOPT, self._process_id, subjects)
            return 0

        await self._orphans.batch(take, self._left_behind)

    async def _left_behind(self) -> list[UUID]:
        return [row["subject_id"] for row in await self._pool.fetch(_LEFT_BEHIND, self._process_id)]

    def _resting(self) -> tuple[list[UUID], list[int]]:
        keys: list[Any] = self._rows.resting
        return [subject_id for subject_id, _ in keys], [sequence for _, sequence in keys]

    def _read(self, row: Row) -> Event | None:
        """The event of a row. A row that cannot be read rests, and does not block the others (rule 22)."""
        try:
            return Event.of(row)
        except Exception as error:
            self._rows.failed((row["subject_id"], row["sequence"]), error)
            return None

    def _over(self, key: Key, sent: "asyncio.Future[bool]") -> None:
        """One that could be neither published nor noted as failed rests here."""
        if not sent.cancelled() and (error := sent.exception()) is not None and not is_away(error):
            self._rows.failed(key, error)

    async def close(self, seconds: float) -> None:
        """Waits, at most `seconds`, until what was handed over is published."""
        try:
            async with asyncio.timeout(seconds):
                await self._batcher.drained()
        except TimeoutError:
            return

    async def _publish(self, events: list[Event]) -> list[bool]:
        try:
            since = unix_nanoseconds()
            records = {event.key: record for event in events if (record := _encoded(event)) is not None}
            errors = dict(zip(records, await self._producer.send(list(records.values())), strict=True))
            sent = [errors.get(event.key, _UNSENT) is None for event in events]
            for event in events:
                if event.traceparent is not None:
                    _trace(event, event.traceparent, since, errors.get(event.key, _UNSENT))
            away = all(is_unreachable(errors.get(event.key, _UNSENT)) for event in events)
            await self._heard(away=away, back=any(sent))
            await self._note(list(compress(events, sent)), [e for e, out in zip(events, sent, strict=True) if not out])
        finally:
            self._underway.difference_update((event.subject_id, event.sequence) for event in events)
        return sent

    async def _heard(self, *, away: bool, back: bool) -> None:
        """When the broker is back, try all rows again: their failures were not their own."""
        if self._is_away and back:
            await self._pool.execute(_ALL_AGAIN, self._process_id)
        self._is_away = away

    async def _note(self, done: Sequence[Event], failed: Sequence[Event]) -> None:
        if done:
            await statements.published(self._pool, [event.key for event in done])
            _count(done)
        if failed:
            event_publish_failures.inc(len(failed))
            columns = [list(column) for column in zip(*(event.key for event in failed), strict=True)]
            await self._pool.execute(_FAILED, *columns)


def _trace(event: Event, traceparent: str, since: int, error: Exception | None) -> None:
    """A span of its own for each event whose trace is kept; all of a batch were written in one go."""
    if (sending := begun(f"send {event.type}", traceparent, _SENDING, PRODUCER, since)) is not None:
        told = {"messaging.destination.name": event.type, "messaging.message.id": event.id}
        ended(sending, None if error is None else type(error).__qualname__, told)


def _count(done: Sequence[Event]) -> None:
    at = now()
    for word, number in Counter(event.type for event in done).items():
        series(events_published, word).inc(number)
    for event in done:
        event_lag_seconds.observe(max(0.0, (at - event.occurred_at).total_seconds()))


def _key(event: Event) -> Key:
    return event.subject_id, event.sequence


def _encoded(event: Event) -> Record | None:
    try:
        return record_of(event)
    except Exception as error:  # any error of the row: it rests, and the others are published
        _log.error("event_unencodable", event_id=event.id, type=event.type, error=f"{type(error).__name__}: {error}")
        return None
