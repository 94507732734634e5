"""How every worker service starts (life, publisher, worker, Executor) and stops (rule 13)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from vai_common.boot import Service
from vai_common.loops import every, within
from vai_common.queries import Pool
from vai_records.events.publication import Publisher
from vai_records.events.run_end import announce
from vai_records.processes.life import Abilities, Life
from vai_records.secrets.keys import Keyring
from vai_records.secrets.trust import trust_keys
from vai_worker.children.forks import Forks
from vai_worker.children.forkserver import hide_memory
from vai_worker.executor import start_server
from vai_worker.kind import Kind, is_heavy
from vai_worker.lake.disk import DISK_SECONDS, measure_disk_once
from vai_worker.lake.places import Lake
from vai_worker.lake.rights import try_lake
from vai_worker.owned import Means
from vai_worker.reports import Reports
from vai_worker.settings import WorkerSettings
from vai_worker.worker import Worker

Some = TypeVar("Some", bound=WorkerSettings)

_IS_WORK = "SELECT EXISTS (SELECT FROM worker_load WHERE kind = ANY($1::text[]) AND queued + leased > 0)"

AGAIN_SECONDS = 5.0
"""Until a worker that lacks something its runs need looks again."""


@asynccontextmanager
async def running(
    service: Service[Some],
    kinds: Sequence[Kind],
    preload: tuple[str, ...] = (),
    join: Callable[[Life, Publisher], None] = lambda life, publisher: None,
) -> AsyncIterator[Worker]:
    """A worker for those of `kinds` that the settings name. `preload` is imported in the fork server.

    Where heavy runs wait or work already, it is ready with its fork server: in a rollout the old process goes then.

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
    fit = partial(_is_fit, service, keyring, settings.lake_url if preload else None)
    if not await fit():
        worker.held_back = True
        service.spawn(_hold_back(worker, fit, service.stopping))
    if preload and await _is_work_there(service.pool, chosen):
        await forks.warm()
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
        await within(3, server.stop(1), "the calls of gateways")
        await publisher.close(3)
        await life.stop()


async def _is_work_there(pool: Pool, kinds: Mapping[str, Kind]) -> bool:
    """Whether heavy runs wait, or are held by a process that this one may replace: they will be here at once."""
    return bool(await pool.fetchval(_IS_WORK, [name for name, kind in kinds.items() if is_heavy(kind)]))


async def _is_fit(service: Service[Some], keyring: Keyring | None, lake_url: str | None) -> bool:
    """Whether it has what its runs need: keys that open what is stored, and a lake that takes files."""
    trusted = await trust_keys(service.health, service.pool, keyring)
    return (lake_url is None or await try_lake(service.health, lake_url)) and trusted


async def _hold_back(worker: Worker, fit: Callable[[], Awaitable[bool]], stopping: asyncio.Event) -> None:
    """Keeps it from claiming until it is fit: its runs would fail here, and another worker can take them."""
    fits = False
    while not fits:
        await asyncio.sleep(AGAIN_SECONDS)
        fits = await fit()
    worker.held_back = False
    worker.wake()
    await stopping.wait()
