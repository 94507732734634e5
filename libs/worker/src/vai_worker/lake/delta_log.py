"""Reads the log of a Delta table without opening the table: its versions, and whose turn wrote each.

Every commit of ours carries its writer's write epoch as the application transaction "vai" (rule 14); commits that tidy
up carry none.
"""

import re
from dataclasses import dataclass

import orjson

from vai_worker.lake.storage import NotThere, Storage, Stored

APPLICATION = "vai"
FOLDER = "_delta_log"

_COMMIT = re.compile(r"(\d{20})\.json")
_NUMBERED = re.compile(r"(\d{20})\.")


@dataclass(frozen=True)
class Log:
    """The files of a table's log, as they were listed."""

    files: tuple[Stored, ...]

    @property
    def commits(self) -> dict[int, str]:
        """Version → path, of the commits that have a file of their own: old ones are in a checkpoint."""
        found = ((_COMMIT.fullmatch(_name(file)), file.path) for file in self.files)
        return {int(match[1]): path for match, path in found if match}

    @property
    def version(self) -> int:
        """The table's; -1 where there is no table."""
        return max(self.commits, default=-1)

    def until(self, version: int) -> list[Stored]:
        """The files without which the table at that version cannot be read; nothing of a later one.

        The note of the last checkpoint is left out: readers look for it themselves where there is none.
        """
        numbered = ((_NUMBERED.match(_name(file)), file) for file in self.files)
        return [file for match, file in numbered if match and int(match[1]) <= version]


def of_table(storage: Storage, location: str) -> Log:
    """The log of the table there; an empty one where there is none."""
    files = (file for file in storage.files(f"{location}/{FOLDER}") if not _name(file).startswith((".", "_")))
    return Log(tuple(files))


def epoch_of(storage: Storage, path: str) -> int | None:
    """The write epoch that a commit carries; None for one that carries none, or that is gone."""
    try:
        lines = b"".join(storage.parts(path)).splitlines()
    except NotThere:
        return None
    actions = (orjson.loads(line).get("txn") for line in lines if b'"txn"' in line)
    epochs = [action["version"] for action in actions if action and action["appId"] == APPLICATION]
    return epochs[-1] if epochs else None


def last_epoch(storage: Storage, log: Log) -> int | None:
    """The write epoch of the last writer of ours; None where no commit that is still there tells it."""
    found = (epoch_of(storage, log.commits[version]) for version in sorted(log.commits, reverse=True))
    return next((epoch for epoch in found if epoch is not None), None)


def version_of(storage: Storage, log: Log, write_epoch: int) -> int:
    """The version that the table had when its last writer had this write epoch; -1 where there was no table."""
    version = log.version
    for each in sorted(log.commits, reverse=True):
        epoch = epoch_of(storage, log.commits[each])
        if epoch is None:
            continue
        if epoch <= write_epoch:
            break
        version = each - 1
    return version


def _name(file: Stored) -> str:
    return file.path.rpartition("/")[2]
