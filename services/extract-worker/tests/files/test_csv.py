"""Csv files: every text comes back as it was written, whatever the dialect, the types and the size of a block."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files import csv_records
from vai_extract_worker.values.common_columns import joined

from .csv_reading import columns, reads, table


def text_of(value: Any) -> str:
    """As DuckDB writes a value of a type that csv files get."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# What is inferred

NUMBERLIKE = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.from_regex(r"[-+]?[0-9]{0,4}(\.[0-9]{0,3})?([eE][-+]?[0-9])?", fullmatch=True),
    st.sampled_from(
        ["true", "false", "TRUE", "1.10", "1.1", "007", "-0", "-0.00", "+49170", "12E5", "NA", "", "2026-01-01"]
    ),
)
CELLS = st.one_of(NUMBERLIKE, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
KINDS = st.sampled_from(
    [CELLS, NUMBERLIKE, st.integers(-50, 50).map(str), st.integers(0, 999).map(lambda n: f"{n}.{n % 90 + 10}")]
)
DIALECTS = st.fixed_dictionaries(
    {"delimiter": st.sampled_from(",;\t|"), "quotechar": st.sampled_from("\"'"),
     "lineterminator": st.sampled_from(["\n", "\r\n"]),
     "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])}
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    kinds = draw(st.lists(KINDS, min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*kinds).map(list), min_size=1, max_size=20))
    return [f"c{number}" for number in range(len(kinds))], rows


@given(files(), DIALECTS, st.integers(8, 200), st.sampled_from([None, "utf-8-sig", "utf-16", "utf-32"]))
def test_what_python_writes_is_read_as_the_same_texts_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, written: Any, dialect: Any, block: int, encoding: str | None
) -> None:
    names, rows = written
    if any("\r" in cell for row in rows for cell in row):
        dialect = dialect | {"lineterminator": "\r\n"}  # Python's writer quotes only what is in the line's end
    sink = io.StringIO(newline="")
    csv.writer(sink, **dialect).writerows([names, *rows])
    data = sink.getvalue().encode(encoding or "utf-8")
    folder = tmp_path_factory.mktemp("csv")
    options = {"delimiter": dialect["delimiter"], "quote": dialect["quotechar"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "BLOCK_BYTES", block)
        found = table(folder, data, **options)
    whole = table(folder, data, **options)
    assert found.schema == whole.schema, "the size of a block decides nothing"
    assert found.equals(whole)
    back = [[text_of(value) for value in row.values()] for row in whole.to_pylist()]
    assert back == rows


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-7", "0"], "BIGINT"),
        (["9.50", "-10.25"], "DECIMAL(18,2)"),
        (["1234567890123456789012.5"], "DECIMAL(38,1)"),
        (["true", "false"], "BOOLEAN"),
        (["TRUE", "true"], "VARCHAR"),
        (["+491701234567"], "VARCHAR"),
        (["12E5", "7E10"], "VARCHAR"),
        (["1e3"], "VARCHAR"),
        (["+5", "-7"], "VARCHAR"),
        (["007"], "VARCHAR"),
        (["-0"], "VARCHAR"),
        (["-0.00"], "VARCHAR"),
        (["1.10", "1.1"], "VARCHAR"),
        (["1", "1.5"], "VARCHAR"),
        ([".5"], "VARCHAR"),
        (["1,5"], "VARCHAR"),
        (["9223372036854775808"], "VARCHAR"),
        (["1", "NA"], "VARCHAR"),
        (["0x1F"], "VARCHAR"),
        (["2026-01-01"], "VARCHAR"),
    ],
)
def test_a_type_is_inferred_only_where_every_text_comes_back_from_it(
    tmp_path: Path, values: list[str], kind: str
) -> None:
    data = "v;n\n" + "".join(f"{value};x\n" for value in values)
    found, texts = columns(tmp_path, data)["v"]
    assert (found, [text_of(value) for value in texts]) == (kind, values)


