"""A bench on which the child's entry runs without a worker."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extract_worker.extract import extract
from testkit.json_api import FakeApi, serving
from testkit.link import RecordingLink
from worker.job import ConnectionSecret, Job

ORG = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with serving() as fake:
        yield fake


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
    link: RecordingLink = field(default_factory=RecordingLink)
    answers: dict[str, Any] = field(default_factory=dict)

    def extract(self, source: str, **fields: Any) -> dict[str, Any]:
        """The result; what it raised goes through. The checkpoint and the cursors are kept for the next call."""
        definition = {"source": source, "retry": {"max_attempts": 1}} | fields
        prepared = {
            "source": definition.get("source_name") or source,
            "addresses": self.addresses,
            "files_root": self.files_root,
            "cursors": self.cursors,
        }
        job = Job(
            self.run_id, ORG, self.epoch, self.attempt, "dlt_extract", definition, self.connection, self.checkpoint,
            self.folder.as_uri(), prepared,
        )  # fmt: skip
        self.link = RecordingLink({"commit_slice": self._commit, "announce": self._announce, **self.answers})
        return extract(job, self.link)

    def next_run(self) -> None:
        """What follows is another run on the same connection."""
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
