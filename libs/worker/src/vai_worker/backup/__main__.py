"""`make backup`, `make restore`; without make, with a service's settings: `python -m vai_worker.backup …`.

save TO [--lake-only]              database and lake into a folder or s3://bucket/prefix, while everything runs
list FROM                          the backups that are there
restore FROM [NAME] [--lake-only]  the newest, or that one, into an empty database and an empty lake

--lake-only leaves the database to other means (a snapshot of its server, pg_dump elsewhere): before the lake, both
times. Exit code 0: done, and compared. 1: it says what is wrong. 2: the settings or the words are wrong.
"""

import argparse
import asyncio
import sys

import asyncpg

from vai_common.db import AWAY
from vai_common.errors import RunError
from vai_common.settings import Settings, WrongSettings, read
from vai_worker.backup import record
from vai_worker.backup.copying import Copied
from vai_worker.backup.errors import BackupError
from vai_worker.backup.place import address
from vai_worker.backup.restoring import restore
from vai_worker.backup.saving import save
from vai_worker.lake.storage import Unread, open_lake

_REFUSED = (BackupError, RunError, Unread, asyncpg.PostgresError, *AWAY)


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    try:
        doing = _list(asked) if asked.command == "list" else _do(asked, read(Settings))
        return asyncio.run(doing)
    except WrongSettings as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    except _REFUSED as error:
        sys.stderr.write(f"{getattr(error, 'message', '') or error or type(error).__name__}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            "Stopped. A backup goes on from here when it is made again; a restore begins with empty ones.\n"
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vai_worker.backup", description="Backups of database and lake.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("save", "make a backup"), ("list", "the backups there are"), ("restore", "restore one")):
        command = commands.add_parser(name, help=text)
        command.add_argument("place", help="a folder, or s3://bucket/prefix")
        if name == "restore":
            command.add_argument("name", nargs="?", default="", help="as `list` shows it; without it the newest")
        if name != "list":
            command.add_argument("--lake-only", action="store_true", help="the database is saved by other means")
    return parser


async def _list(asked: argparse.Namespace) -> int:
    place = address(asked.place)
    lines = [one.line() for one in await asyncio.to_thread(record.records, open_lake(place))]
    sys.stdout.write("".join(f"{line}\n" for line in lines) or f"There is no finished backup in {place}.\n")
    return 0


async def _do(asked: argparse.Namespace, settings: Settings) -> int:
    where = (settings.direct_url, settings.lake_url, address(asked.place))
    if asked.command == "save":
        made, copied = await save(*where, asked.lake_only)
        sys.stdout.write(f"Saved {made.line()}\n{_told(copied)}\n")
        return 0
    restored, copied = await restore(*where, asked.name, asked.lake_only)
    sys.stdout.write(f"Restored {restored.line() if restored else 'the lake'}\n{_told(copied)}\n")
    sys.stdout.write("Database and lake agree. Now start the services, and then `make doctor`.\n")
    return 0


def _told(copied: Copied) -> str:
    return f"{copied.files} files of the lake copied ({copied.byte_count:,} bytes), {copied.kept} were there"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
