"""A run that this worker holds: what its kind can read of it, log about it and write for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog

from vai_common.clock import steady_seconds
from vai_common.db import load_json
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, Permanent
from vai_common.queries import Pool, Queries, Row
from vai_common.telemetry import about, is_kept, tells_everything
from vai_common.validation_messages import in_words
from vai_records.connections import health as connection_health
from vai_records.connections.access_tokens import AccessTokens, with_token
from vai_records.connections.oauth import needs_token
from vai_records.definitions import definition_model
from vai_records.definitions.base import Definition
from vai_records.definitions.reading import Some, Unreadable, read
from vai_records.processes.life import Life
from vai_records.runs import checkpoints
from vai_records.secrets.keys import Keyring
from vai_records.validation import beside
from vai_records.validation.masking import WITH_SECRETS, SecretMissing, reunite
from vai_worker.children.job import ConnectionSecret
from vai_worker.definitions import read_text
from vai_worker.reports import Reports, RunLog

Found = TypeVar("Found")

_log = structlog.get_logger()


class LostRun(Exception):
    """The run is no longer ours: nothing may be written for it any more."""


@dataclass(frozen=True)
class Means:
    """What all runs of a worker share."""

    pool: Pool
    life: Life
    reports: Reports
    keyring: Keyring | None
    lake_url: str
    announce: Callable[[Sequence[Any]], object]
    addresses: Policy = PUBLIC


_OURS = "SELECT id FROM runs WHERE id = $1 AND epoch = $2 AND phase = 'leased' AND lease_owner = $3"
_HOLD = f"{_OURS} FOR UPDATE SKIP LOCKED"
LOCKED_SECONDS = 20.0
"""How long a transaction waits for its run's row: longer than the database lets a frozen process lock it."""

_LOCKED_WAIT = 0.005
_CONNECTION = "SELECT slug, provider, config, credentials FROM connections WHERE id = $1 AND org_id = $2"


