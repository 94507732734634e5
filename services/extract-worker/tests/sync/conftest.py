"""`syncing` runs the child's entry without a worker, on a record of files that behaves as the database does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from vai_extract_worker.sync.child import sync
from vai_testkit.link import RecordingLink
from vai_testkit.servers.s3 import opened
from vai_testkit.vendors.google_drive import Drive, google_drive
from vai_worker.children.job import ConnectionSecret, Job

ORG = "018f0000-0000-7000-8000-000000000001"
Json = dict[str, Any]


@dataclass
class Syncing:
    """`folder` and `target` are what is committed, by path; `root` is the folder of local files."""

    home: Path
    connection: ConnectionSecret | None = None
    addresses: str = "loopback"
    may_write: bool = True
    folder: dict[str, Json] = field(default_factory=dict)
    target: dict[str, Json] = field(default_factory=dict)
    changed: dict[str, Json] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: str(uuid4()))
    epoch: int = 1
    link: RecordingLink = field(default_factory=RecordingLink)
    commits: int = 0
    checkpoint: Json | None = None
    answers: dict[str, Callable[[Json], Json]] = field(default_factory=dict)
    """To further questions."""
    dies: Callable[[], None] = lambda: None
    """Called before and after each question that changes what is durable."""

    @property
    def root(self) -> Path:
        return self.home / "files"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    def put(self, path: str, data: bytes) -> Path:
        """A local file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def run(self, **definition: Any) -> Json:
        """A new run; its result, or what it raises."""
        self.run_id, self.changed, self.checkpoint = str(uuid4()), {}, None
        return self.attempt(**definition)

    def attempt(self, **definition: Any) -> Json:
        """One more attempt of the run."""
        whole = {"kind": "file_sync", "folder": "in"} | definition
        self._pushes = whole.get("direction") == "push"
        self.root.mkdir(parents=True, exist_ok=True)
        prepared = {"addresses": self.addresses, "files_root": str(self.root), "may_write": self.may_write}
        lake = self.lake.as_uri()
        job = Job(self.run_id, ORG, self.epoch, 1, "file_sync", whole, self.connection, self.checkpoint, lake, prepared)
        answers = {"known": self._known, "commit": self._commit, "changes": self._changes}
        answers["intend"] = self._intend
        answers["artifact"] = lambda payload: {"id": "artifact"}
        self.link = RecordingLink(answers | self.answers)
        return sync(job, self.link)

    def take(self, **files: bytes) -> None:
        """Local files, taken into the lake's folder. Two underscores in a name stand for a slash."""
        for name, data in files.items():
            self.put(f"src/{name.replace('__', '/')}", data)
        account, self.connection = self.connection, None
        self.run(path="src")
        self.connection = account

    def content(self) -> dict[str, bytes]:
        """The lake's folder, by path."""
        return {path: (self.lake / row["location"]).read_bytes() for path, row in self.folder.items()}

    def tree(self, below: str) -> dict[str, bytes]:
        """A local folder, by path."""
        top = self.root / below
        return {str(file.relative_to(top)): file.read_bytes() for file in top.rglob("*") if file.is_file()}

    def _known(self, payload: Json) -> Json:
        there = self.target if payload["which"] == "target" else self.folder
        rows = [
            [path, row["location"], row["byte_count"], row["sha256"], row["mark"]]
            for path, row in sorted(there.items())
            if path > payload["after"]
        ]
        return {"files": json.loads(json.dumps(rows[:3]))}

    def _intend(self, payload: Json) -> Json:
        self.dies()
        self.checkpoint = json.loads(json.dumps(payload))
        self.dies()
        return {}

    def _commit(self, payload: Json) -> Json:
        self.dies()
        self.commits += 1
        self.checkpoint = json.loads(json.dumps({"intended": payload["intended"]}))
        there = self.target if self._pushes else self.folder
        for file in json.loads(json.dumps(payload["files"])):
            if file["change"] in ("added", "changed"):
                self.changed[file["path"]] = file
            if file["change"] == "same":
                file = there[file["path"]] | {"mark": file["mark"]}
            there[file["path"]] = file
        for path, size in payload["removed"]:
            there.pop(path, None)
            self.changed[path] = {"path": path, "change": "removed", "byte_count": size, "sha256": ""}
        self.dies()
        return {}

    def _changes(self, payload: Json) -> Json:
        rows = [row for path, row in sorted(self.changed.items()) if path > payload["after"]]
        return {"changes": [[row["path"], row["change"], row["byte_count"], row["sha256"], "id"] for row in rows[:3]]}


@pytest.fixture
def syncing(tmp_path: Path) -> Syncing:
    return Syncing(tmp_path)


@pytest.fixture
def s3() -> Iterator[Any]:
    with opened() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def account_key() -> Any:
    """The RSA key of a service account: it takes a second to make."""
    return generate_private_key(65537, 2048)


@pytest.fixture
def drive(syncing: Syncing, account_key: Any) -> Iterator[Drive]:
    """A Google Drive with an account that `syncing` uses."""
    with google_drive(account_key) as drive:
        drive.tokens.add("first")
        syncing.connection = ConnectionSecret("c", "drive", "google_drive", drive.config, {"access_token": "first"})
        yield drive
