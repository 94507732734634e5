"""Csv in blocks: a block ends where a record ends, and each can be gone on from."""

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_extract_worker.files import csv_records
from vai_extract_worker.files.csv_dialect import Dialect
from vai_extract_worker.files.csv_files import read_csv
from vai_extract_worker.files.folders import Found, LocalShelf
from vai_records.definitions.sources.file_resources import FileResource

from .csv_reading import columns, reads


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_each_block_can_be_gone_on_from(
    tmp_path: Path, name: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 64)
    text = (
        "id,v\n" + "".join(f'{number},"a ""quoted""\ncell {"é" * (number % 5)}"\n' for number in range(40)) + "x,last\n"
    )
    data = text.encode(encoding)
    packed = gzip.compress(data, mtime=0) if name.endswith(".gz") else data
    whole = reads(tmp_path, packed, name)
    texts = [str(value) for read in whole for value in read.table["id"].to_pylist()]
    assert texts == [*map(str, range(40)), "x"]
    for number, read in enumerate(whole):
        if read.at:
            rest = reads(tmp_path, packed, name, read.at)
            found = [str(value) for again in rest for value in again.table["id"].to_pylist()]
            before = sum(len(earlier.table) for earlier in whole[: number + 1])
            assert found == texts[before:]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Arrow holds between blocks, of a file of 20 blocks and of one of 80."""
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 1 << 16)
    most: list[int] = []
    for number, blocks in enumerate((20, 80)):
        (tmp_path / f"{number}.csv").write_text("id,v\n" + f"1,{'x' * 1021}\n" * (blocks * 64))
        resource = FileResource.model_validate({"name": "items", "path": f"{number}.csv"})
        before = pa.total_allocated_bytes()
        held: list[int] = []
        for read in read_csv(LocalShelf(tmp_path), Found(f"{number}.csv", blocks << 16, 0.0), resource, None):
            held.append(pa.total_allocated_bytes() - before)
            del read
        assert len(held) >= blocks
        most.append(max(held))
    assert most[1] < 2 * most[0] < 40 << 16


def test_a_row_may_be_longer_than_a_block_the_first_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 1024)
    cells = ["y" * 3_000_000, "short", "z" * 50_000]
    assert columns(tmp_path, "id,v\n" + "".join(f"1,{cell}\n" for cell in cells))["v"][1] == cells


@given(st.text('a",\n', max_size=24))
def test_a_block_ends_where_a_record_ends(text: str) -> None:
    """Against the grammar, byte by byte: a quote opens at the begin of a field only, a doubled one closes nothing."""
    dialect = Dialect(",", '"', "", "\n", (), 0, 1)
    assert csv_records.last_end(text.encode(), dialect) == max(
        (found.end() for found in re.finditer(r"\n", text) if _is_outside(text[: found.start()])), default=0
    )


def _is_outside(text: str) -> bool:
    place, start, inside = 0, True, False
    while place < len(text):
        mark = text[place]
        if inside:
            if mark == '"' and text[place + 1 : place + 2] == '"':
                place += 1
            elif mark == '"':
                inside = start = False
        else:
            inside = start and mark == '"'
            start = mark in ",\n"
        place += 1
    return not inside
