"""Values of JSON and parquet: none comes out as another one, and every column can be queried."""

import json
import math
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.values.columns import as_texts, plain, table_of, type_name
from vai_extract_worker.values.common_columns import fitted, joined, one_spelling, stored
from vai_extract_worker.values.declared import declared, declared_texts
from vai_extract_worker.values.jsontext import as_text, compact, parse

# JSON

NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,4})?", fullmatch=True),
)


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.booleans())
def test_a_number_of_json_is_exactly_what_was_written(numbers: list[str], nested: bool) -> None:
    rows = [f'{{"v": {{"n": {number}}}}}' if nested else f'{{"v": {number}}}' for number in numbers]
    column = table_of(parse(f"[{', '.join(rows)}]".encode()))["v"]
    found = (
        [json.loads(text, parse_float=Decimal, parse_int=Decimal)["n"] for text in column.to_pylist()]
        if nested
        else [Decimal(as_text(value) or "") for value in column.to_pylist()]
    )
    assert found == [Decimal(number) for number in numbers]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e400", "1e400"),
        ("-1E-999", "-1E-999"),
        ("100000000000000000000.01", "100000000000000000000.01"),
        ("0.30000000000000004", 0.30000000000000004),
        ("9.5", 9.5),
        ("1e5", 100000.0),
        ('"100000000000000000000.01 e400"', "100000000000000000000.01 e400"),
    ],
)
def test_an_ordinary_fraction_is_a_double_and_any_other_keeps_its_text(text: str, value: Any) -> None:
    assert table_of(parse(f'[{{"v": {text}}}]'.encode()))["v"].to_pylist() == [value]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=4), min_size=1, max_size=6))
