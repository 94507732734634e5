"""The code of the versions before: each checked out beside this one, with an environment of its own."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.workspace import ROOT

_FOLDER = Path(os.environ.get("VAI_CACHE") or ROOT / ".cache") / "upgrade"
_CORE = """
import asyncio, sys
from devstack.prepare import prepare_database
asyncio.run(prepare_database(*sys.argv[2:]))
"""
_RELEASE = """
import asyncio, sys
from vai_devstack.servers.prepare import prepare_database
asyncio.run(prepare_database(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Version:
    """A commit whose services may stand in an installation."""

    name: str
    commit: str
    prefix: str = "vai_"
    """What its packages' names begin with."""
    orders: str = _RELEASE
    """Make its database: what its own code is told, with the arguments of `prepare_database`."""

    @property
    def _folder(self) -> Path:
        return _FOLDER / self.commit[:12]

    def python(self) -> Path:
        """The interpreter of this version's environment, made where it is not there yet.

        Raises AssertionError with what git or the set-up says.
        """
        if not (self._folder / ".venv" / ".ready").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            archive = subprocess.run(("git", "-C", ROOT, "archive", self.commit), capture_output=True, check=False)
            assert archive.returncode == 0, f"{archive.stderr.decode()} (a shallow clone? git fetch --unshallow)"
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
                files.extractall(self._folder, filter="data")
            environment = {**os.environ, "PYTHON": os.environ.get("PYTHON") or sys.executable}
            made = subprocess.run((self._folder / "tools/setup.sh",), env=environment, capture_output=True, check=False)
            assert made.returncode == 0, made.stdout.decode() + made.stderr.decode()
        return self._folder / ".venv" / "bin" / "python"

    def migrate(self, database: str, admin: str, org_id: str, api_key: str) -> None:
        """A database as this version would have made it, with its first organisation and key."""
        command = (str(self.python()), "-c", self.orders, database, admin, org_id, api_key)
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


BEFORE = (
    Version("core", commit="89c59c75a49034c2632c6fa5c45250fea81d80c4", prefix="", orders=_CORE),
    Version("0.1.0", commit="02c58435eca5de791dcfe6cad35fc5fa96ef73fc"),
)
"""What stands in databases already: the core before there were releases, and the newest release."""
