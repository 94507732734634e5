"""The files of a slice: what is written with a dictionary, and that every value comes back."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vai_extract_worker.loading.parts import Place, SliceWriter


class _Kept:
    def __init__(self) -> None:
        self.files: dict[str, Any] = {}

    def put(self, path: str, data: Any) -> None:
        self.files[path] = data


@pytest.mark.parametrize(
    ("values", "has_dictionary"),
    [
        ([f"state {n % 7}" for n in range(1000)], True),
        ([n % 250 for n in range(1000)], True),
        ([f"order {n}" for n in range(1000)], False),
        ([n * 7919 for n in range(1000)], False),
        ([None] * 999 + ["x"], True),
        ([["a"], None] * 500, False),
        ([{"b": n % 3} for n in range(1000)], False),
    ],
    ids=["few texts", "few numbers", "texts", "numbers", "mostly null", "lists", "structs"],
)
def test_a_dictionary_is_written_where_values_repeat_and_all_come_back(values: list[Any], has_dictionary: bool) -> None:
    kept = _Kept()
    writer = SliceWriter(kept, Place("p", 1, None), "000001", lambda: None)  # type: ignore[arg-type]
    writer.add(pa.table({"v": values}))
    (file,) = writer.finish()
    found = pq.ParquetFile(pa.BufferReader(kept.files[file["path"]]))
    columns = found.metadata.row_group(0)
    encodings = {
        columns.column(i).path_in_schema.partition(".")[0]: columns.column(i) for i in range(found.metadata.num_columns)
    }
    assert encodings["v"].has_dictionary_page == has_dictionary
    assert found.read().column("v").to_pylist() == values
