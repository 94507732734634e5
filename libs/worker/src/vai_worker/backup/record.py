"""The backups of one folder: a dump and a record for each, and one lake for all, since its files never change."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson

from vai_common.queries import Queries
from vai_worker.backup.errors import BackupError
from vai_worker.lake.storage import Storage

LAKE = "lake"
"""The folder of the copied lake, within that of the backups."""

_RECORD = ".json"
_OURS = re.compile(r"\d{8}T\d{6}\.\d{3}Z\.json")
_IDENTITY = """
SELECT s.system_identifier || '/' || d.oid FROM pg_control_system() s, pg_database d
WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Record:
    """A backup that was finished and compared; `database` is the identity of the one that was saved."""

    name: str
    made_at: str
    database: str
    schema: str
    lake: str
    files: int
    tables: int
    has_dump: bool

    @property
    def dump(self) -> str:
        return f"{self.name}.dump"

    def line(self) -> str:
        """For a terminal."""
        without = "" if self.has_dump else ", without the database"
        return f"{self.name}  schema {self.schema}, {self.files} files and {self.tables} Delta tables{without}"


def name_of(moment: datetime) -> str:
    """In the order of time, a name for files everywhere, and another one for each backup."""
    return f"{moment:%Y%m%dT%H%M%S.%f}"[:-3] + "Z"


async def identity(conn: Queries) -> str:
    """Which database this is: one that was restored is another."""
    return str(await conn.fetchval(_IDENTITY))


def save(storage: Storage, record: Record) -> None:
    """Last of all: without its record a backup is none."""
    storage.put(f"{record.name}{_RECORD}", orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2))


def records(storage: Storage) -> list[Record]:
    """All of a folder, the oldest first, and nothing that others keep there. Raises BackupError for a damaged one."""
    names = [file.path for file in storage.files() if _OURS.fullmatch(file.path)]
    return [_read(name, b"".join(storage.parts(name))) for name in sorted(names)]


def _read(name: str, written: bytes) -> Record:
    try:
        return Record(**orjson.loads(written))
    except (ValueError, TypeError) as error:
        advice = "Move it elsewhere if it is damaged; if a later version wrote it, use that version"
        raise BackupError(f"{name} is not a record of a backup that this version reads ({error})", advice) from error


def chosen(storage: Storage, name: str) -> Record:
    """The backup of that name, else the newest. Raises BackupError where there is none."""
    there = records(storage)
    found = [record for record in there if record.name == name] if name else there
    if not found:
        shown = ", ".join(record.name for record in there) or "none"
        raise BackupError(f"there is no finished backup {name}".rstrip(), f"There are: {shown}")
    return found[-1]


def check_same(storage: Storage, database: str) -> None:
    """Two databases in one folder would mix their lakes: after a restore both write versions of the same numbers."""
    if any(record.database != database for record in records(storage)):
        raise BackupError(
            "this folder has backups of another database, or of this one before it was restored",
            "Begin a new folder, and keep this one as long as you may need it",
        )
