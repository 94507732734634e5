"""A real Postgres for tests: one server a session, a migrated database a module or a test, a session for each role.

In a conftest: `from vai_testkit.database import database, database_url, module_url, own_database, postgres_server`.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from vai_common import db
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_devstack.home import Home
from vai_devstack.servers.ports import PortBook, random_base
from vai_devstack.servers.postgres import Postgres
from vai_records.lifecycle.leases import LEASE_SECONDS
from vai_records.lifecycle.transitions import Phase, Status
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.schema.migrate import migrate

GIVEN_VARIABLE = "VAI_TEST_DATABASE"
"""postgresql://… of a server whose user may create databases; without it an embedded one is started."""

# The work that a trigger does for new runs. These rows are inserted without triggers.
_READ = """may_rerun = coalesce(may_rerun, definition_may_rerun(kind, definition)),
    approval_timeout_seconds = coalesce(approval_timeout_seconds, definition_approval_timeout(definition))"""

# Nothing here outlives the tests, so nothing must be on disk when it is committed; and nobody guesses the password, so
# it need not take a client 7 ms of CPU for each connection to prove that it knows it.
_HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "scram_iterations": "1"}

_MEMORY = Path("/dev/shm")
_ROOM = 4_000_000_000

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cannot be read' USING ERRCODE = 'data_exception';
END
$$;
"""


class _Owner:
    """One connection for all that makes and drops databases: to connect for each takes as long as to drop one.

    It has a loop of its own, which outlives those of the tests, and so serves fixtures that are no coroutines.
    """

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(url))

    def execute(self, statement: str) -> None:
        self._loop.run_until_complete(self._connection.execute(statement))

    def close(self) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


class _Server:
    """The one server of this process, for as long as somebody uses it."""

    def __init__(self) -> None:
        self._users = 0
        self._close = ExitStack()
        self.url = ""

    def enter(self) -> str:
        if self._users == 0:
            self.url = os.environ.get(GIVEN_VARIABLE) or self._start()
            self._owner = _Owner(self.url)
            self._close.callback(self._owner.close)
            self._template = f"migrated_{uuid4().hex[:8]}"
            self._owner.execute(f"CREATE DATABASE {self._template}")
            asyncio.run(migrate(in_database(self.url, self._template)))
        self._users += 1
        return self.url

    def leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._owner.execute(f"DROP DATABASE {self._template} WITH (FORCE)")
            self._close.close()

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The address of a new database with this version's schema, which lives as long as the block."""
        name = f"t{uuid4().hex}"
        self._owner.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        yield in_database(self.url, name)
        self._owner.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _start(self) -> str:
        home = Home.of(tempfile.mkdtemp(prefix="vai-test-", dir=_quick_folder()))
        self._close.callback(shutil.rmtree, home.root, ignore_errors=True)
        home.make()
        ports = PortBook(home.ports)
        self._close.callback(ports.close)
        server = Postgres(home, ports.take("postgres", random_base()), "test", _HASTY)
        asyncio.run(server.start())
        self._close.callback(lambda: asyncio.run(server.stop(immediate=True)))
        return in_database(server.admin_url, "postgres")


def _quick_folder() -> str | None:
    """Memory, where there is room for it: making databases is then a matter of milliseconds."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        return str(_MEMORY)
    return None


_SERVER = _Server()


def in_database(url: str, name: str) -> str:
    """The same server, another database."""
    head, question, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{question}{query}"


async def execute(url: str, statement: str) -> None:
    """One statement on a connection of its own, as the server's owner."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


