"""Prepares servers that have just started, in a process of its own: database, schema, first key, topics.

A process of its own keeps the stack's process small, and imports everything while the servers start. The command line
says what to prepare (`database`, `kafka`). As soon as the servers answer, their addresses come on the standard input:
{"database": {"url", "admin_url", "org_id", "api_key"}, "kafka": "host:port"}.
"""

import asyncio
import hashlib
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from vai_common.clock import now
from vai_devstack.errors import StackError
from vai_devstack.home import Home, Secrets
from vai_devstack.servers.process import Process, Program, becomes, rotate, tail

_SECONDS = 120.0
_LOADED = "loaded"


class Preparation:
    """The child process: started early, told later what to do."""

    def __init__(self, home: Home, *parts: str) -> None:
        log = home.log("prepare")
        rotate(log)
        command = (sys.executable, "-m", "vai_devstack.servers.prepare", *parts)
        self._process = Process(Program("prepare", command, log, listens=True))

    async def do(self, orders: dict[str, Any]) -> None:
        """Do the preparation. Raises StackError, with the log, if it fails."""
        self._process.tell(json.dumps(orders))
        await self._process.ended(_SECONDS)
        await self.stop()
        if self._process.failed:
            what = "the database could not be migrated" if "database" in orders else "the topics could not be made"
            raise StackError(f"{what}, or something else went wrong before the services start", "", self._log)

    async def loaded(self) -> None:
        """Return when the child has imported everything, so that `do` needs no time for imports."""
        await becomes(lambda: _LOADED in tail(self._log) or not self._process.alive, _SECONDS)

    async def stop(self) -> None:
        await self._process.stop(1)

    @property
    def _log(self) -> Path:
        return self._process.program.log


def is_prepared(home: Home, secrets: Secrets) -> bool:
    """Whether this very code has prepared the database today."""
    return home.prepared.exists() and home.prepared.read_text() == _fingerprint(secrets)


def remember_prepared(home: Home, secrets: Secrets) -> None:
    home.prepared.write_text(_fingerprint(secrets))


def _fingerprint(secrets: Secrets) -> str:
    """A digest of everything on which the preparation depends: migrations, keys, and the day (partitions are made
    ahead).
    """
    keys = f"{secrets.api_key} {secrets.services_password}"
    seen = hashlib.sha256(f"{keys} {secrets.org_id} {now().date()}".encode())
    spec = importlib.util.find_spec("vai_records")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("schema/migrations/**/*.*")):
            if file.suffix in {".py", ".sql"}:
                seen.update(file.read_bytes())
    return seen.hexdigest()


async def prepare_database(url: str, admin_url: str, org_id: str, api_key: str) -> None:
    """Make the database, give it to the services, bring it to this version's schema, seed it; can be repeated."""
    from vai_devstack.ownership import give_to_services
    from vai_devstack.servers.seed import ensure_database, seed
    from vai_records.schema.migrate import migrate

    await ensure_database(admin_url)
    await give_to_services(admin_url, url)
    await migrate(url)
    await seed(url, UUID(org_id), api_key)


async def prepare_broker(address: str) -> None:
    from vai_devstack.servers.topics import create_topics

    await create_topics(address)


async def main(parts: list[str]) -> None:
    modules = {
        "database": ("vai_records.schema.migrate", "vai_devstack.servers.seed", "vai_devstack.ownership"),
        "kafka": ("vai_devstack.servers.topics",),
    }
    for module in [module for part in parts for module in modules[part]]:
        importlib.import_module(module)
    sys.stdout.write(f"{_LOADED}\n")
    sys.stdout.flush()
    orders = json.loads(sys.stdin.read())
    async with asyncio.TaskGroup() as group:
        if "database" in orders:
            group.create_task(prepare_database(**orders["database"]))
        if "kafka" in orders:
            group.create_task(prepare_broker(orders["kafka"]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
