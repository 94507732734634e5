"""The embedded stack as a library: servers and services that start together and that a test can stop and kill one by
one.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from vai_common.clock import steady_seconds
from vai_devstack.config import Config, broker_of, postgres_port, s3_of
from vai_devstack.errors import StackError
from vai_devstack.home import Secrets, load_secrets, write_private
from vai_devstack.instance import Instance
from vai_devstack.lock import FolderLock
from vai_devstack.servers.broker import EMBEDDED, Broker
from vai_devstack.servers.ports import PortBook
from vai_devstack.servers.postgres import Postgres, leave_no_other
from vai_devstack.servers.prepare import Preparation, is_prepared, remember_prepared
from vai_devstack.servers.process import rotate
from vai_devstack.servers.s3 import S3Server
from vai_devstack.services import Service, count_of, log_name
from vai_devstack.sites import CONSOLE, GUIDE

READY_SECONDS = 90.0
GATEWAY = "api-gateway"


class AlreadyRunning(StackError):
    """Somebody else holds the folder's lock."""


def _silent(line: str) -> None:
    """Say nothing."""


class Stack:
    """One stack in one folder. `start` returns when all is ready; `stop` may be called at any time, also half-way.

    `supervised` stacks (see supervisor.py) start again what dies; this class alone leaves it dead, as tests want it.
    """

    secrets: Secrets
    postgres: Postgres
    broker: Broker
    s3: S3Server | None = None

    def __init__(self, config: Config, say: Callable[[str], None] = _silent) -> None:
        self.config = config
        self.home = config.home
        self.instances: list[Instance] = []
        self.started_in = 0.0
        self._say = say
        self._lock = FolderLock(config.home)
        self._ports: PortBook | None = None

    # Start and stop ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        began = steady_seconds()
        await self.open()
        await self._start_servers()
        self._say(f"starting {sum(count_of(each, self.config.replicas) for each in self.config.services)} processes")
        for service in self.config.services:
            for index in range(count_of(service, self.config.replicas)):
                self._instance(service, index).start()
        await together(*(self._until_ready(instance) for instance in self.instances))
        self.started_in = steady_seconds() - began
        self.write()

    async def open(self) -> None:
        """Take the folder, with its secrets and ports; nothing runs yet."""
        self.home.make()
        if not self._lock.take():
            raise AlreadyRunning(f"a stack already runs in {self.home.root}")
        await leave_no_other(self.home.postgres)
        self.home.stack.unlink(missing_ok=True)
        self.secrets = load_secrets(self.home)
        (self.home.files / self.secrets.org_id).mkdir(parents=True, exist_ok=True)
        ports = PortBook(self.home.ports, self.config.port_base)
        self.postgres = Postgres(
            self.home,
            postgres_port(self.config, ports),
            self.secrets.postgres_password,
            services_password=self.secrets.services_password,
        )
        self.broker = broker_of(self.config, ports)
        self.s3 = s3_of(self.config, ports, self.secrets)
        self._ports = ports

    async def stop(self, timeout: float = 30.0) -> None:
        """Services first (SIGTERM, so many seconds), then the servers, Postgres last."""
        if self._ports is None:
            self._lock.release()
            return
        self.home.stack.unlink(missing_ok=True)
        polite = await asyncio.gather(*(instance.stop(timeout) for instance in self.instances))
        for instance in (each for each, asked in zip(self.instances, polite, strict=True) if not asked):
            self._say(f"{instance.name} did not stop within {timeout:.0f} s and was ended")
        await self.broker.stop()
        if self.s3 is not None:
            await self.s3.stop()
        await self.postgres.stop()
        self._ports.close()
        self._ports = None
        self._lock.release()

    async def _start_servers(self) -> None:
        if not self.home.postgres.exists():
            self._say("making a database")
            self.home.prepared.unlink(missing_ok=True)
        prepared = is_prepared(self.home, self.secrets)
        preparation = Preparation(self.home, "kafka", *(() if prepared else ("database",)))
        try:
            s3 = [] if self.s3 is None else [self.s3]
            self._say(f"starting Postgres, the broker ({self.broker.kind})" + (" and the S3 server" if s3 else ""))
            await together(self.postgres.start(), self.broker.start(), *(each.start() for each in s3))
            await preparation.do({"kafka": self.broker.address, **({} if prepared else self._database_orders())})
        finally:
            await preparation.stop()
        remember_prepared(self.home, self.secrets)

    def _database_orders(self) -> dict[str, Any]:
        self._say("migrating")
        where = {"url": self.database, "admin_url": self.postgres.admin_url}
        return {"database": {**where, "org_id": self.org_id, "api_key": self.api_key}}

    async def _until_ready(self, instance: Instance) -> None:
        until = steady_seconds() + READY_SECONDS
        while not await instance.look():
            if not instance.alive:
                assert instance.process is not None
                raise _not_ready(instance, instance.process.ending + " before it was ready")
            if steady_seconds() >= until:
                raise _not_ready(instance, f"was not ready after {READY_SECONDS:.0f} s")
            await asyncio.sleep(0.05)

    # What it is ----------------------------------------------------------------------------------------------------

    @property
    def database(self) -> str:
        return self.postgres.url

    @property
    def kafka(self) -> str:
        return self.broker.address

    @property
    def lake(self) -> str:
        return self.home.lake.as_uri() if self.s3 is None else self.s3.lake_url

    @property
    def lake_keys(self) -> dict[str, str]:
        """What a lake that is no folder is used with."""
        return {} if self.s3 is None else self.s3.keys

    @property
    def files_root(self) -> str:
        """The folder that the source `filesystem` may read: VAI_FILES_ROOT if it is set, else a folder of the stack."""
        return os.environ.get("VAI_FILES_ROOT") or str(self.home.files / "{org}")

    @property
    def api_key(self) -> str:
        return self.secrets.api_key

    @property
    def org_id(self) -> str:
        return self.secrets.org_id

    @property
    def api_url(self) -> str:
        """Where the gateway answers; empty in a stack without one."""
        return next((each.address for each in self.instances if each.service.name == GATEWAY), "")

    def environment(self, service: Service) -> dict[str, str]:
        """The settings of a service; secrets that it has no use for are empty, whatever our own environment holds."""
        secrets = {
            "VAI_ENCRYPTION_KEYS": self.secrets.encryption_keys if service.decrypts else "",
            "VAI_TOKEN_SECRET": self.secrets.token_secret if service.name == GATEWAY else "",
            "VAI_ADMIN_TOKEN": self.secrets.admin_token if service.name == GATEWAY else "",
            "VAI_API_KEY": "",
        }
        return {
            "VAI_DATABASE_URL": self.database,
            "VAI_DATABASE_DIRECT_URL": self.database,
            "VAI_KAFKA": self.kafka,
            "VAI_BELL": self.broker.bell,
            "VAI_LAKE_URL": self.lake,
            **self.lake_keys,
            "VAI_FILES_ROOT": self.files_root,
            "VAI_BROWSER": os.environ.get("VAI_BROWSER") or shutil.which("chromium") or "",
            "VAI_CONSOLE": os.environ.get("VAI_CONSOLE") or str(CONSOLE.folder.absolute()),
            "VAI_GUIDE": os.environ.get("VAI_GUIDE") or str(GUIDE.folder.absolute()),
            "VAI_FILES_PUSH": "true",
            "VAI_HTTP_HOST": "127.0.0.1",
            "VAI_ALLOW_PRIVATE_ADDRESSES": os.environ.get("VAI_ALLOW_PRIVATE_ADDRESSES", "loopback"),
            **secrets,
            **self.config.environment,
        }

    def pids(self, service: str) -> list[int]:
        """Of its living processes, in order of their index."""
        mine = (each.process for each in self.instances if each.service.name == service and each.alive)
        return [process.pid for process in mine if process is not None]

    def log(self, service: str, index: int = 0) -> Path:
        return self.home.log(log_name(service, index))

    def describe(self) -> dict[str, Any]:
        """What .vai/stack.json tells scripts."""
        return {
            "api_url": self.api_url,
            "api_key": self.api_key,
            "admin_token": self.secrets.admin_token,
            "org_id": self.org_id,
            "kafka": self.kafka,
            "broker": self.broker.kind,
            "database": self.database,
            "lake": self.lake,
            "lake_keys": self.lake_keys,
            "files": self.files_root.replace("{org}", self.org_id),
            "logs": str(self.home.logs),
            "VAI_API_URL": self.api_url,
            "VAI_API_KEY": self.api_key,
            "supervisor": os.getpid(),
            "started_in": round(self.started_in, 2),
            "servers": {
                "postgres": self.postgres.process.pid if self.postgres.process else None,
                "kafka": self.broker.process.pid if self.broker.process else None,
                **({"s3": self.s3.process.pid if self.s3.process else None} if self.s3 else {}),
            },
            "services": {
                service.name: {
                    "pids": self.pids(service.name),
                    "metrics": [each.metrics for each in self._of(service.name)],
                    "addresses": [each.address for each in self._of(service.name)],
                }
                for service in self.config.services
            },
        }

    def write(self) -> None:
        """Write .vai/stack.json. This file says that the stack is ready."""
        write_private(self.home.stack, self.describe())

    # One service, one server ---------------------------------------------------------------------------------------

    async def start_service(self, service: str, index: int = 0) -> None:
        """Start a process of a service, also one more than there were; returns when it is ready."""
        known = next(each for each in self.config.services if each.name == service)
        instance = self._instance(known, index)
        if not instance.alive:
            instance.start()
        await self._until_ready(instance)
        self.write()

    async def stop_service(self, service: str, index: int = 0, timeout: float = 30.0) -> None:
        await self._of(service)[index].stop(timeout)
        self.write()

    async def kill_service(self, service: str, index: int = 0, number: int = signal.SIGKILL) -> None:
        """Send it a signal (SIGSTOP and SIGCONT, too); SIGKILL and SIGTERM wait for its end."""
        await self._of(service)[index].kill(number)

    async def restart_service(self, service: str, index: int = 0) -> None:
        await self.stop_service(service, index)
        await self.start_service(service, index)

    async def restart_postgres(self, immediate: bool = False) -> None:
        """`immediate` is a crash: no checkpoint, connections cut."""
        await self.postgres.restart(immediate)
        self.write()

    async def restart_s3(self) -> None:
        assert self.s3 is not None
        await self.s3.restart()
        self.write()

    async def kill_broker(self) -> None:
        await self.broker.kill()

    async def restart_broker(self, empty: bool = False) -> None:
        """With `empty`, it forgets all topics and messages (the embedded one always does); the topics are made anew."""
        await self.broker.stop()
        if empty:
            self.broker.erase()
        preparation = Preparation(self.home, "kafka")
        try:
            await preparation.loaded()
            with self._nobody_writing():
                await self.broker.start()
                await preparation.do({"kafka": self.kafka})
        finally:
            await preparation.stop()
        self.write()

    @contextlib.contextmanager
    def _nobody_writing(self) -> Iterator[None]:
        """The embedded broker accepts messages for a topic that does not exist yet, and damages the topic by that."""
        living = [each.process for each in self.instances if each.process is not None and each.alive]
        paused = living if self.broker.kind == EMBEDDED else []
        for process in paused:
            process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in paused:
                process.send(signal.SIGCONT)

    def _of(self, service: str) -> list[Instance]:
        return [each for each in self.instances if each.service.name == service]

    def _instance(self, service: Service, index: int) -> Instance:
        mine = self._of(service.name)
        if index < len(mine):
            return mine[index]
        assert self._ports is not None
        name = log_name(service.name, index)
        http = self._ports.take(name, self.config.port(service.port))
        grpc = self._ports.take(f"{name} gRPC", self.config.port(service.port)) if service.grpc else None
        metrics = self._ports.take(f"{name} metrics", self.config.port(18100)) if service.own_metrics else None
        log = self.home.log(name)
        rotate(log)
        instance = Instance(service, len(mine), http, grpc, log, self.environment(service), metrics)
        self.instances.append(instance)
        return instance


def _not_ready(instance: Instance, how: str) -> StackError:
    return StackError(f"{instance.name} {how}", f"The whole log: {instance.log}", instance.log)


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """Do all at the same time. If one fails, cancel the others and raise its exception."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
