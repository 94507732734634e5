"""The database in a backup: what `pg_dump` writes and `pg_restore` reads, as streams."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO
from urllib.parse import unquote, urlsplit

from vai_worker.backup.errors import BackupError

_CHUNK = 1 << 20
_NO_TOOL = (
    "Install PostgreSQL's client of the server's version or a later one (Debian: postgresql-client-18), or take the "
    "database by other means first, and then the lake with --lake-only"
)


def dump(url: str, snapshot: str) -> Iterator[bytes]:
    """The database as the snapshot sees it, in pg_dump's custom format. Raises BackupError with what pg_dump says."""
    command = (_tool("pg_dump"), "--format=custom", "--no-owner", f"--snapshot={snapshot}", *_where(url))
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(url)) as process:
            try:
                assert process.stdout is not None
                while part := process.stdout.read(_CHUNK):
                    yield part
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise BackupError(
                f"pg_dump failed: {_last_words(said)}", "See VAI_DATABASE_DIRECT_URL and pg_dump's version"
            )


def restore(url: str, parts: Iterable[bytes]) -> None:
    """Fill an empty database, wholly or not at all. Raises BackupError with what pg_restore says."""
    way = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    command = (_tool("pg_restore"), *way, *_where(url))
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said, env=_environment(url)) as process:
            try:
                assert process.stdin is not None
                for part in parts:
                    process.stdin.write(part)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it has ended, and says why
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise BackupError(f"pg_restore failed: {_last_words(said)}", "Nothing was restored: mend that, then again")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"there is no {name}", _NO_TOOL)
    return found


def _where(url: str) -> tuple[str, ...]:
    """Without the password: other users of the machine see a command's arguments."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return ("--no-password", f"--dbname={parts._replace(netloc=f'{name}@{host}' if name else host).geturl()}")


def _environment(url: str) -> dict[str, str]:
    password = urlsplit(url).password
    return {**os.environ, **({"PGPASSWORD": unquote(password)} if password else {})}


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return "; ".join(line.removeprefix("pg_dump: ").removeprefix("pg_restore: ") for line in lines[-3:]) or "no word"
