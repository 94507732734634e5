"""A process that reads one table: `python -m vai_worker.reading` takes a `Request` from its input.

The answer goes to its output: JSON, or the whole table as a file, piece by piece. It has a lower priority than its
parent and its own memory limit, and it ends after the answer. If it cannot read, its exit code is 3, and its standard
error says why: `{"word": …, "message": …}`.
"""

import json
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import duckdb

from vai_worker.children.forkserver import die_with_parent
from vai_worker.lake.places import Lake
from vai_worker.reading import looking
from vai_worker.reading.request import Request
from vai_worker.reading.sources import SCHEMA, Source, load_extensions, make_view

FAILED = 3

MEMORY_MB = 384
"""The memory limit of one reading. The pods of the chart have enough for the largest number at the same time."""

_ADDRESSES = 6 << 30  # bytes of address space, of which most is never touched
_NICE = 5
# To check an extension's signature takes DuckDB longer than to read a table. The packages' hashes are held where they
# are installed (requirements.lock), and nobody's SQL runs here.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "preserve_insertion_order": False,
    "allow_unsigned_extensions": "true",
}
_FORMATS = {"csv": "FORMAT csv, HEADER true", "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536"}
_GONE = (
    *("No files in log segment", "No files found", "does not exist", "Cannot open file", "No such file"),
    *("404", "NoSuchKey", "version"),
)


class Unreadable(Exception):
    """`word` is for programs: `gone` (a version or file that is no longer there), `column`, `lake`, `too_large`."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


def main() -> None:
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    die_with_parent(int(sys.argv[1]))
    try:
        _answer(Request.read(sys.stdin.buffer.readline()))
    except Unreadable as error:
        sys.stderr.write(json.dumps({"word": error.word, "message": str(error)}))
        raise SystemExit(FAILED) from None


def _answer(request: Request) -> None:
    lake = Lake(request.lake_url, request.org_id)
    source = Source("table", request.dataset, request.files, request.location, request.columns, version=request.version)
    try:
        with duckdb.connect(":memory:", config=_CONFIG) as connection:
            connection.execute(
                f"SET memory_limit = '{MEMORY_MB}MB'; SET temp_directory = ''; SET TimeZone = 'UTC';"
                f"SET autoinstall_known_extensions = false; CREATE SCHEMA {SCHEMA}"
            )
            load_extensions(connection, lake, has_tables=source.location is not None)
            make_view(connection, lake, source)
            _tell(connection, source, request)
    except duckdb.OutOfMemoryException:
        message = f"it needs more memory than a reading may take ({MEMORY_MB} MB): read it with a transform"
        raise Unreadable("too_large", message) from None
    except duckdb.Error as error:
        raise _unreadable(error, request) from None


def _tell(connection: duckdb.DuckDBPyConnection, source: Source, request: Request) -> None:
    if request.what in ("csv", "parquet"):
        with _output() as path:
            connection.execute(f"COPY (FROM {source.view}) TO '{path}' ({_FORMATS[request.what]})")
        return
    found = (
        looking.preview(connection, source, request.rows)
        if request.what == "preview"
        else looking.profile(connection, source, request.column)
    )
    if found is None:
        raise Unreadable("column", f"there is no column {request.column!r}")
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()


@contextmanager
def _output() -> Iterator[str]:
    """A path that DuckDB can open, whose bytes go to our output: that may be a socket, which has no path."""
    read, write = os.pipe()
    passing = Thread(target=_pass_on, args=(read,), daemon=True)
    passing.start()
    try:
        yield f"/dev/fd/{write}"
    finally:
        os.close(write)
        passing.join()


def _pass_on(pipe: int) -> None:
    try:
        with open(pipe, "rb", buffering=0) as read:
            shutil.copyfileobj(read, sys.stdout.buffer, 1 << 16)
        sys.stdout.flush()
    except OSError:
        os._exit(FAILED + 1)  # the reader has gone, and DuckDB would wait for ever


def _unreadable(error: duckdb.Error, request: Request) -> Unreadable:
    """The error's message. DuckDB's own words are left out, since they have addresses of the lake."""
    is_gone = isinstance(error, duckdb.IOException) and any(word in str(error) for word in _GONE)
    if is_gone and request.version is not None:
        message = f"version {request.version} can no longer be read, or has never been: take a newer one"
        return Unreadable("gone", message)
    if is_gone:
        return Unreadable("gone", "its files were replaced while it was read: try again")
    return Unreadable("lake", f"the lake does not answer as it should ({type(error).__name__})")


if __name__ == "__main__":
    main()
