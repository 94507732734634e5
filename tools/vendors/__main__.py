"""Makes an environment of the vendors' libraries, and compares what each reads with what its server has.

Where the package index does not answer, nothing is run, and the last line says so.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vai_testkit.servers.json_api import serving
from vai_testkit.vendors.klaviyo_data import filled

FOLDER = Path(__file__).parent
_CACHE = Path(os.environ.get("VAI_CACHE") or FOLDER.parents[1] / ".cache") / "vendors"
PYTHON = _CACHE / "bin/python"


@dataclass(frozen=True)
class Account:
    """Where a server is, with which key, and the ids that it has."""

    url: str
    key: str
    ids: dict[str, list[str]]


@contextmanager
def klaviyo() -> Iterator[Account]:
    """Without what the library is not asked for: archived flows."""
    account = filled(datetime(2026, 1, 1, tzinfo=UTC), 30, events=2_500)
    flows = [one for one in account.data["flows"] if not one["attributes"]["archived"]]
    ids = {name: sorted(one["id"] for one in rows) for name, rows in (account.data | {"flows": flows}).items()}
    with serving() as api:
        api.default = account.answer
        yield Account(api.url, account.key, {name: those for name, those in ids.items() if name != "accounts"})


VENDORS: dict[str, Callable[[], AbstractContextManager[Account]]] = {"klaviyo": klaviyo}
"""Each has a module `<name>_reads.py` beside this one."""


def environment() -> str:
    """Made where it is missing or old; answers why it cannot be made, or nothing."""
    needed = (FOLDER / "requirements.txt").read_text()
    mark = _CACHE / "made-of"
    if mark.exists() and mark.read_text() == needed:
        return ""
    for command in (
        (sys.executable, "-m", "venv", str(_CACHE)),
        (str(PYTHON), "-m", "pip", "install", "-q", "--only-binary", ":all:", "-r", str(FOLDER / "requirements.txt")),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stdout + done.stderr).strip().splitlines()[-1]
    mark.write_text(needed)
    return ""


def compared(name: str) -> str:
    """What is different, or nothing."""
    with VENDORS[name]() as account:
        command = (str(PYTHON), str(FOLDER / f"{name}_reads.py"), account.url, account.key)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            return done.stderr.strip()[-2000:]
        found = {table: sorted(ids) for table, ids in json.loads(done.stdout).items()}
    wrong = [f"{table}: {len(found.get(table, []))} of {len(ids)}" for table, ids in account.ids.items()
             if found.get(table) != ids]  # fmt: skip
    _say(f"{name}: {sum(map(len, found.values())):,} objects of {len(found)} kinds read by its own library")
    return ", ".join(wrong)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    if complaint := environment():
        _say(f"vendors: not run, the package index does not answer: {complaint}")
        return 0
    wrong = {name: difference for name in VENDORS if (difference := compared(name))}
    for name, difference in wrong.items():
        _say(f"{name}: its library reads something else than the server has: {difference}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
