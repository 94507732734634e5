"""How every worker service starts (life, publisher, worker, Executor) and stops (rule 13)."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from vai_common.boot import Service
from vai_common.loops import every
from vai_records.events.publication import Publisher
from vai_records.events.run_end import announce
from vai_records.processes.life import Abilities, Life
from vai_records.secrets.keys import Keyring
from vai_worker.children.forks import Forks
from vai_worker.children.forkserver import hide_memory
from vai_worker.disk import DISK_SECONDS, measure_disk_once
from vai_worker.executor import start_server
from vai_worker.kind import Kind
from vai_worker.lake import Lake
from vai_worker.owned import Means
from vai_worker.reports import Reports
from vai_worker.settings import WorkerSettings
from vai_worker.worker import Worker

Some = TypeVar("Some", bound=WorkerSettings)


@asynccontextmanager
async def running(
    service: Service[Some],
    kinds: Sequence[Kind],
    preload: tuple[str, ...] = (),
    join: Callable[[Life, Publisher], None] = lambda life, publisher: None,
) -> AsyncIterator[Worker]:
    """A worker for those of `kinds` that the settings name. `preload` is imported in the fork server.

    `join` is called before the service listens, so that a service can register what else it listens to.
    """
    settings = service.settings
    hide_memory()
    named = {kind.name: kind for kind in kinds}
    chosen = {name: named[name] for name in settings.kinds_among(tuple(named))}
    forks = Forks(preload, settings.child_memory_mb, settings.lake_url)
    abilities = Abilities(tuple(chosen), settings.slots)
    life = Life(service, abilities)
    publisher = Publisher(service.pool, service.producer, life.id)
    worker = Worker(service, life, publisher, chosen, settings.slots, forks, settings.kept_percent)
    reports = Reports(service.pool, life.name)
    keyring = Keyring(settings.encryption_keys) if settings.encryption_keys else None
    announcing = partial(announce, bell=service.bell, publisher=publisher)
    worker.means = Means(service.pool, life, reports, keyring, settings.lake_url, announcing, settings.addresses)
    server, abilities.address = await start_server(worker, settings.grpc_host, settings.grpc_port)
    await life.start()
    worker.start()
    join(life, publisher)
    service.listen()
    service.spawn(every(2, publisher.sweep_once))
    service.spawn(reports.write_progress())
    if preload and not Lake(settings.lake_url).is_remote:
        service.spawn(every(DISK_SECONDS, partial(measure_disk_once, settings.lake_url)))
    try:
        yield worker
    finally:
        await worker.stop()
        await server.stop(1)
        await publisher.close(3)
        await life.stop()