class Database:
    """A migrated database: a pool for each role, and rows put where a test needs them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pools: dict[str, Any] = {}
        self._connections: list[Any] = []
        self._opening = asyncio.Lock()

    async def pool(self, role: str, size: int = 8) -> Any:
        """The sessions of a service; the same pool for the same role."""
        return await self._opened(role, self.url, role, size)

    async def connect(self, role: str) -> Any:
        """One session of a service, closed with the test."""
        connection = await db.connect(self.url, role)
        self._connections.append(connection)
        return connection

    async def owner(self) -> Any:
        """Sessions whose changes of runs no trigger sees: to put rows where a test needs them."""
        sign = "&" if "?" in self.url else "?"
        return await self._opened("", f"{self.url}{sign}session_replication_role=replica", "test", 2)

    async def _opened(self, name: str, url: str, role: str, size: int) -> Any:
        async with self._opening:
            if name not in self._pools:
                self._pools[name] = await db.open_pool(url, role, size)
            return self._pools[name]

    async def make(self, *runs: NewRun) -> list[UUID]:
        """Make runs as the gateway does. Return their ids."""
        made = await statements.create(await self.pool("api-gateway"), runs)
        assert len(made) == len(runs)
        return [run.id for run in runs]

    async def put(self, status: str, phase: str, **columns: Any) -> UUID:
        """A run in the status and phase that the test wants. Columns that the phase needs are filled in."""
        values = _standing(Phase(phase)) | {"status": Status(status).value, "phase": phase} | columns
        names = ", ".join(values)
        places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
        await (await self.owner()).execute(f"INSERT INTO runs ({names}) VALUES ({places})", *values.values())
        run_id: UUID = values["id"]
        await self.change(run_id, _READ)
        return run_id

    async def change(self, run_id: UUID, assignments: str, *values: Any) -> None:
        """Change a run's row without any rule being checked. `assignments` is SQL, the values are $2, $3, …."""
        await (await self.owner()).execute(f"UPDATE runs SET {assignments} WHERE id = $1", run_id, *values)

    async def poison(self, table: str, condition: str) -> None:
        """Simulate a damaged row: every statement that would change it fails. `condition` is SQL about `OLD`."""
        owner = await self.owner()
        await owner.execute(_REFUSE)
        await owner.execute(
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
        )

    async def run(self, run_id: UUID) -> Any:
        """The row of a run."""
        return await (await self.owner()).fetchrow("SELECT * FROM runs WHERE id = $1", run_id)

    async def where(self, run_id: UUID) -> str:
        """The status and phase of a run, such as `running/leased`."""
        row = await self.run(run_id)
        return f"{row['status']}/{row['phase']}"

    async def log(self, run_id: UUID) -> list[Any]:
        """A run's log entries in order."""
        owner = await self.owner()
        return list(await owner.fetch("SELECT * FROM run_logs WHERE run_id = $1 ORDER BY seq", run_id))

    async def events(self, subject_id: UUID) -> list[Any]:
        """The journal's rows of one subject in order."""
        owner = await self.owner()
        return list(await owner.fetch("SELECT * FROM events WHERE subject_id = $1 ORDER BY sequence", subject_id))

    async def register(self, process_id: UUID | None = None, **columns: Any) -> UUID:
        """A row of a process, as a service writes it at its start."""
        values: dict[str, Any] = {
            "id": process_id or uuid7(),
            "service": "extract-worker",
            "http_address": "127.0.0.1:1",
            "host": "here",
            "pid": 1,
            "lock_key": uuid4().int % 2**62,
        } | columns
        names, places = ", ".join(values), ", ".join(f"${place}" for place in range(1, len(values) + 1))
        await (await self.owner()).execute(f"INSERT INTO processes ({names}) VALUES ({places})", *values.values())
        registered: UUID = values["id"]
        return registered

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()
        for pool in self._pools.values():
            await pool.close()


def _standing(phase: Phase) -> dict[str, Any]:
    """The columns that the table's CHECKs need for a row in this phase, and those that every row needs."""
    values: dict[str, Any] = {
        "id": uuid7(),
        "org_id": uuid7(),
        "kind": "dlt_extract",
        "definition": {"source": "noop"},
        "trigger_method": "api",
    }
    if phase is Phase.HELD:
        values["held_for"] = "deferred"
    if phase is Phase.LEASED:
        values |= {"lease_owner": uuid7(), "epoch": 1}
    if phase in (Phase.LEASED, Phase.DELAYED):
        values["due_at"] = now() + timedelta(seconds=LEASE_SECONDS)
    if phase is Phase.DONE:
        values["completed_at"] = now()
    return values


def new_run(**changes: Any) -> NewRun:
    """A run that is about to be made, of an organisation of its own unless the test names one."""
    usual = {
        "org_id": uuid7(),
        "kind": "dlt_extract",
        "definition": {"source": "noop"},
        "trigger_method": "api",
    }
    return NewRun(**{**usual, **changes})


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of the server, as its owner."""
    yield _SERVER.enter()
    _SERVER.leave()


@pytest.fixture(scope="module")
def module_url(postgres_server: str) -> Iterator[str]:
    """A database that the tests of one module share."""
    with _SERVER.copy() as url:
        yield url


@pytest.fixture
async def database(module_url: str) -> AsyncIterator[Database]:
    """The module's database. Tests share its rows, so a test should only look at rows that it made."""
    found = Database(module_url)
    yield found
    await found.close()


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """The address of a database of this test's own."""
    with _SERVER.copy() as url:
        yield url


@pytest.fixture
async def own_database(database_url: str) -> AsyncIterator[Database]:
    """A database for this test only, for tests that look at all rows."""
    found = Database(database_url)
    yield found
    await found.close()
