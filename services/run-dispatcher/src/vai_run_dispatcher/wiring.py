"""Which messages the run-dispatcher listens to, and how often it reads the table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from vai_common.boot import Service
from vai_common.loops import every
from vai_common.messages.bell import HELD, ROOM
from vai_records.events.publication import Publisher
from vai_records.processes.life import Life
from vai_run_dispatcher.backlog import measure_server_once, measure_size_once, measure_waiting_once
from vai_run_dispatcher.dispatcher import Dispatcher
from vai_run_dispatcher.queues import measure_once, measure_organisations_once
from vai_run_dispatcher.settings import Settings


@asynccontextmanager
async def running(service: Service[Settings]) -> AsyncIterator[None]:
    life = Life(service)
    await life.start()
    publisher = Publisher(service.pool, service.producer, life.id)
    dispatcher = Dispatcher(service.pool, service.bell, publisher, life.id)
    service.bell.on_ring((HELD,), dispatcher.on_held)
    service.bell.on_ring((ROOM,), dispatcher.limits.on_room)
    service.listen()
    service.spawn(every(1.0, dispatcher.hold_once, dispatcher.wake))
    service.spawn(every(1.0, dispatcher.limits.sweep_once))
    service.spawn(every(0.25, dispatcher.retry_once))
    service.spawn(every(0.25, dispatcher.late_once))
    service.spawn(every(0.25, dispatcher.start_once))
    service.spawn(every(0.25, dispatcher.unpark_once))
    service.spawn(every(2.0, dispatcher.ring_again_once))
    _start_measuring(service)
    service.spawn(every(2.0, publisher.sweep_once))
    try:
        yield
    finally:
        await dispatcher.limits.close()
        await publisher.close(3)
        await life.stop()


def _start_measuring(service: Service[Settings]) -> None:
    """Seconds between measurements. Each is one statement, outside the path of any run."""
    service.spawn(every(5.0, partial(measure_once, service.pool)))
    service.spawn(every(10.0, partial(measure_waiting_once, service.pool)))
    service.spawn(every(15.0, partial(measure_server_once, service.pool)))
    service.spawn(every(300.0, partial(measure_size_once, service.pool)))
    if service.settings.metrics_organisations:
        service.spawn(every(15.0, partial(measure_organisations_once, service.pool)))