def test_only_an_empty_field_is_null_until_the_resource_names_other_words(tmp_path: Path) -> None:
    data = 'n,v\n1,\n2,""\nNA,"NA"\n'
    assert columns(tmp_path, data) == {"n": ("VARCHAR", ["1", "2", "NA"]), "v": ("VARCHAR", [None, "", "NA"])}
    named = columns(tmp_path, data, null_words=["NA"])
    assert named == {"n": ("BIGINT", [1, 2, None]), "v": ("VARCHAR", [None, "", "NA"])}


def test_all_can_be_text_and_some_can_be_declared(tmp_path: Path) -> None:
    data = "id,price,day\n1,9.5,2026-01-31\n2,10.25,2026-02-28\n"
    assert columns(tmp_path, data, types="text")["id"] == ("VARCHAR", ["1", "2"])
    declared = columns(tmp_path, data, types="text", columns={"price": "decimal(10,3)", "day": "date"})
    assert declared["price"] == ("DECIMAL(10,3)", [Decimal("9.500"), Decimal("10.250")])
    assert declared["day"][0] == "DATE"
    assert declared["id"][0] == "VARCHAR"


# How it is written


@pytest.mark.parametrize(
    ("data", "options", "names", "rows"),
    [
        ('"Order\nId",name\n1,a\n2,b\n', {}, ["Order\nId", "name"], 2),
        ("\n\r\n\nid,v\n1,a\n2,b\n", {}, ["id", "v"], 2),
        ("id\tv\n1\ta\n", {}, ["id", "v"], 1),
        ("a;b\n1,5;2,5\n2,5;3,5\n", {}, ["a", "b"], 2),
        ("a|b\n1|2\n", {}, ["a", "b"], 1),
        ("id\n1\n2\n", {}, ["id"], 2),
        ("id,v\r1,a\r2,b\r", {}, ["id", "v"], 2),
        ("id,v\n1,a\n2,b", {}, ["id", "v"], 2),
        ("id,id,\n1,2,3\n", {}, ["id", "id_2", "column"], 1),
        ("# made by us\n# on Monday\nid,v\n1,a\n", {"skip_lines": 2}, ["id", "v"], 1),
        ("1,a\n2,b\n", {"header": False}, ["column_1", "column_2"], 2),
        ("1,a\n2,b\n", {"header": False, "names": ["id", "v"]}, ["id", "v"], 2),
        ("x,y\n1,a\n", {"names": ["id", "v"]}, ["id", "v"], 1),
        ("id,v\n1,'a,b'\n", {"quote": "'"}, ["id", "v"], 1),
        ('id,v\n1,"a\n2,b\n', {"quote": ""}, ["id", "v"], 2),
        ('id,v\n1,"a\\"b"\n', {"escape": "\\"}, ["id", "v"], 1),
        ('size,v\n5" pipe,a\n6" pipe,b\n', {}, ["size", "v"], 2),
        ("\n", {}, [], 0),
        ("", {}, [], 0),
        ("id,v\n", {}, ["id", "v"], 0),
        ("sep=;\nid;v\n1;a,b\n", {}, ["id", "v"], 1),
        ('"v";"a, b"\n"1";"1,5"\n', {}, ["v", "a, b"], 1),
        ('"a, b";"v"\n"1,5";"1"\n', {}, ["a, b", "v"], 1),
        ("a, b;n\n1,5;3\n", {"delimiter": ";"}, ["a, b", "n"], 1),
        ("v;a\n1,5;1,5\n2,5;2,5\n", {}, ["v", "a"], 2),
    ],
)
def test_headers_blank_lines_delimiters_and_quotes(
    tmp_path: Path, data: str, options: dict[str, Any], names: list[str], rows: int
) -> None:
    found = table(tmp_path, data, **options)
    assert (found.column_names, len(found)) == (names, rows)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "iso-8859-15", "shift_jis"])
