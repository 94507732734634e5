"""Files of one bronze table whose columns have several types: each value is read as it is in its file."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vai_common.errors import Permanent
from vai_worker.reading.united_files import united

LARGE = 2**60 + 1
FILES = {
    "large numbers": ([LARGE], [0.5], "VARCHAR", [str(LARGE), "0.5"]),
    "the largest": ([2**63 - 1, None], [1.0], "VARCHAR", [str(2**63 - 1), None, "1.0"]),
    "numbers that a double holds": ([2**60, 7], [0.5], "DOUBLE", ["1.152921504606847e+18", "7.0", "0.5"]),
    "money": ([Decimal("12345678901234567.25")], [0.5], "VARCHAR", ["12345678901234567.25", "0.5"]),
    "small money": ([Decimal("9.50")], [0.5], "DOUBLE", ["9.5", "0.5"]),
    "true beside a number": ([True], [7], "VARCHAR", ["true", "7"]),
    "true beside text": ([True], ["x"], "VARCHAR", ["true", "x"]),
    "a number beside text": ([LARGE], ["x"], "VARCHAR", [str(LARGE), "x"]),
    "a number beside a date": ([7], [date(2026, 1, 2)], "VARCHAR", ["7", "2026-01-02"]),
    "a number beside a time": (
        [0.5],
        [datetime(2026, 1, 2, 3, tzinfo=UTC)],
        "VARCHAR",
        ["0.5", "2026-01-02 03:00:00+00"],
    ),
    "true beside a date": ([True], [date(2026, 1, 2)], "VARCHAR", ["true", "2026-01-02"]),
    "a date beside a time": ([date(2026, 1, 2)], [time(3)], "VARCHAR", ["2026-01-02", "03:00:00"]),
    "bytes beside a number": ([b"x"], [7], "VARCHAR", ["x", "7"]),
    "a date beside an instant": (
        [date(2026, 1, 2)],
        [datetime(2026, 1, 2, 3)],  # noqa: DTZ001
        "TIMESTAMP",
        ["2026-01-02 00:00:00", "2026-01-02 03:00:00"],
    ),
    "NULLs beside a date": ([None], [date(2026, 1, 2)], "DATE", ["None", "2026-01-02"]),
    "lists": ([[LARGE]], [[0.5]], "VARCHAR[]", [f"[{LARGE}]", "[0.5]"]),
    "lists of small ones": ([[7]], [[0.5]], "DOUBLE[]", ["[7.0]", "[0.5]"]),
    "structs": (
        [{"a": LARGE}],
        [{"a": 0.5, "b": "x"}],
        "STRUCT(a VARCHAR, b VARCHAR)",
        [f"{{'a': {LARGE}, 'b': NULL}}", "{'a': 0.5, 'b': x}"],
    ),
    "structs that hold": (
        [{"a": 7}],
        [{"a": 0.5, "b": "x"}],
        "STRUCT(a DOUBLE, b VARCHAR)",
        ["{'a': 7.0, 'b': NULL}", "{'a': 0.5, 'b': x}"],
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_several_types_are_read_exactly(workshop: Any, case: str) -> None:
    one, other, kind, shown = FILES[case]
    files = [[{"n": 1, "Id": value, "z": 1} for value in one], [{"id": value} for value in other], [{"n": 3}]]
    table = workshop.bronze("old.orders", *files)
    workshop.run("SELECT n, id FROM {{ bronze_orders }} WHERE n IS DISTINCT FROM 3", table)
    text = "SELECT typeof(id), CAST(id AS VARCHAR) FROM out ORDER BY n NULLS LAST, id"
    found = workshop.rows(text)
    assert {row[0] for row in found} == {kind}
    assert sorted(map(str, (row[1] for row in found))) == sorted(map(str, shown))
    assert ("column_read_as_text" in workshop.link.events) == (
        "VARCHAR" in kind and "hold" not in case and other != ["x"]
    )


@pytest.mark.parametrize(
    "sql", ["SELECT sum(id) s FROM {{ b }}", "SELECT id::DATE d FROM {{ b }}", "SELECT id - 1 AS d FROM {{ b }}"]
)
def test_an_error_about_a_column_that_was_read_as_text_says_so(workshop: Any, sql: str) -> None:
    table = workshop.bronze("old.orders", [{"id": LARGE}], [{"id": 0.5}]) | {"as": "b"}
    with pytest.raises(Permanent, match=r"id of bronze\.old\.orders was read as text .*(BIGINT|DOUBLE) and .*CAST it"):
        workshop.run(sql, table)


def test_the_columns_that_agree_and_those_without_a_type_stay(workshop: Any) -> None:
    table = workshop.bronze("old.orders", [{"id": LARGE, "a": 1, "x": None}], [{"id": 0.5, "a": 2, "x": None}])
    workshop.inputs["bronze.old.orders"]["columns"] = [{"name": "x", "type": "NULL"}]
    workshop.run("SELECT a, x, CAST(id AS DECIMAL(38,2)) AS id FROM {{ bronze_orders }}", table)
    assert workshop.rows() == [(1, Decimal(f"{LARGE}.00")), (2, Decimal("0.50"))]


SCALARS = [
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(),
    st.booleans(),
    st.sampled_from(["", "a", "1", "1.50", "007"]),
    st.decimals(min_value=-(10**17), max_value=10**17, places=2),
]
SHAPES = [*[lambda value: value] * 3, lambda value: [value, None], lambda value: {"a": value}]


@pytest.fixture(scope="module")
def plain() -> Any:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@given(
    values=st.lists(st.sampled_from(SCALARS).flatmap(lambda kind: st.lists(kind, min_size=1, max_size=3)), min_size=2),
    shape=st.sampled_from(SHAPES),
)
@settings(max_examples=40, deadline=None)
def test_any_files_come_back_from_what_is_read(
    plain: Any, tmp_path_factory: pytest.TempPathFactory, values: list[list[Any]], shape: Any
) -> None:
    folder: Path = tmp_path_factory.mktemp("files")
    files = []
    for number, column in enumerate(values[:4]):
        file = folder / f"{number}.parquet"
        at = range(number * 10, number * 10 + len(column))
        pq.write_table(pa.table({"place": list(at), "x": [shape(value) for value in column]}), file)
        files.append(str(file))
    relation = united(plain, files).relation
    for number, file in enumerate(files):
        kind = plain.sql(f"SELECT x FROM '{file}'").types[0]
        query = f"SELECT place, CAST(x AS VARCHAR) FROM '{file}' ORDER BY place"
        ours = (
            f"SELECT place, CAST(CAST(x AS {kind}) AS VARCHAR) FROM {relation} WHERE place // 10 = {number} ORDER BY 1"
        )
        assert plain.sql(ours).fetchall() == plain.sql(query).fetchall()
