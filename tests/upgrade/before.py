"""The code of the version before: checked out beside this one, with an environment of its own."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.architecture.workspace import ROOT

BEFORE = "89c59c75a49034c2632c6fa5c45250fea81d80c4"
"""What stands in databases already; at a release, the commit of the newest tag."""

_FOLDER = Path(os.environ.get("VAI_CACHE") or ROOT / ".cache") / "upgrade" / BEFORE[:12]
_ORDERS = """
import asyncio, sys
from devstack.prepare import prepare_database
asyncio.run(prepare_database(*sys.argv[1:4]))
"""


def python_of_before() -> Path:
    """The interpreter of the older version's environment, made where it is not there yet.

    Raises AssertionError with what git or the set-up says.
    """
    if not (_FOLDER / ".venv" / ".ready").exists():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(("git", "-C", ROOT, "archive", BEFORE), capture_output=True, check=False)
        assert archive.returncode == 0, f"{archive.stderr.decode()} (a shallow clone? git fetch --unshallow)"
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(_FOLDER, filter="data")
        environment = {**os.environ, "PYTHON": os.environ.get("PYTHON") or sys.executable}
        made = subprocess.run((_FOLDER / "tools/setup.sh",), env=environment, capture_output=True, check=False)
        assert made.returncode == 0, made.stdout.decode() + made.stderr.decode()
    return _FOLDER / ".venv" / "bin" / "python"


def migrate_as_before(database: str, org_id: str, api_key: str) -> None:
    """A database as the older version would have made it, with its first organisation and key."""
    command = (str(python_of_before()), "-c", _ORDERS, database, org_id, api_key)
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
