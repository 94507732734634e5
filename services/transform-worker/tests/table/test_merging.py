"""Merges: whatever the way into the table (added, merged by deltalake, written anew), the table is the same."""

import random
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_transform_worker.table import merging
from vai_worker.reading.quoting import quoted

MERGED: dict[str, Any] = {"mode": "incremental_merge", "merge_keys": ["id"]}
WAYS = {"anew": {"_MOST_TOUCHED": 0.0}, "by deltalake": {"_MOST_TOUCHED": 2.0}}


@pytest.mark.parametrize("way", WAYS)
def test_any_series_of_merges_is_what_a_dictionary_says_and_keys_are_there_once(
    workshop: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WAYS[way].items():
        monkeypatch.setattr(merging, name, value)
    numbers, known = random.Random(7), dict[int | None, tuple[str, str | None]]()
    for turn in range(6):
        keys: list[int | None] = [*numbers.sample(range(12), numbers.randint(1, 6)), None]
        new = {key: f"{turn}-{key}" for key in keys[: numbers.randint(1, len(keys))]}
        with_more = turn % 2 == 1
        rows = ", ".join(f"({'NULL' if key is None else key}, '{text}', 'more {turn}')" for key, text in new.items())
        columns = "id, t, more" if with_more else "id, t"
        workshop.run(f"SELECT {columns} FROM (VALUES {rows}) v(id, t, more)", **MERGED)
        for key, text in new.items():
            known[key] = (text, f"more {turn}" if with_more else known.get(key, ("", None))[1])
    found = workshop.rows("SELECT id, t, more FROM out")
    assert sorted(map(str, found)) == sorted(str((key, *rest)) for key, rest in known.items())


REFUSED = [
    ("1::BIGINT", "7.9::DOUBLE"),
    ("1::BIGINT", "7.99::DECIMAL(4,2)"),
    ("1::DECIMAL(10,2)", "1.239::DOUBLE"),
    ("1::DECIMAL(10,2)", "'1.239'"),
    ("DATE '2024-01-01'", "TIMESTAMP '2024-02-02 23:59:59'"),
    ("DATE '2024-01-01'", "5"),
    ("[1]", "[1.7::DOUBLE]"),
    ("{'a': 1}", "{'a': 1.9::DOUBLE}"),
    ("TIMESTAMP '2024-01-01'", "TIMESTAMPTZ '2024-01-01 10:00:00+05'"),
    ("1", "' 13 '"),
    ("1", "[1]"),
    ("true", "2"),
    ("'x'", "true"),
    ("'x'", "'\\xFF'::BLOB"),
    ("'x'", "{'a': 1}"),
    ("1::DECIMAL(38,0)", "1.5::DECIMAL(3,1)"),
]


def test_types_that_do_not_meet_are_refused_with_the_cast_and_nothing_is_written(workshop: Any) -> None:
    columns = ", ".join(f"{there} AS c{number}" for number, (there, _) in enumerate(REFUSED))
    workshop.run(f"SELECT 1 AS id, {columns}", **MERGED)
    for number, (_, given) in enumerate(REFUSED):
        pattern = rf"do not fit into silver\.out: column 'c{number}' is .* in the table\. Write CAST\(\"c{number}\" AS"
        with pytest.raises(Permanent, match=pattern) as caught:
            workshop.run(f"SELECT 2 AS id, {given} AS c{number}", **MERGED)
        assert caught.value.code == ErrorCode.DATA_ERROR
    assert workshop.rows("SELECT count(*) FROM out") == [(1,)]


WIDENED = [
    ("7", "3000000000", "BIGINT", "3000000000"),
    ("7::BIGINT", "8::SMALLINT", "BIGINT", "8"),
    ("1.5::FLOAT", "1e300::DOUBLE", "DOUBLE", "1e+300"),
    ("1.5::DECIMAL(2,1)", "10.25::DECIMAL(4,2)", "DECIMAL(4,2)", "10.25"),
    ("1.5::DECIMAL(12,2)", "7", "DECIMAL(12,2)", "7.00"),
    ("1.5::DOUBLE", "9007199254740992", "DOUBLE", "9007199254740992.0"),
    ("TIMESTAMP '2024-01-01 01:00:00'", "DATE '2024-02-02'", "TIMESTAMP", "2024-02-02 00:00:00"),
    ("{'a': 1, 'b': 'x'}", "{'a': 2}", "STRUCT(a INTEGER, b VARCHAR)", "{'a': 2, 'b': NULL}"),
    ("{'a': 1}", "{'a': 3000000000, 'n': 'x'}", "STRUCT(a BIGINT, n VARCHAR)", "{'a': 3000000000, 'n': x}"),
    ("[1]", "[3000000000]", "BIGINT[]", "[3000000000]"),
    ("'x'", "NULL", "VARCHAR", None),
]


def test_equal_and_wider_types_pass_and_the_table_is_widened(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, " + ", ".join(f"{row[0]} AS c{at}" for at, row in enumerate(WIDENED)), **MERGED)
    before = workshop.rows("SELECT COLUMNS('c.*')::VARCHAR FROM out")
    workshop.run("SELECT 2 AS id, " + ", ".join(f"{row[1]} AS c{at}" for at, row in enumerate(WIDENED)), **MERGED)
    found = workshop.rows("SELECT COLUMNS('c.*')::VARCHAR FROM out WHERE id = 2")[0]
    assert list(found) == [row[3] for row in WIDENED]
    kinds = workshop.rows("SELECT " + ", ".join(f"typeof(c{at})" for at in range(len(WIDENED))) + " FROM out LIMIT 1")
    assert list(kinds[0]) == [row[2] for row in WIDENED]
    assert len(workshop.rows("SELECT 1 FROM out WHERE id = 1")) == len(before) == 1


def test_whole_numbers_that_a_double_does_not_hold_are_refused_by_the_columns_name(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, 1.5::DOUBLE AS x", **MERGED)
    with pytest.raises(Permanent, match="Column 'x' has whole numbers that DOUBLE does not hold exactly"):
        workshop.run("SELECT 2 AS id, 9007199254740993 AS x", **MERGED)


@pytest.mark.parametrize(
    ("there", "given"),
    [("1::BIGINT", "1.2::DOUBLE"), ("DATE '2024-01-01'", "TIMESTAMP '2024-01-01 10:00'"), ("1", "3000000000")],
)
def test_keys_never_change_their_type(workshop: Any, there: str, given: str) -> None:
    workshop.run(f"SELECT {there} AS id", **MERGED)
    with pytest.raises(Permanent, match=r"key 'id' is .*keys never change their type"):
        workshop.run(f"SELECT {given} AS id", **MERGED)


def test_names_that_differ_in_their_case_are_the_same_column(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, 'a' AS \"Name\"", **MERGED)
    workshop.run("SELECT 1 AS \"ID\", 'b' AS name", mode="incremental_merge", merge_keys=["Id"])
    assert workshop.rows() == [(1, "b")]
    assert workshop.table().schema().to_arrow().names == ["id", "Name"]


def test_a_column_that_was_null_at_first_takes_the_type_that_it_gets(workshop: Any) -> None:
    workshop.run("SELECT 1 AS id, NULL AS note", **MERGED)
    workshop.run("SELECT 2 AS id, NULL AS note", **MERGED)
    workshop.run("SELECT 3 AS id, '00501' AS note", **MERGED)
    workshop.run("SELECT 3 AS id, NULL AS note", **MERGED)
    workshop.run("SELECT 4 AS id, '7' AS note", **MERGED)
    assert workshop.rows() == [(1, None), (2, None), (3, None), (4, "7")]
    assert workshop.columns == [{"name": "id", "type": "INTEGER"}, {"name": "note", "type": "VARCHAR"}]


def test_rows_that_a_full_refresh_left_twice_are_told_of_before_a_merge(workshop: Any) -> None:
    workshop.run("SELECT unnest([1, 1]) AS id, 'a' AS t")
    with pytest.raises(Permanent, match=r'rows whose merge_keys \("id"\) are the same'):
        workshop.run("SELECT 1 AS id, 'b' AS t", **MERGED)


@pytest.mark.parametrize(("new", "by_deltalake"), [(2, True), (60, False)])
def test_more_rows_than_fit_into_memory_are_merged_on_the_disk(
    workshop: Any, new: int, by_deltalake: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    decide = merging.Merger._is_for_deltalake

    def noted(merger: Any, *given: Any) -> bool:
        found.append(decide(merger, *given))
        return found[-1]

    monkeypatch.setattr(merging, "_MOST_TOUCHED", 2.0)
    monkeypatch.setattr(merging.Merger, "_is_for_deltalake", noted)
    sql = "SELECT range AS id, repeat(chr(97 + (range % 26)::INT), {size}) AS t FROM range({rows})"
    workshop.run(sql.format(size=10, rows=100), **MERGED)
    workshop.perform(workshop.job(sql.format(size=1_000_000, rows=new), memory_mb=192, **MERGED))
    assert found == [by_deltalake]
    lengths = workshop.rows("SELECT count(*), count(DISTINCT id), sum(length(t) // 1_000_000) FROM out")
    assert lengths == [(100, 100, new)]


def test_a_wide_table_is_merged(workshop: Any) -> None:
    wide = ", ".join(f"range + {number} AS c{number}" for number in range(300))
    for start in (0, 1):
        workshop.run(f"SELECT range AS id, {wide} FROM range({start}, {start + 2})", **MERGED)
    assert workshop.rows("SELECT id, c299 FROM out ORDER BY id") == [(0, 299), (1, 300), (2, 301)]


NAMES = [
    *(
        "s.id",
        "t.id",
        "a`b",
        "`",
        'e"f',
        "a'b",
        "a.b",
        "a b",
        " a ",
        "a\\b",
        "a\nb",
        "a\tb",
        "a,b",
        "a;b",
        "a=b",
        "{a}",
    ),
    *("(a)", "[a]", "%20", "a%b", "a/b", "1a", "SELECT", "*", "é", "😀", "$a", "@a", "#a", "a:b", "a?b", "source", "s"),
    *("target", "t", "null", "filename", "file_row_number", "`a`.`b`", 's."x"', "--", "/*"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [None, "a`b", 's."x"', "filename"])
def test_columns_may_be_called_anything(
    workshop: Any, way: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, value in WAYS[way].items():
        monkeypatch.setattr(merging, setting, value)
    names = [each for each in NAMES if name or "`" not in each]
    merged = {"mode": "incremental_merge", "merge_keys": [name or "id"]}

    def run(number: int, text: str) -> None:
        columns = (f"'{number if each == name else text}' AS {quoted(each)}" for each in names)
        workshop.run(f"SELECT {number} AS id, {', '.join(columns)}", **merged)

    for number, text in ((1, "a"), (2, "b"), (1, "c")):
        run(number, text)
    table = workshop.table()
    assert table.schema().to_arrow().names == ["id", *names]
    assert sorted((row["id"], row["a b"]) for row in table.to_pyarrow_table().to_pylist()) == [(1, "c"), (2, "b")]


def test_keys_that_read_the_same_are_not_the_same(workshop: Any) -> None:
    columns = 'AS "a,b", 1 AS a, 1 AS b'
    workshop.run(f"SELECT i {columns} FROM range(2) r(i)", mode="incremental_merge", merge_keys=["a,b"])
    with pytest.raises(Permanent, match=r"merge_keys .* are the same"):
        workshop.run(f"SELECT 1::BIGINT {columns}", mode="incremental_merge", merge_keys=["a", "b"])