def test_other_encodings_can_be_said(tmp_path: Path, encoding: str) -> None:
    word = "東京" if encoding == "shift_jis" else "Müller & Söhne"
    assert columns(tmp_path, f"id,v\n1,{word}\n".encode(encoding), encoding=encoding)["v"][1] == [word]


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        ('id,v\n1,a\n2,"b\n3,c\n', {}, r"quote that opens in line 3 is not closed"),
        ("id,v\n1,a\n2,secret,x\n", {}, r"line 3: the row has 3 fields where the header has 2"),
        ('id,v\n"1\n\n",a\n2\n', {}, r"line 5: the row has 1 fields"),
        (b"id,v\n1,a\n2,M\xfcller\n", {}, r"no UTF-8 text in line 3; set encoding"),
        ("id,v\n1,a\n".encode("utf-16-le"), {}, "looks like UTF-16"),
        ("1,50;2\n2,50;3\n", {"header": False}, "delimiter of items.csv cannot be told"),
        ("Betrag, netto;Menge\n1,50;2\n2,50;3\n", {}, "delimiter of items.csv cannot be told"),
        ("day;a, b;n\n01.02.2026;1.234,56;3\n02.02.2026;99,10;4\n", {}, "delimiter of items.csv cannot be told"),
        ("a, b\tn\n1,5\t3\n", {}, "delimiter of items.csv cannot be told"),
        ("a, b|n\n1,5|3\n", {}, "delimiter of items.csv cannot be told"),
        ("id^v\n1^a\n", {}, "delimiter of items.csv cannot be told"),
        ("a||b\n1||2\n", {}, "delimiter of items.csv cannot be told"),
        ("a,,b\n1,,2\n", {}, "delimiter of items.csv cannot be told"),
        ("<html>\n<table>\n<tr>\n", {}, "HTML or XML"),
        ("\n<!DOCTYPE html>\n", {}, "HTML or XML"),
        (b"id,v\n1,\x81\n", {"encoding": "cp1252"}, r"no cp1252 text in line 2"),
        ("id,v\n1,a\nsecret,b\n", {"columns": {"id": "bigint"}}, r"line 3: the column id is declared bigint"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line_and_never_by_its_text(
    tmp_path: Path, data: str | bytes, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(Permanent, match=said) as raised:
        reads(tmp_path, data, **options)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert "secret" not in f"{raised.value} {raised.value.details}"
    assert "ller" not in f"{raised.value} {raised.value.details}"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("values", [["1", "", "3"], ["", "1"], ["1", "", ""], ["", "", "x", "", "y"]])
@pytest.mark.parametrize("block", [4, 1024])
def test_an_empty_line_of_an_only_column_is_a_row(
    tmp_path: Path, newline: str, header: bool, values: list[str], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", block)
    data = newline.join([*(["id"] if header else []), *values, ""])
    found = joined([read.table for read in reads(tmp_path, data, header=header, types="text") if len(read.table)])
    assert found[found.column_names[0]].to_pylist() == [value or None for value in values]


def test_a_bad_value_of_an_only_column_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="line 4: the column id is declared bigint"):
        reads(tmp_path, "id\n1\n\nx\n", columns={"id": "bigint"})


def test_bad_rows_can_be_kept_apart_each_with_its_line(tmp_path: Path) -> None:
    data = 'id,v\n1,"a\nb"\n2,b,c\nx,d\n4,e\n5\n'
    found = reads(tmp_path, data, on_bad_row="reject", columns={"id": "bigint"})
    rejects = [(reject.line, reject.row) for read in found for reject in read.rejects]
    assert sorted(rejects) == [(4, "2,b,c"), (5, "x,d"), (7, "5")]
    assert joined([read.table for read in found if len(read.table)])["id"].to_pylist() == [1, 4]


BROKEN_QUOTES = [
    'id,t\n1,"abc\n2,"def"\n3,x\n',
    'id,t,n\n1,"5" pipe",2\n',
    'id,t\n1,"say \\"hi\\""\n',
    'id\tt\n2\t"x" y\n',
    'id,t\n1,"a" \n',
    'id,t\n1,"a"\n2,"b" c',
    'id,"t"x\n1,a\n',
    't\n"a"b\n',
    'id,t\r\n1,"a\r\n2,"b"\r\n',
    'id,t\n1,\\"hi\\"\n',
    'id,t\n1,a\\"\n',
]


@pytest.mark.parametrize("data", BROKEN_QUOTES)
def test_text_after_a_closing_quote_is_an_error_and_never_another_value(tmp_path: Path, data: str) -> None:
    with pytest.raises(Permanent, match=r"line [123]: .*quote") as raised:
        reads(tmp_path, data)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert ("escape to" in raised.value.message) == ("\\" in data)


@pytest.mark.parametrize("block", [8, 1000])
def test_rows_with_broken_quotes_can_be_kept_apart(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", block)
    data = 'id,v\n1,"a\nb"\n2,"c\n3,"d"\n4\nx,e\n5,"f"\n6,"g" h\n7,i'
    found = reads(tmp_path, data, on_bad_row="reject", columns={"id": "bigint"})
    rejects = [(reject.line, reject.row) for read in found for reject in read.rejects]
    assert sorted(rejects) == [(4, '2,"c\n3,"d"'), (6, "4"), (7, "x,e"), (9, '6,"g" h')]
    assert joined([read.table for read in found if len(read.table)]).to_pylist() == [
        {"id": 1, "v": "a\nb"}, {"id": 5, "v": "f"}, {"id": 7, "v": "i"},
    ]  # fmt: skip
    alone = reads(tmp_path, 'v\n"a"b\n\n"c\nd"\n,\n', on_bad_row="reject", delimiter=",")
    assert [(reject.line, reject.row) for read in alone for reject in read.rejects] == [(2, '"a"b'), (6, ",")]
    assert [value for read in alone for value in read.table["v"].to_pylist()] == [None, "c\nd"]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ("1,50;2\n2,50;3\n", {"header": False}),
        ("Betrag, netto;Menge\n1,50;2\n2,50;3\n", {}),
        ("Betrag, netto;Menge\n1,50;2\n2,50;3;4\n", {}),
        ("Umsatz, EUR;Menge\n1;2\n3;4;5\n", {}),
        ("Datum;Umsatz, EUR;n\n01.02.2026;1.234,56;3\n02.02.2026;99,10;4\n", {}),
        ("first, last;v\nSmith, J.;1\n", {}),
        ("a\tb,c\n1\t2,3\n", {}),
        ("a|b,c\n1|2,3\n", {}),
        ("1,a;b\n2,c;d\n", {"header": False}),
    ],
)
def test_where_two_delimiters_may_be_meant_it_is_asked_for(tmp_path: Path, data: str, options: Any) -> None:
    with pytest.raises(Permanent, match=r"delimiter of items\.csv cannot be told; set delimiter"):
        reads(tmp_path, data, **options)


@pytest.mark.parametrize(
    ("data", "name", "names"),
    [
        ('id,"x;y"\n1,"a;b"\n', "items.csv", ["id", "x;y"]),
        ('"a,b";c\n"1,5";2\n', "items.csv", ["a,b", "c"]),
        ("a;b\n1,5;2,5\n", "items.csv", ["a", "b"]),
        ("id,tags\n1,a;b\n2,c;d\n", "items.csv", ["id", "tags"]),
        ("a\tb,c\n1\t2,3\n", "items.tsv", ["a", "b,c"]),
        ("id,at\n1,12:30\n2,13:30\n", "items.csv", ["id", "at"]),
    ],
)
def test_headers_and_quotes_tell_the_delimiter(tmp_path: Path, data: str, name: str, names: list[str]) -> None:
    assert reads(tmp_path, data, name)[0].table.column_names == names


@given(files(), st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
       st.booleans(), st.booleans(), st.booleans())  # fmt: skip
def test_what_nobody_has_described_is_read_as_the_same_or_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, written: Any, delimiter: str, quoting: Any, doubled: bool, told: bool,
    escaped: bool,
) -> None:  # fmt: skip
    names, rows = written
    if not (told and escaped):  # a backslash that stands alone may be itself or not
        rows = [[cell.replace("\\", "/") for cell in row] for row in rows]
    sink = io.StringIO(newline="")
    dialect = {"doublequote": doubled, "escapechar": "\\" if escaped or not doubled else None}
    csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator="\n", **dialect).writerows([names, *rows])
    options = {"delimiter": delimiter} | ({"escape": "\\"} if escaped else {}) if told else {}
    try:
        found = table(tmp_path_factory.mktemp("csv"), sink.getvalue(), **options)
    except Permanent:
        if told and (doubled or escaped):
            raise
        return
    assert [[text_of(value) for value in row.values()] for row in found.to_pylist()] == rows


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(
    values=st.lists(st.none() | st.sampled_from(["a", "", "b\n\nc"]), min_size=1, max_size=9), block=st.integers(1, 40)
)
def test_an_empty_line_of_the_only_column_is_a_null(
    tmp_path_factory: pytest.TempPathFactory, end: str, values: list[str | None], block: int
) -> None:
    """As Postgres and DuckDB write it."""
    data = "".join(("" if value is None else f'"{value}"') + end for value in values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "BLOCK_BYTES", block)
        found = table(tmp_path_factory.mktemp("csv"), f"v{end}{data}")
        assert found["v"].to_pylist() == values
        bare = table(tmp_path_factory.mktemp("csv"), data, header=False)
        assert not data.strip() or bare["column_1"].to_pylist() == values


