"""Amazon's flat files: encodings, quotes, lines with too few or too many values."""

import io
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.vendors.amazon.flat_files import encoding_of, pages

US, JAPAN = "ATVPDKIKX0DER", "A1VC38T7YXB528"


def rows(
    text: str | bytes, encoding: str = "utf-8-sig", begin: int = 0, told: list[str] | None = None
) -> list[dict[str, Any]]:
    body, said = text.encode() if isinstance(text, str) else text, [] if told is None else told
    return [row for page, _ in pages(io.BytesIO(body), encoding, begin, "it", said.append) for row in page]


@pytest.mark.parametrize(
    ("body", "charset", "marketplace", "encoding"),
    [
        ("a\tgrün".encode(), "Cp1252", US, "utf-8-sig"),
        ("a\tgrün €".encode("cp1252"), "Cp1252", US, "cp1252"),
        ("a\tgrün".encode("cp1252"), None, US, "cp1252"),
        ("a\tgrün".encode("cp1252"), "no-such-set", US, "cp1252"),
        ("a\tgrün".encode("cp1252"), "UTF-8", US, "cp1252"),
        ("a\t商品".encode("cp932"), None, JAPAN, "cp932"),
        ("a\tчай".encode("iso8859-5"), "ISO-8859-5", US, "iso8859-5"),
    ],
)
def test_the_encoding_is_told_by_the_bytes_then_by_the_server(
    body: bytes, charset: str | None, marketplace: str, encoding: str
) -> None:
    file = io.BytesIO(body)
    assert (encoding_of(file, charset, [marketplace]), file.tell()) == (encoding, 0)


def test_a_quote_is_a_quote() -> None:
    assert rows('title\tsku\r\n"5 in"\ta\r\n27" x\tb\r\n') == [
        {"title": '"5 in"', "sku": "a"},
        {"title": '27" x', "sku": "b"},
    ]


def test_where_the_header_is_quoted_the_values_are() -> None:
    assert rows('"title"\t"sku"\n"5"" x"\t"a"\nplain\t""\n') == [
        {"title": '5" x', "sku": "a"},
        {"title": "plain", "sku": None},
    ]


def test_no_value_is_lost_of_lines_of_another_length() -> None:
    assert rows("Item Name\titem-name\t\n1\n\n1\t2\t3\t4\t5\n1\t2\t3\t\t\n") == [
        {"item_name": "1", "item_name_2": None, "column_3": None},
        {"item_name": "1", "item_name_2": "2", "column_3": "3", "_rest": "4\t5"},
        {"item_name": "1", "item_name_2": "2", "column_3": "3"},
    ]


@pytest.mark.parametrize(
    ("lines", "cut"),
    [
        ("1\tx\ty\n2\tx\ty\n", 0),
        ("1\tx\n2\tx\n", 0),
        ("1\tx\ty\n2\ta line\nbreak\ty\n3\tx\ty\n", 2),
    ],
)
def test_a_line_that_a_value_cuts_in_two_is_told_of(lines: str, cut: int) -> None:
    told: list[str] = []
    assert len(rows("id\ttitle\tprice\n" + lines, told=told)) == lines.count("\n")
    assert [text.split(" of ")[0] for text in told] == [str(cut)] * (cut > 0)


def test_characters_that_end_no_line_of_amazons_end_none() -> None:
    assert rows("a\tb\n1\u2028\x0b\x85\t2\n") == [{"a": "1\u2028\x0b\x85", "b": "2"}]


def test_an_empty_file_has_no_rows_and_a_file_may_be_gone_on_with() -> None:
    assert rows("") == rows("a\tb\r\n") == []
    assert rows("a\tb\n1\t2\n3\t4\n", begin=1) == [{"a": "3", "b": "4"}]


@pytest.mark.parametrize("text", ['{"errors": []}', "<html>\n</html>", "There is no data."])
def test_what_is_no_table_is_told(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        rows(text)
    assert (caught.value.code, "no table" in caught.value.message) == (ErrorCode.DATA_ERROR, True)
