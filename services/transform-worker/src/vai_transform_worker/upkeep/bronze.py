"""Puts small files of bronze together. The rows, and how the files say what they hold, stay as they are."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from vai_worker.lake.storage import Storage

FEWEST = 8
"""Files that are worth a new one."""

LARGEST_BYTES = 64 << 20
"""Of the files that become one, as they are stored."""

_ROW_GROUP = 122_880
_PIECE = 8 << 20

Json = dict[str, Any]


class NotTheSame(Exception):
    """A file does not hold what the manifest, or the files before it, say."""


def put_together(storage: Storage, groups: Sequence[Sequence[Json]]) -> list[Json]:
    """For each group of {path, rows}, files with the rows of many: [{path, of, bytes}]. Nobody reads them yet."""
    alike = (like for group in groups for like in _alike(storage, group))
    return [_written(storage, each) for like in alike for each in _portions(like) if len(each) >= FEWEST]


def _alike(storage: Storage, group: Sequence[Json]) -> Iterable[list[Json]]:
    """The files of a group by their columns, in the order of their paths: readers unite the columns in that order."""
    found: dict[str, list[Json]] = {}
    for file in sorted(group, key=lambda each: str(each["path"])):
        data = pq.ParquetFile(_read(storage, file["path"]))
        found.setdefault(_columns(data), []).append(file)
    return found.values()


def _columns(file: pq.ParquetFile) -> str:
    """Names and types as the file itself says them; the first line of pyarrow's text is an address in memory."""
    return str(file.schema).partition("\n")[2]


def _portions(files: Sequence[Json]) -> Iterator[list[Json]]:
    portion: list[Json] = []
    size = 0
    for file in files:
        if portion and size + file["bytes"] > LARGEST_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(file)
        size += file["bytes"]
    yield portion


def _read(storage: Storage, path: str) -> pa.BufferReader:
    return pa.BufferReader(b"".join(storage.parts(path)))


def _written(storage: Storage, files: Sequence[Json]) -> Json:
    """Beside the first of them, and named like it, so that it takes its place in the order of the paths."""
    path = f"{files[0]['path'].removesuffix('.parquet')}.{uuid4().hex}.parquet"
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        name = Path(file.name)
        _write(storage, files, name)
        _check(storage, files, name)
        storage.put_parts(path, _pieces(name))
        return {"path": path, "of": [each["path"] for each in files], "bytes": name.stat().st_size}


def _write(storage: Storage, files: Sequence[Json], name: Path) -> None:
    waiting: list[pa.Table] = []
    with _writer(name) as write:
        for each in files:
            waiting.append(pq.ParquetFile(_read(storage, each["path"])).read())
            if sum(map(len, waiting)) >= _ROW_GROUP or sum(table.nbytes for table in waiting) >= LARGEST_BYTES:
                write(waiting)
                waiting = []
        write(waiting)


@contextmanager
def _writer(name: Path) -> Iterator[Any]:
    opened: list[pq.ParquetWriter] = []

    def write(tables: Sequence[pa.Table]) -> None:
        if not tables:
            return
        if not opened:
            opened.append(pq.ParquetWriter(name, tables[0].schema, compression="zstd"))
        opened[0].write_table(pa.concat_tables(tables).combine_chunks(), row_group_size=_ROW_GROUP)

    try:
        yield write
    finally:
        for writer in opened:
            writer.close()


def _check(storage: Storage, files: Sequence[Json], name: Path) -> None:
    made, first = pq.ParquetFile(name), pq.ParquetFile(_read(storage, files[0]["path"]))
    rows = sum(each["rows"] for each in files)
    if made.metadata.num_rows != rows:
        message = f"the files from {files[0]['path']} on have {made.metadata.num_rows} rows, the manifest says {rows}"
        raise NotTheSame(message)
    if _columns(made) != _columns(first):
        raise NotTheSame(f"the columns of {files[0]['path']} would be stored otherwise")


def _pieces(name: Path) -> Iterator[bytes]:
    with name.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
