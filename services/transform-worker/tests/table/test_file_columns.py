"""The files that are written: compressed whatever is in them, and with dictionaries where these are worth it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from vai_transform_worker.table import file_columns
from vai_transform_worker.table.row_stream import Part, Stream

_ROWS = {
    "text": pa.table({"x": ["a", "a", None]}),
    "floats": pa.table({"x": [1.5, float("nan"), None], "y": [1, 2, 3]}),
    "nested floats": pa.table({"x": [{"y": [1.5]}, None, {"y": []}], "z": [1, 2, 3]}),
}
_MANY = pa.table({f"c{number}": ["a", "a", "b"] for number in range(201)})


def _written(folder: Path, rows: pa.Table, has_few_rows: bool) -> tuple[pa.Table, Any]:
    write_deltalake(folder, rows, writer_properties=file_columns.properties(rows.schema, has_few_rows))
    (file,) = folder.glob("*.parquet")
    return DeltaTable(folder).to_pyarrow_table(), pq.ParquetFile(file).metadata.row_group(0).column(0)


@pytest.mark.parametrize("rows", _ROWS.values(), ids=_ROWS)
@pytest.mark.parametrize("has_few_rows", [True, False])
def test_files_are_compressed_whatever_types_they_have(tmp_path: Path, rows: pa.Table, has_few_rows: bool) -> None:
    assert _written(tmp_path, rows, has_few_rows)[1].compression == "SNAPPY"


@pytest.mark.parametrize(
    ("rows", "has_few_rows", "expected"),
    [
        (_MANY, True, False),
        (_MANY, False, True),
        (_ROWS["text"], True, True),
    ],
)
def test_only_many_columns_of_few_rows_go_without_dictionaries(
    tmp_path: Path, rows: pa.Table, has_few_rows: bool, expected: bool
) -> None:
    found, column = _written(tmp_path, rows, has_few_rows)
    assert column.has_dictionary_page is expected
    assert sorted(map(str, found.to_pylist())) == sorted(map(str, rows.to_pylist()))


@pytest.mark.parametrize(("counts", "expected"), [([3], True), ([0, 5], True), ([3, 8192], False), ([8192], False)])
def test_few_rows_are_those_that_every_part_gives_at_once(counts: list[int], expected: bool) -> None:
    def part(count: int) -> Part:
        rows = pa.table({"x": pa.array(range(count), pa.int64())})
        return Part(lambda: rows.to_reader(), most=count)

    assert Stream([part(count) for count in counts], None, lambda: None, 1).has_few_rows is expected  # type: ignore[arg-type]
