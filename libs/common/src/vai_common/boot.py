"""The one way in which every service starts and stops."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from types import FrameType
from typing import Any, Generic, TypeVar, cast

import structlog
import uvicorn
import uvloop
from aiokafka.errors import KafkaError

from vai_common import environment, poolers, stopping, vitals
from vai_common.db import AWAY, REFUSES, is_away, open_pool
from vai_common.health import Health
from vai_common.ids import uuid7
from vai_common.loops import end, within
from vai_common.messages.bell import HELD, Bell, KafkaBell, NotifyBell
from vai_common.messages.kafka import Producer, Record
from vai_common.messages.notifications import Listener
from vai_common.messages.protocol import BoundedProtocol, Bounds, Door
from vai_common.messages.refusals import NotMade
from vai_common.messages.topics import make_topics
from vai_common.queries import OpenPool
from vai_common.settings import Settings, WrongSettings, read
from vai_common.telemetry import start_logging
from vai_common.tracing import start_tracing
from vai_contracts.topics import EVENTS, bell_topic

_log = structlog.get_logger()

Some = TypeVar("Some", bound=Settings)

_COLLECT_AFTER = 10_000
"""Objects made and not freed before a collection. Python's default of 700 is reached every few requests."""

_TRY_SECONDS = 10.0

_CLOSE_SECONDS = 3.0
"""How long each connection may take to close; a server that is silent would keep us for ever."""