class Owned:
    """One claimed run. Every write checks its epoch. `stop_reason` is what somebody asked of it.

    `may_rerun`: whether it may be done twice. `begun`: whether this attempt may have had an effect outside already.
    """

    def __init__(self, row: Row, means: Means, reads: type[Definition] | None = None) -> None:
        """`reads` is the model of its definition; None: that of its kind."""
        self.id: UUID = row["id"]
        self.org_id: UUID = row["org_id"]
        self.action_id: UUID | None = row["action_id"]
        self.connection_id: UUID | None = row["connection_id"]
        self.retry_of: UUID | None = row["retry_of"]
        self.kind: str = row["kind"]
        self.epoch: int = row["epoch"]
        self.retry_count: int = row["retry_count"]
        self.traceparent: str | None = row["traceparent"]
        self.claimed = steady_seconds()
        # not given: the same as `vai_records.lifecycle.sql_fragments.MAY_RERUN`
        self.may_rerun: bool = self.kind != "http_request" if row["may_rerun"] is None else row["may_rerun"]
        self.begun = False
        self.advanced = False
        """Whether this attempt has committed something that the next one need not do again."""
        self.waits_for_quota = False
        """Whether waits for a quota do not count as attempts of its kind."""
        self.waits_since: datetime | None = row.get("waits_since")
        self.heartbeats = 0
        self.started_at = row["started_at"]
        self.progress: dict[str, Any] | None = row["progress"]
        self.stop_reason: str | None = row["control"]
        self.has_slot = True
        self.stopping = asyncio.Event()
        self.on_stop: Callable[[], object] | None = None
        self.deadline: float | None = None
        self._reads = reads
        self._stored: str = row["definition"]
        self._definition: Definition | None = None
        self._secrets: bytes | None = row["secrets"]
        self.named_secrets: tuple[str, ...] = ()
        """The secrets of the organisation that its definition holds, once that was read; within longer texts, too."""
        self._means = means
        self._told: list[Any] = []
        self._log = RunLog(self.id, self.epoch)

    def is_subject(self) -> None:
        """What the running task writes from now on into the service's log is about this run."""
        about(self.traceparent, run_id=self.id, organisation_id=self.org_id)

    def say(self, event: str, code: str | None = None) -> None:
        """A line of the service's log: of what failed, and of a run whose trace is kept; of all others at debug."""
        if code is None and not is_kept() and not tells_everything():
            return
        more = {} if code is None else {"code": code}
        _log.info(event, kind=self.kind, attempt=self.attempt, seconds=self.seconds, **more)

    @property
    def seconds(self) -> float:
        """Since it was claimed."""
        return round(steady_seconds() - self.claimed, 3)

    @property
    def attempt(self) -> int:
        """Automatic retries + 1 (decision 16)."""
        return self.retry_count + 1

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the run's own time limit; None if it has none."""
        return None if self.deadline is None else max(0.0, self.deadline - steady_seconds())

    @property
    def lake_url(self) -> str:
        return self._means.lake_url

    @property
    def pool(self) -> Pool:
        """For reading. What is written for the run goes through `guarded`."""
        return self._means.pool

    @property
    def keyring(self) -> Keyring:
        """For runs that it makes. Raises INTERNAL_ERROR if this worker has no keys."""
        return self._ring()

    @property
    def addresses(self) -> Policy:
        """To which addresses its work may connect (rule 25)."""
        return self._means.addresses

    @property
    def definition(self) -> Definition:
        """The merged definition with its write-only values (decision 35). Decrypted and read once, at the first access.

        Raises `SecretError`, or `Permanent` with the name of the field that cannot be read.
        """
        if self._definition is None:
            self._definition = self._read(self._reads or definition_model(self.kind))
        return self._definition

    async def opened(self) -> Definition:
        """The definition. A large one is read outside of the event loop."""
        return await self.judged(lambda: self.definition)

    async def judged(self, work: Callable[[], Found]) -> Found:
        """What `work` makes of the definition. Large ones are handled outside of the loop, one per organisation."""
        return await beside.judged(self.org_id, (self._stored, self._secrets), work)

    def definition_as(self, model: type[Some]) -> Some:
        """The same, as the kind's own type."""
        found = self.definition
        if not isinstance(found, model):
            raise TypeError(f"the definition is a {type(found).__name__}, not a {model.__name__}")
        return found

    def _read(self, model: type[Definition]) -> Definition:
        try:
            if self._secrets is None or self.kind not in WITH_SECRETS:
                return read_text(model, self._stored)
            kept = self._ring().decrypt_json(self._secrets, self.org_id, self.id)
            self.named_secrets = tuple(kept.get("secrets", ()))
            return read(model, reunite(load_json(self._stored), kept))
        except SecretMissing as missing:
            place = ".".join(missing.field)
            raise Permanent(ErrorCode.DATA_ERROR, f"{place}: {missing}", {"field": place}) from None
        except Unreadable as error:
            place = f"{error.field}: " if error.field else ""
            message = f"The definition cannot be read: {place}{in_words(error.fault)}{error.value}"
            raise Permanent(ErrorCode.DATA_ERROR, message, {"field": error.field}) from None

    def ask_to_stop(self, reason: str) -> None:
        """Tell the run to stop: cancel, pause, interrupt or lost."""
        self.stop_reason = reason
        self.stopping.set()
        if self.on_stop is not None:
            self.on_stop()

    async def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        """Add an entry to the run's log. Entries keep their order, and are written before the run ends."""
        self._log.add(self._means.reports, event, message, data or {}, level)

    def set_progress(self, progress: dict[str, Any]) -> None:
        """Replace the progress. Of several in a row the last is written."""
        self.progress = progress
        self._means.reports.progress(self.id, self.epoch, progress)

    async def steady(self) -> None:
        """Wait until the others certainly believe that this process lives (rule 8). Await it before each side effect.

        From then on the run counts as begun: if it must not be done twice, it is never queued again (decision 24).
        """
        await self._ready()
        self.begun = True

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Any]:
        """A transaction that locks the run's row. Raises `LostRun` if the run is no longer ours.

        If the row is locked, mostly by the run's own log, it waits without holding a connection, and raises
        LockNotAvailableError after `LOCKED_SECONDS`.
        """
        first = len(self._told)
        wait, last = _LOCKED_WAIT, steady_seconds() + LOCKED_SECONDS
        while True:
            await self._ready()
            async with self._means.pool.acquire() as conn, conn.transaction():
                if await self._holds_row(conn):
                    yield conn
                    break
            if steady_seconds() > last:
                raise asyncpg.LockNotAvailableError(f"the row of run {self.id} is locked")
            await self._log.written_or_after(wait)
            wait = min(2 * wait, 1.0)
        self._means.announce(self._told[first:])
        del self._told[first:]

    async def _holds_row(self, conn: Queries) -> bool:
        """Whether this transaction has locked the run's row. False if another one holds it. Raises `LostRun`."""
        ours = (self.id, self.epoch, self._means.life.id)
        if await conn.fetchval(_HOLD, *ours) is not None:
            return True
        if await conn.fetchval(_OURS, *ours) is None:
            raise LostRun(f"run {self.id} is no longer ours")
        return False

    async def data_available(self, conn: Queries, source: str, tables: Sequence[str], rows: int) -> None:
        """Write `connection.data_available` in the transaction that makes the load durable (decision 30)."""
        data = {"source": source, "tables": list(tables), "rows": rows}
        if self.connection_id is not None:
            told = await connection_health.tell(
                conn,
                self.org_id,
                self.connection_id,
                "connection.data_available",
                data,
                self._means.life.id,
                self.traceparent,
                self.id,
            )
            self._note(told)
            await connection_health.works(conn, self.org_id, self.connection_id)

    async def connection_failed(self, error: dict[str, Any], *, again: bool = False, of: UUID | None = None) -> None:
        """Write `connection.error` for a final AUTH_ERROR or CONNECTION_ERROR of this run's connection.

        `again`: an earlier call may have done it already, and its answer was lost. `of`: of another connection than
        the run's own.
        """
        connection_id = of or self.connection_id
        if connection_id is None:
            return
        async with self.guarded() as conn:
            asked = (conn, connection_id, self.id, self.started_at)
            if again and await connection_health.failure_is_told(*asked):
                return
            told = await connection_health.failed(
                conn,
                self.org_id,
                connection_id,
                error,
                self._means.life.id,
                run_id=self.id,
                traceparent=self.traceparent,
            )
            self._note(told)

    async def connection(self, rejected: str | None = None) -> ConnectionSecret | None:
        """The run's connection with its credentials decrypted, read now. Raises `Permanent` if it was deleted.

        With OAuth 2 there is an access token among them; `rejected` is a token that the API has refused. Raises
        AUTH_ERROR or `Retryable` if no token can be got.
        """
        return None if self.connection_id is None else await self.connection_of(self.connection_id, rejected)

    async def connection_of(self, connection_id: UUID, rejected: str | None = None) -> ConnectionSecret:
        """The same for another connection of the organisation, for example that of a model."""
        row = await self._means.pool.fetchrow(_CONNECTION + " AND deleted_at IS NULL", connection_id, self.org_id)
        if row is None:
            raise Permanent(ErrorCode.CONNECTION_ERROR, "The run's connection was deleted; choose another one.")
        sealed = row["credentials"]
        credentials = self._ring().decrypt_json(sealed, self.org_id, connection_id) if sealed else {}
        known = (str(connection_id), row["slug"], row["provider"], row["config"])
        if not needs_token(row["config"]):
            return ConnectionSecret(*known, credentials)
        means = self._means
        tokens = AccessTokens(means.pool, self._ring(), means.addresses, self.org_id, connection_id)
        token = await tokens.current(rejected)
        return ConnectionSecret(*known, with_token(credentials, token), token.renew_at)

    async def organisation(self) -> dict[str, Any]:
        """The organisation's settings."""
        settings: dict[str, Any] = await self._means.pool.fetchval(
            "SELECT settings FROM organisations WHERE id = $1", self.org_id
        )
        return settings

    async def checkpoint(self) -> dict[str, Any] | None:
        """The run's last checkpoint. A retry without one goes on from that of the run that it retries."""
        own: dict[str, Any] | None = await checkpoints.load(self._means.pool, self.id)
        if own is None and self.retry_of is not None:
            return await checkpoints.load(self._means.pool, self.retry_of)
        return own

    async def flushed(self) -> None:
        """Return when all log entries are written, or could not be."""
        await self._log.flushed(self._means.reports)

    async def _ready(self) -> None:
        await self._means.life.steady()
        self._check_deadline()

    def _note(self, row: Row) -> None:
        """A journal row of the open transaction. It is announced after the commit."""
        if row is not None:
            self._told.append(row)

    def took_too_long(self) -> Permanent:
        """The TIMEOUT error, with the limit and where it comes from: the definition, or the default."""
        limit = 0 if self.deadline is None else self.deadline - self.claimed
        named = self.definition.timeout_seconds is not None
        whose = (
            "its `timeout_seconds`; raise that" if named else "the limit where no `timeout_seconds` is given; give one"
        )
        message = f"The run took longer than {limit:,.6g} s, {whose} or ask for less."
        return Permanent(ErrorCode.TIMEOUT, message, {"timeout_seconds": limit})

    def _check_deadline(self) -> None:
        if self.deadline is not None and steady_seconds() > self.deadline:
            raise self.took_too_long()

    def _ring(self) -> Keyring:
        if self._means.keyring is None:
            raise Permanent(
                ErrorCode.INTERNAL_ERROR, "This worker has no encryption keys: VAI_ENCRYPTION_KEYS must be set."
            )
        return self._means.keyring
