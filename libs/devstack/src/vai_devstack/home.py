"""The stack's folder (VAI_HOME, default .vai): its files, and the secrets that stay the same between starts."""

import base64
import contextlib
import json
import os
import secrets
import shutil
import string
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vai_common.ids import uuid7
from vai_devstack.errors import StackError

_NEEDED = {"org_id", "api_key", "encryption_keys", "token_secret", "postgres_password"}
"""The secrets on which the data depends. They are made once and never again."""

_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Home:
    """One stack is one folder; two stacks in two folders share nothing."""

    root: Path

    @classmethod
    def of(cls, path: str | Path) -> "Home":
        return cls(Path(path).expanduser().absolute())

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def files(self) -> Path:
        """The folder that the source `filesystem` may read; it has a folder for each organisation."""
        return self.root / "files"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def s3(self) -> Path:
        """What the S3 server of the stack keeps: its lake, where that is no folder."""
        return self.root / "s3"

    @property
    def s3_identities(self) -> Path:
        return self.root / "s3.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def stack(self) -> Path:
        return self.root / "stack.json"

    @property
    def prepared(self) -> Path:
        return self.root / "prepared"

    def make(self) -> None:
        """Make the folder and the subfolders that every start needs. Only its owner may enter."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self.logs.mkdir(exist_ok=True)
            self.lake.mkdir(exist_ok=True)
        except OSError as error:
            message = f"the folder {self.root} cannot be made or is not yours: {error.strerror}"
            raise StackError(message, "Remove it (make clean), or name another one: VAI_HOME=… make up") from error

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def erase(self) -> None:
        """Remove the files that a stack has written. Other files in the folder stay."""
        new = self.postgres.with_suffix(".new")
        for folder in (self.logs, self.lake, self.s3, self.files, self.postgres, new, self.kafka):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.secrets, self.s3_identities, self.ports, self.stack, self.prepared, self.lock):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.root.rmdir()


@dataclass(frozen=True)
class Secrets:
    """The secrets that a stack makes at its first start and keeps."""

    org_id: str
    api_key: str
    encryption_keys: str
    token_secret: str
    postgres_password: str
    services_password: str
    admin_token: str
    lake_key_id: str
    lake_secret: str


def new_secrets() -> Secrets:
    """An API key is `vai_<prefix>_<random>`; the encryption key is 32 bytes in base64 under the name k1."""
    return Secrets(
        org_id=str(uuid7()),
        api_key=f"vai_{_letters(8)}_{_letters(40)}",
        encryption_keys="k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        token_secret=_letters(48),
        postgres_password=_letters(32),
        services_password=_letters(32),
        admin_token=_letters(48),
        lake_key_id=_letters(20),
        lake_secret=_letters(40),
    )


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def load_secrets(home: Home) -> Secrets:
    """The folder's secrets. They are made if there are none yet; missing ones of an older version are added."""
    if home.secrets.exists():
        known = json.loads(home.secrets.read_text())
        added = {name: value for name, value in asdict(new_secrets()).items() if name not in known.keys() | _NEEDED}
        if added:
            known |= added
            write_private(home.secrets, known)
        return Secrets(**known)
    if home.postgres.exists():
        message = f"{home.secrets} is gone, and without it the database in {home.postgres} cannot be opened"
        raise StackError(message, "Put it back, or start anew: make clean, make up")
    made = new_secrets()
    write_private(home.secrets, asdict(made))
    return made


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only the owner may read, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
