"""A run that a worker holds, without a worker and without a database, for tests of kinds without a child process."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from vai_common.db import dump_json
from vai_records.definitions.base import Definition
from vai_records.lifecycle.entry import Entry
from vai_worker.children.job import ConnectionSecret
from vai_worker.owned import Means, Owned


class _Life:
    """A process that always counts as alive. It counts how often it was asked."""

    id = uuid4()
    asked = 0

    async def steady(self) -> None:
        self.asked += 1


_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        "action_id",
        "connection_id",
        "retry_of",
        "started_at",
        "progress",
        "control",
        "secrets",
        "traceparent",
        "may_rerun",
    )
)


def claimed(run: Mapping[str, Any]) -> Any:
    """A row of `runs` as a worker gets it when it claims the run: the definition is text."""
    return {**run, "definition": dump_json(run["definition"])}


class HeldRun(Owned):
    """Its connection is what the test says; `life.asked` counts `steady`. `reads` is for kinds that are toys."""

    def __init__(
        self,
        kind: str,
        definition: dict[str, Any],
        connection: ConnectionSecret | None = None,
        reads: type[Definition] | None = None,
        org_id: UUID | None = None,
        **means_too: Any,
    ) -> None:
        """`means_too`: what it has besides, for example a pool, a keyring and a policy of addresses."""
        row = {"id": uuid4(), "org_id": org_id or uuid4(), "kind": kind, "definition": definition}
        row |= {"epoch": 1, "retry_count": 0}
        self.life = _Life()
        means = SimpleNamespace(**{"life": self.life, "keyring": None, "lake_url": ""} | means_too)
        super().__init__(claimed({**_NOTHING, **row}), cast(Means, means), reads)
        self.logs: list[tuple[str, str, str]] = []
        self._connection = connection
        self.renewed: ConnectionSecret | None = None
        self.rejected: list[str] = []
        self.settings: dict[str, Any] = {}
        self.failures: list[tuple[UUID | None, dict[str, Any]]] = []

    async def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        self.logs.append((event, message, level))

    async def connection_failed(self, error: dict[str, Any], *, again: bool = False, of: UUID | None = None) -> None:
        self.failures.append((of, error))

    async def connection(self, rejected: str | None = None) -> ConnectionSecret | None:
        """The test's connection. If its token was refused, `renewed` replaces it."""
        if rejected is not None:
            self.rejected.append(rejected)
            self._connection = self.renewed
        return self._connection

    async def organisation(self) -> dict[str, Any]:
        """The settings that the test has given."""
        return self.settings


class Reports:
    """Collects log entries and progress of runs instead of a worker's reports. `logged`: an entry has come."""

    has_room = True

    def __init__(self) -> None:
        self.events: list[str] = []
        self.logged = asyncio.Event()
        self.last_progress: dict[str, Any] = {}

    def log(self, run_id: UUID, epoch: int, entry: Entry, *, needed: bool = False) -> asyncio.Future[None]:
        """Keep the entry's event. The returned future is done."""
        self.events.append(entry.event)
        self.logged.set()
        written = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def progress(self, run_id: UUID, epoch: int, progress: dict[str, Any]) -> None:
        """Keep the newest progress."""
        self.last_progress = progress