def test_declared_columns_meet_names_in_any_case(tmp_path: Path) -> None:
    data = "Price,Day,at\n9.5,2026-01-31,2026-01-31T00:00:00.1234560Z\n"
    found = columns(tmp_path, data, columns={"price": "decimal(10,2)", "DAY": "date", "AT": "timestamp"})
    assert [kind for kind, _ in found.values()] == ["DECIMAL(10,2)", "DATE", "TIMESTAMP WITH TIME ZONE"]
    with pytest.raises(Permanent, match="line 2: the column at is declared timestamp"):
        reads(tmp_path, data.replace("60Z", "67Z"), columns={"at": "timestamp"})


@pytest.mark.parametrize("block", [4, 1000])
def test_an_escaped_end_of_a_line_ends_no_record(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As MySQL writes a file, without quotes."""
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", block)
    data = "1\ta\\\nb\n2\tc\\\\\n3\t\\\t\\\n\n"
    options = {"header": False, "delimiter": "\t", "escape": "\\", "types": "text"}
    for quote in ("", '"'):
        found = table(tmp_path, data, quote=quote, **options)
        assert found["column_2"].to_pylist() == ["a\nb", "c\\", "\t\n"]


def test_a_first_row_of_empty_fields_is_a_row(tmp_path: Path) -> None:
    for mark in ",;\t|":
        found = table(tmp_path, f"{mark}\n1{mark}2\n", header=False, delimiter=mark)
        assert found["column_1"].to_pylist() == [None, 1]


# Long files


def test_quotes_that_mark_nothing_are_told_of_and_may_be_text(tmp_path: Path) -> None:
    text = 'id\ttitle\n1\t"Quoted" title\n2\tplain\n'
    with pytest.raises(Permanent, match=r'line 2: .*set quote to ""'):
        columns(tmp_path, text, delimiter="\t")
    assert columns(tmp_path, text, delimiter="\t", quote="")["title"][1] == ['"Quoted" title', "plain"]
