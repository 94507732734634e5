"""Reads csv files as an extraction does, for the tests of what comes out."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from vai_extract_worker.files.csv_files import read_csv
from vai_extract_worker.files.folders import Found, LocalShelf
from vai_extract_worker.files.rejects import Json, Read
from vai_extract_worker.values.columns import type_name
from vai_extract_worker.values.common_columns import joined
from vai_records.definitions.sources.file_resources import FileResource


def reads(
    folder: Path, data: bytes | str, name: str = "items.csv", at: Json | None = None, **options: Any
) -> list[Read]:
    content = data.encode() if isinstance(data, str) else data
    (folder / name).write_bytes(content)
    resource = FileResource.model_validate({"name": "items", "path": name} | options)
    return list(read_csv(LocalShelf(folder), Found(name, len(content), 0.0), resource, at))


def table(folder: Path, data: bytes | str, **options: Any) -> pa.Table:
    """All of the file, as a reader of bronze sees it."""
    found = [read.table for read in reads(folder, data, **options)]
    return joined([each for each in found if len(each)] or found)


def columns(folder: Path, data: bytes | str, **options: Any) -> dict[str, tuple[str, list[Any]]]:
    found = table(folder, data, **options)
    return {name: (type_name(found[name].type), found[name].to_pylist()) for name in found.column_names}
