"""Parquet files as others write them: every value that comes is the one that was written."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_extract_worker.files.folders import Found, LocalShelf
from vai_extract_worker.files.parquet_files import read_parquet
from vai_extract_worker.values.common_columns import joined
from vai_records.definitions.sources.file_resources import FileResource


def read(path: Path) -> pa.Table:
    resource = FileResource.model_validate({"name": "items", "path": path.name})
    found = [one.table for one in read_parquet(LocalShelf(path.parent), Found(path.name, 1, 0.0), resource, None)]
    return joined([one for one in found if len(one)])


@given(st.lists(st.none() | st.datetimes(), min_size=1, max_size=6))
def test_a_time_of_spark_is_read_in_any_year(tmp_path_factory: pytest.TempPathFactory, times: list[Any]) -> None:
    path = tmp_path_factory.mktemp("int96") / "t.parquet"
    nested = [None if value is None else [value] for value in times]
    source = pa.table({"v": pa.array(times, pa.timestamp("us")), "l": pa.array(nested, pa.list_(pa.timestamp("us")))})
    pq.write_table(source, path, use_deprecated_int96_timestamps=True, row_group_size=2)
    found = read(path)
    assert found["v"].to_pylist() == times
    written = [None if value is None else f'["{value.isoformat()}"]' for value in times]
    assert found["l"].to_pylist() == written


def test_nanoseconds_beside_far_years_are_text_and_none_is_cut(tmp_path: Path) -> None:
    near = pa.array([1_000_000_001], pa.timestamp("ns"))
    pq.write_table(pa.table({"v": near}), tmp_path / "near.parquet", use_deprecated_int96_timestamps=True)
    assert read(tmp_path / "near.parquet")["v"].to_pylist() == ["1970-01-01 00:00:01.000000001"]


@pytest.mark.parametrize(
    ("sql", "came"),
    [
        ("{{'u': '{0}'::UUID}}", '{{"u":"{0}"}}'),
        ("['{0}'::UUID, NULL]", '["{0}",null]'),
        ("MAP {{'k': '{0}'::UUID}}", '[["k","{0}"]]'),
        ("'{0}'::UUID", "{0}"),
        ("INTERVAL '1 year 2 days 3.5 seconds'", "12 months 2 days 3.500 seconds"),
        (
            "{{'a': 1, 'i': INTERVAL '3 days', 'u': '{0}'::UUID}}",
            '{{"a":1,"i":"0 months 3 days 0.000 seconds","u":"{0}"}}',
        ),
        ("[INTERVAL '3 days', NULL]", '["0 months 3 days 0.000 seconds",null]'),
        (
            "MAP {{'k': {{'b': '\\x01'::BLOB, 'i': [INTERVAL '1.5 seconds']}}}}",
            '[["k",{{"b":"01","i":["0 months 0 days 1.500 seconds"]}}]]',
        ),
        ("MAP {{INTERVAL '1 day': 1.5::DOUBLE}}", '[["0 months 1 days 0.000 seconds",1.5]]'),
        ("TIME '01:02:03.5'", "01:02:03.5"),
    ],
)
def test_types_that_duckdb_writes_have_a_place(tmp_path: Path, sql: str, came: str) -> None:
    uuid = "01010101-0101-0101-0101-010101010101"
    path = tmp_path / "d.parquet"
    duckdb.sql(f"COPY (SELECT {sql.format(uuid)} AS v) TO '{path}'")
    assert read(path)["v"].to_pylist() == [came.format(uuid)]
