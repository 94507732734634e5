"""The commands `status` and `logs`."""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any
from urllib.parse import urlsplit

from vai_devstack.errors import StackError
from vai_devstack.home import Home
from vai_devstack.instance import answers_ok
from vai_devstack.lock import is_held
from vai_devstack.servers.process import memory_mb, running_seconds, started_at
from vai_devstack.up import running

_LINES = "50"


@dataclass(frozen=True)
class Row:
    """One process as `status` shows it; memory in MB, its children counted."""

    name: str
    pid: int | None
    ready: bool
    memory: float
    address: str

    @property
    def cells(self) -> tuple[str, ...]:
        if self.pid is None or started_at(self.pid) is None:
            return (self.name, "-", "no", "", "", self.address)
        since = timedelta(seconds=round(running_seconds(self.pid)))
        return (
            self.name,
            str(self.pid),
            "yes" if self.ready else "no",
            f"{self.memory:.0f} MB",
            f"{since}",
            self.address,
        )


def status(home: Home) -> int:
    """Print a table of what runs; the exit code."""
    from rich.console import Console
    from rich.table import Table

    stack = running(home)
    if stack is None:
        said = "the stack is starting or stopping" if is_held(home) else "no stack runs (make up starts one)"
        sys.stdout.write(f"{said}: {home.root}\n")
        return 0
    rows = asyncio.run(rows_of(stack))
    table = Table("name", "pid", "ready", "memory", "up for", "address", box=None)
    for row in rows:
        table.add_row(*row.cells)
    table.add_row("all", "", "", f"{sum(row.memory for row in rows):.0f} MB", "", "")
    Console().print(table)
    return 0


async def rows_of(stack: dict[str, Any]) -> list[Row]:
    """The supervisor, the servers, then the services, from what .vai/stack.json says."""
    servers = stack["servers"]
    database = stack["database"].rpartition("@")[2]
    return [
        Row("supervisor", stack["supervisor"], True, memory_mb(stack["supervisor"], children=False), ""),
        _server("postgres", servers["postgres"], database),
        _server(f"kafka ({stack['broker']})", servers["kafka"], stack["kafka"]),
        *([_server("s3", servers["s3"], stack["lake_keys"]["AWS_ENDPOINT_URL"])] if "s3" in servers else []),
        *await asyncio.gather(
            *(
                _service(name, pid, address or "")
                for name, service in stack["services"].items()
                for pid, address in zip_longest(service["pids"], service["addresses"])
            )
        ),
    ]


def _server(name: str, pid: int | None, address: str) -> Row:
    alive = pid is not None and started_at(pid) is not None
    return Row(name, pid, alive, memory_mb(pid) if pid else 0.0, address)


async def _service(name: str, pid: int | None, address: str) -> Row:
    port = urlsplit(address).port
    ready = port is not None and await answers_ok(port, "/readyz")
    return Row(name, pid, ready, memory_mb(pid) if pid else 0.0, address)


def logs(home: Home, service: str, follow: bool) -> int:
    """Become `tail` over the logs of one service, or of all; the exit code where there is nothing to show."""
    files = sorted(home.logs.glob(f"{service or '*'}.log")) + sorted(home.logs.glob(f"{service}-[0-9]*.log"))
    if not files:
        known = ", ".join(sorted(path.stem for path in home.logs.glob("*.log"))) or "none yet: make up"
        raise StackError(f"there is no log of {service or 'any service'} in {home.logs}", f"There are: {known}")
    tail = shutil.which("tail")
    if tail is None:
        raise StackError("the program tail is not there", f"Look into {home.logs}")
    os.execv(tail, [tail, "-n", _LINES, *(["-F"] if follow else []), *map(str, files)])
