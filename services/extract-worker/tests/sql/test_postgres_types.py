"""Every type of Postgres in bronze: the value that the database has, and never a changed one."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from vai_testkit.link import RecordingLink

_INSTANT = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
_LOCAL = datetime.fromisoformat("2024-03-31 02:30:00.123456")

_TYPES: list[tuple[str, list[str], str, list[Any]]] = [
    ("boolean", ["true", "false", "NULL"], "BOOLEAN", [True, False, None]),
    ("smallint", ["-32768", "32767"], "BIGINT", [-32768, 32767]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"], "BIGINT", [-(2**63), 2**63 - 1]),
    ("oid", ["4294967295"], "BIGINT", [4294967295]),
    ("real", ["0.1", "16777217", "'-Infinity'"], "DOUBLE", [0.1, 16777216.0, float("-inf")]),
    ("double precision", ["0.1", "1e308", "'Infinity'"], "DOUBLE", [0.1, 1e308, float("inf")]),
    ("numeric(12,2)", ["1.5", "NULL"], "DECIMAL(12,2)", [Decimal("1.50"), None]),
    ("numeric(38,0)", ["99999999999999999999999999999999999999"], "DECIMAL(38,0)", [Decimal("9" * 38)]),
    ("numeric(60,2)", ["1" + "0" * 50 + ".25"], "VARCHAR", ["1" + "0" * 50 + ".25"]),
    ("numeric(3,5)", ["0.00123"], "DECIMAL(14,5)", [Decimal("0.00123")]),
    ("numeric", ["1.5", "12345678.123456789"], "DECIMAL(18,9)", [Decimal("1.5"), Decimal("12345678.123456789")]),
    ("numeric", ["1", "'NaN'"], "VARCHAR", ["1", "NaN"]),
    ("numeric(5,2)", ["1", "'NaN'"], "VARCHAR", ["1.00", "NaN"]),
    ("money", ["12.34", "-0.5"], "DECIMAL(11,2)", [Decimal("12.34"), Decimal("-0.50")]),
    ("date", ["'2024-02-29'", "'0001-01-01'", "NULL"], "DATE", [date(2024, 2, 29), date(1, 1, 1), None]),
    ("date", ["'2024-02-29'", "'infinity'"], "VARCHAR", ["2024-02-29", "infinity"]),
    ("date", ["'0044-03-15 BC'", "'12024-01-01'"], "VARCHAR", ["0044-03-15 BC", "12024-01-01"]),
    ("timestamp", ["'2024-03-31 02:30:00.123456'"], "TIMESTAMP", [_LOCAL]),
    ("timestamptz", ["'2024-03-31 02:30:00+02'"], "TIMESTAMP WITH TIME ZONE", [_INSTANT]),
    ("timestamptz", ["'-infinity'", "'2024-01-01 00:00+00'"], "VARCHAR", ["-infinity", "2024-01-01 00:00:00+00"]),
    ("time", ["'23:59:59.5'", "'24:00'"], "VARCHAR", ["23:59:59.5", "24:00:00"]),
    ("timetz", ["'10:00+02'"], "VARCHAR", ["10:00:00+02"]),
    ("interval", ["'1 year 2 days 03:04:05.6'"], "VARCHAR", ["1 year 2 days 03:04:05.6"]),
    ("text", ["''", "NULL", "E'a\\nb,\"c\"'", "'\\.'", "'😀'"], "VARCHAR", ["", None, 'a\nb,"c"', "\\.", "😀"]),
    ("char(4)", ["'ab'"], "VARCHAR", ["ab  "]),
    ("uuid", ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"], "VARCHAR", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("json", ["'{\"a\":  1e400}'"], "VARCHAR", ['{"a":  1e400}']),
    ("jsonb", ["'{\"b\": 1.10, \"a\": null}'", "'null'"], "VARCHAR", ['{"a": null, "b": 1.10}', "null"]),
    ("bytea", ["'\\x00ff'", "''", "NULL"], "BLOB", [b"\x00\xff", b"", None]),
    ("bit(3)", ["B'101'"], "VARCHAR", ["101"]),
    ("integer[]", ["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'"], "VARCHAR", ["[1,null,3]", "[[1,2],[3,4]]", "[]"]),
    ("text[]", ["ARRAY['a,b', 'c\"d']"], "VARCHAR", ['["a,b","c\\"d"]']),
    ("numrange", ["'[1.5,2)'"], "VARCHAR", ["[1.5,2)"]),
    ("inet", ["'10.0.0.1/8'"], "VARCHAR", ["10.0.0.1/8"]),
    ("point", ["'(1,2)'"], "VARCHAR", ["(1,2)"]),
    ("tsvector", ["'fat cat'"], "VARCHAR", ["'cat' 'fat'"]),
    ("shop.mood", ["'so so'"], "VARCHAR", ["so so"]),
    ("shop.cents", ["12.345"], "DECIMAL(9,3)", [Decimal("12.345")]),
    ("shop.pair", ["ROW(1, 'x')"], "VARCHAR", ['{"a":1,"b":"x"}']),
]  # fmt: skip


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize("beside", ["2024-01-01", "infinity"])
def test_each_type_comes_as_it_is_whatever_stands_beside_it(bench: Any, sql: Any, beside: str) -> None:
    sql(
        "CREATE TYPE shop.mood AS ENUM ('so so')",
        "CREATE DOMAIN shop.cents AS numeric(9,3)",
        "CREATE TYPE shop.pair AS (a int, b text)",
        *(
            f"CREATE TABLE shop.t{number} (id serial PRIMARY KEY, v {kind}, beside date DEFAULT '{beside}')"
            for number, (kind, *_) in enumerate(_TYPES)
        ),
        *(
            f"INSERT INTO shop.t{number} (v) VALUES ({value})"
            for number, (_, values, *_) in enumerate(_TYPES)
            for value in values
        ),
    )
    bench.extract("sql_database", schema="shop")
    for number, (kind, values, name, expected) in enumerate(_TYPES):
        last = [commit for commit in bench.commits if commit["table"] == f"t{number}"][-1]
        types = {column["name"]: column["type"] for column in last["columns"]}
        assert (kind, values, types["v"], bench.column(f"t{number}", "v")) == (kind, values, name, expected)
    assert isinstance(bench.link, RecordingLink)