def test_any_json_becomes_a_table_that_duckdb_reads(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Half characters, empty names, names that differ in case, mixed kinds: no error, no row lost."""
    table = one_spelling(table_of(parse(json.dumps(rows).encode())), {})
    pq.write_table(plain(table), path := tmp_path_factory.mktemp("json") / "t.parquet")
    assert len(duckdb.read_parquet(str(path)).fetchall()) == len(rows)


def test_a_value_that_is_nested_too_deep_is_told() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Permanent, match="nested too deep") as raised:
        table_of([{"v": value}])
    assert raised.value.code is ErrorCode.DATA_ERROR


def test_a_declared_value_that_does_not_fit_is_told_without_it() -> None:
    for kind, value in (
        ("bigint", "secret"),
        ("bigint", 7.5),
        ("bigint", 2**63),
        ("decimal(4,2)", "1.234"),
        ("bool", 3),
    ):
        with pytest.raises(Permanent, match=f"declared {kind.partition('(')[0]}") as raised:
            table_of([{"v": None}, {"v": value}], {"v": kind})
        assert str(value) not in raised.value.message.replace(kind, "")


# Spellings

SPELLED = st.dictionaries(st.sampled_from(["Code", "code", "CODE"]), st.integers(0, 9), min_size=1)


@given(st.lists(SPELLED, min_size=1, max_size=8), st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_where_a_page_ends_does_not_change_which_column_a_name_is(rows: list[Any], cuts: list[int]) -> None:
    pages, rest = [], rows
    for cut in cuts:
        if rest:
            pages.append(rest[:cut])
            rest = rest[cut:]
    spelled: dict[str, str] = {}
    tables = []
    for page in pages:
        tables.append(table := one_spelling(table_of(page), spelled))
        spelled = {name.lower(): name for name in table.column_names} | spelled
    whole = one_spelling(table_of(rows), {})
    assert filled(joined(tables)) == filled(whole)
    assert all(sorted(row.values()) == sorted(given.values()) for row, given in zip(filled(whole), rows, strict=True))


def filled(table: pa.Table) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]


def test_exact_decimals_join_doubles_that_a_table_has_where_no_digit_is_lost() -> None:
    known = [{"name": "v", "type": "DOUBLE"}]
    few, many = (
        pa.table({"v": pa.array([Decimal(text)], pa.decimal128(18, 2))}) for text in ("9.50", f"{'1' * 16}.25")
    )
    assert type_name(fitted(few, known)["v"].type) == "DOUBLE"
    assert stored(fitted(many, known), known)["v"].to_pylist() == [f"{'1' * 16}.25"]


# Types that meet

WORDED: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats().map(lambda value: math.nan if math.isnan(value) else value)),
    (pa.decimal128(38, 10), st.decimals(-(10**9), 10**9, places=10)),
    (pa.date32(), st.integers(-1_500_000, 2_000_000)),
    (pa.timestamp("us"), st.integers(-(10**17), 10**18) | st.datetimes()),
    (pa.timestamp("ms"), st.integers(-(10**14), 10**15)),
    (pa.timestamp("us", "UTC"), st.integers(-(10**17), 10**18) | st.datetimes(timezones=st.just(UTC))),
    (pa.time64("us"), st.times()),
]

READER = duckdb.connect()
READER.execute("SET TimeZone = 'UTC'")


@given(st.data())
def test_a_value_that_becomes_text_is_the_text_that_duckdb_casts_it_to(data: st.DataObject) -> None:
    """For a reader of bronze casts what was stored before a type met another."""
    kind, values = data.draw(st.sampled_from(WORDED))
    column = pa.array(data.draw(st.lists(st.none() | values, min_size=1, max_size=6)), kind)
    READER.register("source", pa.table({"v": column}))
    told = [text for (text,) in READER.execute("SELECT v::VARCHAR FROM source").fetchall()]
    assert as_texts(column).to_pylist() == told
    before = [{"name": "v", "type": "VARCHAR"}]
    assert stored(pa.table({"v": column}), before)["v"].to_pylist() == told
    met = joined([pa.table({"v": column}), pa.table({"v": ["x"]})])["v"].to_pylist()
    assert met == [*told, "x"] or column.null_count == len(column)
    with suppress(ValueError, OverflowError):  # of Python, which has no place for some
        assert [as_text(value) for value in column.to_pylist()] == told


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (
            pa.array([[1, 1000]], pa.list_(pa.timestamp("ns"))),
            '["1970-01-01T00:00:00.000000001","1970-01-01T00:00:00.000001"]',
        ),
        (
            pa.array([{"t": 1}], pa.struct([("t", pa.timestamp("ns", "UTC"))])),
            '{"t":"1970-01-01T00:00:00.000000001+00:00"}',
        ),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.time64("ns"))), '[["a","00:00:00.000000001"]]'),
        (
            pa.array([[{"d": [5_000_000]}]], pa.list_(pa.struct([("d", pa.list_(pa.date32()))]))),
            '[{"d":["15659-07-15"]}]',
        ),
        (pa.array([[1]], pa.list_(pa.duration("ns"))), '["0.000000001 seconds"]'),
        (pa.array([[1.5, math.inf, math.nan, None]]), '[1.5,"inf","nan",null]'),
        (pa.array([{"a": -math.inf}]), '{"a":"-inf"}'),
    ],
    ids=str,
)  # fmt: skip
def test_what_python_or_json_have_no_value_for_is_a_text_within_nested_values(column: pa.Array, text: str) -> None:
    assert plain(pa.table({"v": column}))["v"].to_pylist() == [text]


def test_json_that_is_kept_as_text_says_what_is_no_number() -> None:
    deep: Any = 1
    for _ in range(700):
        deep = [deep]
    assert compact(deep) == "[" * 700 + "1" + "]" * 700
    nested, bare = parse(b'[{"a": [NaN, null, "NaN", -Infinity]}, NaN]')
    assert compact(nested) == '{"a":["nan",null,"NaN","-inf"]}'
    assert [as_text(bare), table_of([{"v": bare}])["v"].type] == ["nan", pa.float64()]


# Parquet

KINDS: list[tuple[pa.DataType, list[Any], str, list[str]]] = [
    (pa.decimal128(38, 10), [Decimal("1.0000000001")], "DECIMAL(38,10)", ["1.0000000001"]),
    (pa.decimal256(60, 0), [Decimal("1" * 50)], "VARCHAR", ["1" * 50]),
    (pa.decimal256(20, 2), [Decimal("9.50")], "DECIMAL(20,2)", ["9.50"]),
    (pa.timestamp("ns"), [datetime.fromisoformat("2020-01-01T01:02:03")], "TIMESTAMP", ["2020-01-01 01:02:03"]),
    (pa.timestamp("us"), [datetime.fromisoformat("1600-01-01")], "TIMESTAMP", ["1600-01-01 00:00:00"]),
    (
        pa.timestamp("ms", "Europe/Berlin"),
        [datetime(2020, 1, 1, tzinfo=UTC)],
        "TIMESTAMP WITH TIME ZONE",
        ["2020-01-01 00:00:00+00"],
    ),
    (pa.duration("ms"), [timedelta(seconds=90, milliseconds=500)], "VARCHAR", ["90.500 seconds"]),
    (pa.time64("ns"), [time(1, 2, 3)], "VARCHAR", ["01:02:03"]),
    (pa.time32("s"), [time(23, 59, 1)], "VARCHAR", ["23:59:01"]),
    (pa.date64(), [date(2024, 2, 29)], "DATE", ["2024-02-29"]),
    (pa.list_(pa.binary()), [[b"\x00\xff"]], "VARCHAR", ['["00ff"]']),
    (pa.struct([("d", pa.decimal128(5, 2))]), [{"d": Decimal("9.50")}], "VARCHAR", ['{"d":9.50}']),
    (pa.float16(), [1.5], "DOUBLE", ["1.5"]),
    (pa.uint64(), [2**64 - 1], "UBIGINT", [str(2**64 - 1)]),
    (pa.large_string(), ["x"], "VARCHAR", ["x"]),
    (pa.dictionary(pa.int8(), pa.string()), ["x"], "VARCHAR", ["x"]),
    (pa.uuid(), [b"\x01" * 16], "VARCHAR", ["01010101-0101-0101-0101-010101010101"]),
    (pa.null(), [None], "NULL", ["None"]),
]


@pytest.mark.parametrize(("kind", "values", "name", "texts"), KINDS, ids=lambda value: str(value)[:30])
def test_each_type_of_parquet_has_its_place(
    tmp_path: Path, kind: pa.DataType, values: list[Any], name: str, texts: list[str]
) -> None:
    pq.write_table(pa.table({"v": pa.array(values, kind)}), tmp_path / "source.parquet")
    table = plain(pq.ParquetFile(tmp_path / "source.parquet").read())
    assert type_name(table["v"].type) == name
    pq.write_table(table, tmp_path / "bronze.parquet")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.execute(
        "SELECT typeof(v), v::VARCHAR FROM read_parquet(?)", [str(tmp_path / "bronze.parquet")]
    ).fetchall()
    assert [(kind.strip('"'), str(text)) for kind, text in found] == [(name, text) for text in texts]


def test_nanoseconds_are_kept_as_text_and_never_cut() -> None:
    column = pa.array([1, 1_000_000_001], pa.timestamp("ns"))
    assert plain(pa.table({"v": column}))["v"].to_pylist()[1] == "1970-01-01 00:00:01.000000001"
    zoned = pa.array([1_000_000_001], pa.timestamp("ns", "Europe/Berlin"))
    assert plain(pa.table({"v": zoned}))["v"].to_pylist() == ["1970-01-01 00:00:01.000000001+00"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "5", 5),
        ("bigint", "5.0", 5),
        ("bigint", "-5.00", -5),
        *(("bigint", text, None) for text in ("1.000", "-5.000", "25.000.000", "0x10", "0XFF", "٥", "５", "")),
        *((kind, "٥", None) for kind in ("double", "decimal(9,2)")),
        *((kind, "0x10", None) for kind in ("double", "decimal(9,2)", "bool")),
        *((kind, value, None) for kind in ("bigint", "double", "decimal(9,2)") for value in (True, False)),
        ("bigint", "9223372036854775807.0", 9223372036854775807),
        ("bigint", "5.01", None),
        ("bigint", "1_000", None),
        ("bigint", "1e999999999", None),
        ("bigint", "nan", None),
        ("double", "1_000", None),
        ("decimal(9,2)", "1_000", None),
        *(("bool", word, True) for word in ("true", "T", "yes", "1")),
        *(("bool", word, False) for word in ("False", "f", "NO", "0")),
        *(("bool", value, None) for value in ("2", "1.0", 1.0, 2, "y", "on", "wahr", "ja", "")),
        *(("bool", value, True) for value in (True, 1)),
    ],
)
def test_a_declared_type_takes_the_usual_spellings_and_no_others(kind: str, text: str, value: Any) -> None:
    array, unfit = declared(kind, [text])
    assert (array.to_pylist(), unfit) == ([value], [0] if value is None else [])
    if isinstance(text, str):  # the quick way says the same
        column, unfit = declared_texts(kind, pa.chunked_array([pa.array([text], pa.string())]))
        assert (column.to_pylist(), unfit) == ([value], [0] if value is None else [])


LONG = st.from_regex(r"-?[0-9]{0,50}\.0{0,90}[0-9]{0,50}", fullmatch=True)


@given(st.lists(st.none() | NUMBERS | st.text("0123456789.,+-eE _x٣", max_size=8) | LONG, max_size=4))
def test_decimals_that_are_all_texts_are_read_as_each_alone_among_numbers(values: list[str | None]) -> None:
    kind = "decimal(18,4)"
    alone = [declared(kind, [value, 0]) for value in values]
    found, unfit = declared(kind, values)
    assert found.to_pylist() == [one[0].as_py() for one, _ in alone]
    assert unfit == [place for place, (_, wrong) in enumerate(alone) if wrong]
    column, wrong = declared_texts(kind, pa.chunked_array([pa.array(values, pa.string())]))
    assert (column.to_pylist(), wrong) == (found.to_pylist(), unfit)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("2026-01-31T00:00:00", date(2026, 1, 31)),
        ("2026-01-31 00:00:00.000Z", date(2026, 1, 31)),
        (datetime(2026, 1, 31, tzinfo=UTC), date(2026, 1, 31)),
        (date(2026, 1, 31), date(2026, 1, 31)),
        ("2026-01-31 10:00:00", None),
        ("2026-01-31T00:00:00+02:00", None),
        ("2026-01-31 00:00:00.0000001", None),
        (datetime(2026, 1, 31, 10, tzinfo=UTC), None),
        ("2026-01-31x", None),
    ],
)
def test_a_declared_date_takes_no_time_away(value: Any, day: date | None) -> None:
    if day is None:
        with pytest.raises(Permanent, match=r"declared date, and .* Declare it timestamp where it has a time"):
            table_of([{"v": value}], {"v": "date"})
    else:
        assert table_of([{"v": value}], {"v": "date"})["v"].to_pylist() == [day]


def test_two_columns_of_one_name_are_two_columns(tmp_path: Path) -> None:
    table = plain(pa.table([pa.array([1]), pa.array(["x"])], ["id", "ID"]))
    assert table.column_names == ["id", "ID_2"]


SCALARS = st.sampled_from(
    [
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(codec="utf-8")),
        st.dates(),
        st.datetimes(),
        st.datetimes(timezones=st.just(UTC)),
        st.binary(),
        st.decimals(-(10**6), 10**6, places=3),
        st.times(),
    ]
)


@given(st.data())
def test_what_parquet_holds_comes_through_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | data.draw(SCALARS), min_size=1, max_size=8))
    source = pa.table({"v": pa.array(values)})
    pq.write_table(source, path := tmp_path_factory.mktemp("parquet") / "t.parquet")
    found = plain(pq.ParquetFile(path).read())["v"].to_pylist()
    assert all(
        one == (str(other).rstrip("0") if isinstance(other, time) and other.microsecond else str(other))
        if isinstance(other, time)
        else one == other or (isinstance(one, float) and math.isclose(one, other))
        for one, other in zip(found, values, strict=True)
    )