class Service(Generic[Some]):
    """What a running service has: its settings, its connections to database and broker, and its loops."""

    def __init__(
        self, name: str, settings: Some, pool: OpenPool, listening: socket.socket, session: str | None = None
    ) -> None:
        self.name = name
        self.session = session
        """The name of this process's database sessions, if they have one of their own."""
        self.settings = settings
        self.pool = pool
        self.health = Health()
        self.app: Any = self.health
        self.listener = Listener(settings.direct_url, name, session or "")
        brokers = settings.brokers(settings.kafka)
        self.producer = Producer(brokers, name, settings.topic_replication)
        self.calls_come_here = False
        """Callers would lose a service that is not ready, so it is ready without what it can do without: the broker."""
        self.producer.on_refused = self._on_refused
        self.bell: Bell = (
            NotifyBell(pool, self.listener)
            if settings.bell == "notify"
            else KafkaBell(self.producer, brokers, name, settings.topic_replication, counted=settings.kafka_metrics)
        )
        self.stopping = asyncio.Event()
        self.http_address = "{}:{}".format(*listening.getsockname()[:2])
        self._tasks: set[asyncio.Task[None]] = set()
        self._soon: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a loop until the service stops. If the loop ends by itself, the service stops; not if it is cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def soon(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something short in the background. A failure is logged."""
        task = asyncio.create_task(work)
        self._soon.add(task)
        task.add_done_callback(self._over)

    def listen(self) -> None:
        """Start to receive messages. Call `listener.on` and `bell.on_ring` before."""
        self.spawn(self.listener.listen())
        if self.settings.bell == "kafka":
            self.spawn(self._try_broker())
        self.spawn(self.bell.listen())

    @property
    def most_stop_seconds(self) -> float:
        """After so long a stop is cut short. Workers name what their runs need of it."""
        named: float | None = getattr(self.settings, "stop_seconds", None)
        return stopping.MOST_SECONDS if named is None else named + stopping.CLOSING_SECONDS

    async def close(self) -> None:
        """End the loops, then close the connections."""
        await end(self._tasks)
        await within(_CLOSE_SECONDS, self.bell.close(), "the hints that wait")
        await within(_CLOSE_SECONDS, self.producer.close(), "the producer")
        await within(_CLOSE_SECONDS, self.pool.close(), "the database")

    def _on_refused(self, fault: str | None) -> None:
        self.health.tell("kafka", fault, keeps_back=not self.calls_come_here)

    async def _try_broker(self) -> None:
        """Until the broker has our topics and has taken a hint that says nothing: a refusal is known before the first
        event."""
        brokers, hint = self.settings.brokers(self.settings.kafka), Record(bell_topic(HELD), None, b"")
        refused, taken = "", False
        while not taken:
            try:
                await make_topics(brokers, [*EVENTS, hint.topic], self.settings.topic_replication)
                refused, taken = "", await self.producer.send([hint]) == [None]
            except NotMade as error:
                refused = str(error)
            except (KafkaError, OSError, TimeoutError):
                refused = ""  # it is away, which refuses nothing
            self.health.tell("topics", refused or None, keeps_back=not self.calls_come_here)
            await asyncio.sleep(0 if taken else _TRY_SECONDS)
        await self.stopping.wait()

    def _over(self, task: asyncio.Task[object]) -> None:
        self._soon.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("background_failed", error=repr(task.exception()))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.stopping.is_set():
            _log.error("loop_ended", loop=repr(task.get_coro()), error=repr(task.exception()))
            self.stopping.set()


async def serve_health(health: Health, host: str, port: int) -> None:
    """Serve /metrics, /healthz and /readyz on a port of their own, for a service whose other port is public."""
    http = cast(Any, partial(BoundedProtocol, door=Door()))
    config = uvicorn.Config(
        health, http=http, ws="none", proxy_headers=False, lifespan="off", access_log=False, log_config=None
    )
    await _Server(config).serve(sockets=[socket.create_server((host, port))])


def serve(
    name: str, settings_type: type[Some], running: Callable[[Service[Some]], AbstractAsyncContextManager[None]]
) -> None:
    """Run a service until SIGTERM or SIGINT. HTTP ends first, then what `running` has set up, then the connections."""
    try:
        settings = read(settings_type)
    except WrongSettings as wrong:
        sys.exit(f"{name} cannot start; its environment is wrong:\n  " + "\n  ".join(wrong.faults))
    start_logging(name, settings.log_level)
    try:
        stop_tracing = start_tracing(name, vitals.VERSION, settings)
    except ValueError as error:
        sys.exit(f"{name} cannot start: {error}")
    _tell_unknown_names()
    # Process 1 of a container hears no signal that it has not asked for, and it may wait long for the database.
    signal.signal(signal.SIGTERM, _end)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(name, settings, running))
    except _CannotStart as error:
        sys.exit(f"{name} cannot start: {error}")
    finally:
        stop_tracing()


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _tell_unknown_names() -> None:
    for unknown, near in environment.unknown(os.environ).items():
        _log.warning("unknown_setting", name=unknown, did_you_mean=near, hint="nobody reads it")


class _CannotStart(Exception):
    """The reason in one line, for the operator."""


@asynccontextmanager
async def _set_up(service: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Run the service. Raises `_CannotStart` for what fails before it runs."""
    async with AsyncExitStack() as stack:
        with _told():
            await stack.enter_async_context(service)
        yield


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not isinstance(error, ValueError | OSError):
            _log.error("start_failed", exc_info=error)  # It may be a mistake in our code, so log where it happened.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise _CannotStart(f"{kind}{error}") from error


async def _run(
    name: str, settings: Some, running: Callable[[Service[Some]], AbstractAsyncContextManager[None]]
) -> None:
    session = f"{name}-{uuid7().hex[-8:]}"
    with _told():
        pool = await _wait_for_database(name, settings, session)
    try:
        listening = socket.create_server((settings.http_host, settings.http_port), backlog=2048)
    except OSError as error:
        place = f"{settings.http_host}:{settings.http_port}"
        raise _CannotStart(f"{place} (VAI_HTTP_HOST, VAI_HTTP_PORT) cannot be used: {error.strerror}") from error
    service = Service(name, settings, pool, listening, session)
    vitals.tell(name, service.health, pool)
    service.spawn(vitals.watch_loop())
    stopping.hear(partial(_stop, service))
    try:
        async with _set_up(running(service)):
            server = _Server(_config(service))
            _leave_what_stays()
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            _log.info("started", address=service.http_address)
            await asyncio.wait([serving, asyncio.create_task(service.stopping.wait())], return_when="FIRST_COMPLETED")
            _stop(service)
            _log.info("stopping")
            server.should_exit = True
            await serving
    finally:
        await service.close()
        _log.info("stopped")
        stopping.hear_no_more()


def _stop(service: Service[Any]) -> None:
    service.stopping.set()
    if not service.health.draining:
        service.health.draining = True
        stopping.end_within(service.most_stop_seconds)


def _leave_what_stays() -> None:
    """Freeze what was imported (`gc.freeze`), so that collections skip it. Saves about 10 % of the gateway's CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


async def _opened(name: str, settings: Settings, session: str) -> OpenPool:
    """Open the pool. Raises `PoolerLoses` if a pooler between us and the database breaks what a service needs."""
    pool = None
    try:
        pool = await open_pool(settings.database_url, name, settings.pool_size, name=session)
        await poolers.check(pool, settings.database_url, settings.direct_url, name)
    except BaseException as error:
        if pool is not None:
            pool.terminate()
        if told := poolers.told_of(error):
            raise told from error
        raise
    return pool


async def _wait_for_database(name: str, settings: Settings, session: str) -> OpenPool:
    while True:
        try:
            return await _opened(name, settings, session)
        except REFUSES as error:
            # A process that starts with them has wrong settings; for one that runs, a password may be changing.
            advice = "see user, password and database in VAI_DATABASE_URL and VAI_DATABASE_DIRECT_URL"
            raise ValueError(f"the database refuses the session ({error}): {advice}") from error
        except AWAY as error:
            if not is_away(error):
                raise
            _log.warning("database_away", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(1)


def _config(service: Service[Any]) -> uvicorn.Config:
    return uvicorn.Config(
        service.app,
        # uvicorn makes one protocol for each connection; all of them share the count of connections.
        http=cast(Any, partial(BoundedProtocol, door=Door(_bounds(service.settings)))),
        ws="none",
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=cast(int, service.settings.http_keep_alive_seconds),
        timeout_graceful_shutdown=10,
        server_header=False,
        date_header=False,
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        head_seconds=settings.http_head_seconds,
        body_seconds=settings.http_body_seconds,
        connections=settings.http_connections,
        connections_per_address=settings.http_connections_per_address,
    )


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: `serve` decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
