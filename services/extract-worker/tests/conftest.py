"""Two fixtures: `bench` runs the child's entry without a worker, `floor` with a worker and a real Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from vai_common import db
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Retryable
from vai_common.ids import uuid7
from vai_extract_worker.dlt_extract import DltExtract as Kind
from vai_extract_worker.extract import extract
from vai_extract_worker.loading import loading
from vai_extract_worker.loading.loading import Loading, Run
from vai_extract_worker.progress import Progress
from vai_extract_worker.rest import source as rest_api
from vai_extract_worker.source import Means
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.lake import manifest as lake
from vai_records.runs import statements
from vai_records.runs.new_run import NewRun
from vai_records.secrets.hiding import Hidden
from vai_testkit.database import database_url, postgres_server  # noqa: F401
from vai_testkit.link import RecordingLink
from vai_testkit.outside_packages import registry_of
from vai_testkit.owned import Reports
from vai_testkit.servers.json_api import FakeApi, serving
from vai_worker.children.job import ConnectionSecret, Job
from vai_worker.children.link import Level, Stop
from vai_worker.owned import LostRun, Owned

ORG = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the Python path whose packages the registry finds."""
    with registry_of(tmp_path / "packages", monkeypatch) as folder:
        yield folder


@dataclass
class Bench:
    """Runs the entry as a child would; `tables` is what the manifest would show."""

    folder: Path
    files_root: str | None = None
    connection: ConnectionSecret | None = None
    addresses: str = "loopback"
    cursors: dict[str, Any] = field(default_factory=dict)
    checkpoint: dict[str, Any] | None = None
    attempt: int = 1
    epoch: int = 1
    run_id: str = field(default_factory=lambda: str(uuid4()))
    commits: list[dict[str, Any]] = field(default_factory=list)
    conflict: str | None = None
    may_wait: bool = False
    link: RecordingLink = field(default_factory=RecordingLink)
    answers: dict[str, Any] = field(default_factory=dict)

    def extract(self, source: str, **fields: Any) -> dict[str, Any]:
        """Run and return the result, or raise. The checkpoint and the cursors are kept for the next call."""
        definition = {"source": source, "retry": {"max_attempts": 1}} | fields
        prepared = {
            "source": definition.get("source_name") or source,
            "addresses": self.addresses,
            "files_root": self.files_root,
            "cursors": self.cursors,
            "may_wait": self.may_wait,
        }
        job = Job(
            self.run_id, ORG, self.epoch, self.attempt, "dlt_extract", definition, self.connection, self.checkpoint,
            self.folder.as_uri(), prepared,
        )  # fmt: skip
        self.link = RecordingLink(
            {"commit_slice": self._commit, "announce": self._announce, "remember": self._announce, **self.answers}
        )
        return extract(job, self.link)

    def next_run(self) -> None:
        """The next call is another run on the same connection."""
        self.run_id, self.checkpoint, self.commits = str(uuid4()), None, []

    def _commit(self, payload: dict[str, Any]) -> dict[str, Any]:
        if self.conflict and payload["cursor"]:
            return {"conflict": self.conflict}
        payload = json.loads(json.dumps(payload))
        self.commits.append(payload)
        self.checkpoint = payload["checkpoint"]
        if payload["cursor"]:
            value = payload["cursor"]["value"]
            self.cursors[payload["resource"]] = {"value": value, "run_id": self.run_id}
        return {}

    def _announce(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.checkpoint = payload["checkpoint"]
        return {}

    def table(self, name: str) -> pa.Table:
        """All rows that were committed for a table since the last `next_run`."""
        paths = [file["path"] for commit in self.commits if commit["table"] == name for file in commit["files"]]
        tables = [pq.ParquetFile(self.folder / path).read() for path in paths]
        return pa.concat_tables(tables, promote_options="permissive")

    def column(self, table: str, name: str) -> list[Any]:
        return self.table(table)[name].to_pylist()

    @property
    def entries(self) -> list[tuple[str, str]]:
        """Events and messages in the order of the run's log."""
        found: list[tuple[str, str]] = []
        logs = iter(self.link.logs)
        for event, message, *_ in logs:
            found.append((event, message))
        for commit in self.commits:
            found.extend((entry["event"], entry["message"]) for entry in commit["logs"])
        return found

    def asked(self, question: str) -> list[dict[str, Any]]:
        return [payload for asked, payload in self.link.asked if asked == question]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "lake")


