"""Which migrations are frozen: databases have run them, so only a new revision can change what they did (rule 16).

`migrations/frozen.sha256` lists them. A release adds what is new since the last one (`make freeze`). The lifecycle is
drawn into the newest `*_lifecycle.sql`; when that is frozen, `make_next` begins another.
"""

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "migrations"

_VERSION = '''"""The lifecycle as records/lifecycle.py says it now: the trigger and the pairs of status and phase."""

from vai_records.schema.migrations.scripts import run_script

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    run_script("{number}_lifecycle.sql")
'''


def frozen(folder: Path = FOLDER) -> dict[str, str]:
    """The SHA-256 of each frozen file, by its path below the folder of the migrations."""
    words = [line.split() for line in (folder / "frozen.sha256").read_text().splitlines()]
    return {name: digest for digest, name in words}


def tampered(folder: Path = FOLDER) -> list[str]:
    """The frozen files that were changed or removed."""
    return [name for name, digest in frozen(folder).items() if _digest(folder / name) != digest]


def freeze(folder: Path = FOLDER) -> None:
    """Freezes every revision that is there, with its SQL."""
    known = frozen(folder)
    files = sorted([*folder.glob("sql/*.sql"), *folder.glob("versions/[0-9]*.py")])
    names = [file.relative_to(folder).as_posix() for file in files]
    lines = [f"{known.get(name) or _digest(folder / name)}  {name}\n" for name in sorted({*names, *known})]
    (folder / "frozen.sha256").write_text("".join(lines))


def newest_lifecycle(folder: Path = FOLDER) -> Path:
    """The file that holds the lifecycle of a database that has run every revision."""
    return max(folder.glob("sql/*_lifecycle.sql"))


def is_frozen(path: Path, folder: Path = FOLDER) -> bool:
    return path.relative_to(folder).as_posix() in frozen(folder)


def make_next(folder: Path = FOLDER) -> Path:
    """Begins the next revision for the lifecycle and makes it the needed one; answers its SQL file, still empty."""
    before = max(file.name[:4] for file in folder.glob("versions/[0-9]*.py"))
    number = f"{int(before) + 1:04}"
    (folder / f"versions/{number}_lifecycle.py").write_text(_VERSION.format(number=number, before=before))
    schema = folder.parent / "needed.py"
    schema.write_text(re.sub(r'^NEEDED = ".*"$', f'NEEDED = "{number}"', schema.read_text(), flags=re.M))
    path = folder / f"sql/{number}_lifecycle.sql"
    path.write_text("")
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
