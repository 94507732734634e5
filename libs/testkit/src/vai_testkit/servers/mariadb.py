"""A real MariaDB for tests, of Debian's package `mariadb-server`: a server of its own on a port of loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from vai_common.clock import steady_seconds
from vai_devstack.servers.ports import PortBook, random_base

USER, PASSWORD = "reader", "passwört"
"""Letters beyond ASCII, which a client has to send as UTF-8."""


def missing() -> str:
    """What is not installed here; empty: it can be started."""
    return ", ".join(name for name in ("mariadbd", "mariadb-install-db") if shutil.which(name) is None)


@dataclass(frozen=True)
class MariaDb:
    """A running server; `run` executes statements as its root."""

    port: int
    socket: Path
    folder: Path

    def run(self, *statements: str) -> list[Any]:
        """The rows of the last one."""
        with closing(pymysql.connect(unix_socket=str(self.socket), user="root", charset="utf8mb4")) as connection:
            found: list[Any] = []
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                    found = list(cursor.fetchall())
            connection.commit()
        return found


@contextmanager
def serving() -> Iterator[MariaDb]:
    """A new server with the user `reader`, who may read everything. It is erased at the end."""
    folder = Path(tempfile.mkdtemp(prefix="vai-mariadb-"))
    ports = PortBook(folder / "ports")
    try:
        server = MariaDb(ports.take("mariadb", random_base()), folder / "socket", folder)
        data = folder / "data"
        _install(data)
        command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={server.socket}", *_OPTIONS]
        command += [f"--port={server.port}", f"--pid-file={folder / 'pid'}", *_as_root()]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                _wait_until_it_answers(server, process)
                server.run(
                    f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'",
                    f"GRANT SELECT, SHOW VIEW ON *.* TO {USER}",
                )
                yield server
            finally:
                process.terminate()
                process.wait(30)
    finally:
        ports.close()
        shutil.rmtree(folder, ignore_errors=True)


_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
)


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _install(data: Path) -> None:
    command = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    found = subprocess.run([*command, "--skip-test-db", *_as_root()], capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"mariadb-install-db: {found.stdout[-2000:]}{found.stderr[-2000:]}")


def _wait_until_it_answers(server: MariaDb, process: "subprocess.Popen[bytes]") -> None:
    until, pause = steady_seconds() + 60, threading.Event()
    while steady_seconds() < until and process.poll() is None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(server.socket))
            return
        pause.wait(0.05)
    raise RuntimeError(f"mariadbd does not answer: {(server.folder / 'log').read_text()[-2000:]}")