# In one process, without a socket or a file: for tests that ask thousands of pages ----------------------------------


class Killed(BaseException):
    """The child was killed: it sends nothing any more."""


class Writer:
    """Keeps rows instead of files."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.columns: list[dict[str, str]] = []

    @property
    def rows(self) -> int:
        return len(self.kept)

    def add(self, table: Any) -> None:
        self.kept += table.to_pylist()

    def finish(self) -> list[dict[str, Any]]:
        self.files = [{"rows": self.kept, "bytes": 0}] if self.kept else []
        return self.files


class Unwritten(Loading):
    def _writer(self) -> Any:
        table: Any = Writer()
        return loading._Writer("000001", table, table)


@dataclass
class Desk:
    """Keeps the state between runs and attempts, as the database does.

    `serve` answers a request's parameters, with a body or with (body, headers).
    """

    definition: dict[str, Any]
    serve: Callable[[dict[str, str]], Any]
    cursor: dict[str, Any] | None = None
    checkpoint: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    link: RecordingLink = field(default_factory=RecordingLink)
    asked: list[dict[str, str]] = field(default_factory=list)
    tells_path: bool = False

    def attempt(self, kill_at: int | None = None, gently: bool = False) -> bool:
        """Run one attempt. Return whether it ended by itself. `kill_at` is the request at which it dies, or fails if
        `gently`.
        """
        definition = DltExtract.model_validate({"source": "rest_api", "base_url": "http://source"} | self.definition)
        cursors = {"rows": {"value": self.cursor, "run_id": "r"}} if self.cursor else {}
        self.link = RecordingLink({"commit_slice": self._commit})
        job = Job("r", ORG, 1, 1, "dlt_extract", self.definition, None, self.checkpoint, "file:///nowhere", {})
        source = rest_api.RestSource(definition, Means(job, self.link, Policy.parse(""), None, cursors, Hidden(())))
        left = kill_at

        def send(request: requests.PreparedRequest, **kwargs: Any) -> Any:
            nonlocal left
            left = None if left is None else left - 1
            if left == 0:
                raise Retryable(ErrorCode.CONNECTION_ERROR, "It stumbled.", {}, 60) if gently else Killed
            query = dict(parse_qsl(urlsplit(str(request.url)).query))
            self.asked.append(query)
            said = self.serve(query | {"path": urlsplit(str(request.url)).path} if self.tells_path else query)
            body, headers = said if isinstance(said, tuple) else (said, {})
            response = requests.Response()
            response.status_code, response.url = 200, str(request.url)
            response.headers.update(headers)
            response.json = lambda **kwargs: body  # type: ignore[method-assign]
            return response

        source._session.send = send  # type: ignore[method-assign]
        (table,) = source.tables()
        state = Progress.begin(["rows"], self.checkpoint)
        storage: Any = None
        try:
            run = Run(job, self.link, storage, "rest_api", definition.slice_rows, state, {}, {}, {})
            Unwritten(run, table).perform()
        except (Killed, Retryable):
            return False
        return True

    def run(self, *kills: int, gently: bool = False) -> list[dict[str, Any]]:
        """A run of as many attempts as it takes; the rows that it added."""
        self.checkpoint, self.pending, before = None, [], len(self.seen)
        for kill_at in kills:
            if self.attempt(kill_at, gently):
                break
        else:
            assert self.attempt()
        return self.seen[before:]

    def _commit(self, payload: dict[str, Any]) -> dict[str, Any]:
        rows = [row for file in payload["files"] for row in file["rows"]]
        payload = json.loads(json.dumps(payload))
        self.checkpoint = payload["checkpoint"]
        self.pending += rows
        if payload["visible"] or payload["complete"]:
            self.seen += self.pending
            self.pending = []
        if payload["cursor"]:
            self.cursor = payload["cursor"]["value"]
        return {}

    @property
    def warnings(self) -> list[str]:
        return [event for event, _, _, level in self.link.logs if level == "warning"]


@pytest.fixture(scope="session")
def new_desk() -> type[Desk]:
    return Desk


@pytest.fixture(scope="session")
def new_bench() -> type[Bench]:
    return Bench


class DirectLink:
    """The child's questions reach the worker's loop from the thread in which the entry runs."""

    def __init__(self, kind: Kind, run: Owned, loop: asyncio.AbstractEventLoop) -> None:
        self._kind, self._run, self._loop = kind, run, loop

    def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: Level = "info") -> None:
        self._loop.call_soon_threadsafe(asyncio.ensure_future, self._run.log(event, message, data, level))

    def progress(self, progress: dict[str, Any]) -> None:
        self._loop.call_soon_threadsafe(self._run.set_progress, progress)

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = self._kind.answer(self._run, question, payload)
        try:
            return asyncio.run_coroutine_threadsafe(answer, self._loop).result(30)
        except LostRun:
            raise Stop from None

    def check(self) -> None:
        pass


class Floor:
    """Makes runs, has them claimed, and extracts for them."""

    def __init__(self, pool: Any, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        self.org_id = uuid4()
        self.connection_id: UUID | None = None
        self.reports = Reports()
        self.told: list[Any] = []
        self.kind = Kind("/srv/{org}/in", Policy.parse("loopback"))

    async def connection(self) -> ConnectionSecret:
        self.connection_id = uuid7()
        await self.pool.execute(
            "INSERT INTO connections (id, org_id, name, slug, provider) VALUES ($1, $2, 'Shop', 'shop', 'rest_api')",
            *(self.connection_id, self.org_id),
        )
        return ConnectionSecret(str(self.connection_id), "shop", "rest_api", {}, {})

    async def run(self, retry_of: UUID | None = None, **definition: Any) -> Owned:
        new = NewRun(self.org_id, "dlt_extract", definition, "api", connection_id=self.connection_id, retry_of=retry_of)
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'api-gateway'")
            await statements.create(conn, [new])
        return await self.claimed(new.id)

    async def claimed(self, run_id: UUID) -> Owned:
        async def steady() -> None:
            return None

        owner = uuid7()
        (row,) = await statements.claim(self.pool, owner, ["dlt_extract"], [run_id], 1, "w")
        means = SimpleNamespace(
            pool=self.pool,
            life=SimpleNamespace(id=owner, steady=steady),
            reports=self.reports,
            keyring=None,
            lake_url=self.folder.as_uri(),
            announce=self.told.extend,
        )
        return Owned(row, cast(Any, means))

    async def taken_over(self, run: Owned) -> Owned:
        """Give the same run to another worker, as if the first one was taken for dead."""
        async with self.pool.acquire() as conn, conn.transaction():
            await conn.execute("SET LOCAL vai.role = 'watchdog'")
            await conn.execute(
                "UPDATE runs SET phase = 'queued', lease_owner = NULL, due_at = NULL, recovered = true WHERE id = $1",
                run.id,
            )
        return await self.claimed(run.id)

    async def extract(self, run: Owned, connection: ConnectionSecret | None = None) -> dict[str, Any]:
        prepared = await self.kind.prepare(run)
        job = Job(
            str(run.id), str(run.org_id), run.epoch, run.attempt, run.kind, run.definition.stored(), connection,
            await run.checkpoint(), run.lake_url, prepared,
        )  # fmt: skip
        link = DirectLink(self.kind, run, asyncio.get_running_loop())
        return await asyncio.to_thread(extract, job, link)

    async def dataset(self, name: str) -> lake.Dataset:
        found = await lake.dataset(self.pool, self.org_id, "bronze", name)
        assert found is not None
        return found

    async def rows(self, name: str, sql: str) -> list[Any]:
        """What a reader of the table sees: the manifest's files."""
        files = await lake.visible_files(self.pool, (await self.dataset(name)).id)
        if not files:
            return []
        paths = [str(self.folder / file.path) for file in files]
        with duckdb.connect() as connection:
            relation = connection.read_parquet(paths, union_by_name=True)  # noqa: F841 - the SQL names it
            return connection.execute(sql.format(t="relation")).fetchall()


@pytest.fixture
async def floor(database_url: str, tmp_path: Path) -> AsyncIterator[Floor]:  # noqa: F811
    pool = await db.open_pool(database_url, "extract-worker")
    floor = Floor(pool, tmp_path / "lake")
    await pool.execute(
        "INSERT INTO organisations (id, slug, name, settings) VALUES ($1, 'acme', 'Acme', '{}')", floor.org_id
    )
    yield floor
    await pool.close()
