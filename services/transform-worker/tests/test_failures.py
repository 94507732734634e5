"""What failures mean: a table of provoked ones. None tells what a row holds (decision 25)."""

import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_transform_worker.failures import query_failure, write_failure

SECRET = "s3cr3t"
ROW = f"(SELECT '{SECRET}' AS t, 77123 AS n, [77123] AS l, '{{' || '{SECRET}' AS j)"

AT_A_ROW = [
    "CAST(t AS INTEGER)",
    "CAST(t AS DATE)",
    "CAST(t AS TIMESTAMP)",
    "CAST(t AS BOOLEAN)",
    "CAST(t AS UUID)",
    "CAST(t AS INTEGER[])",
    "CAST(t AS DECIMAL(4,2))",
    "CAST(n AS TINYINT)",
    "CAST(n AS DECIMAL(2,1))",
    "CAST(n AS UTINYINT)",
    "CAST(t AS BLOB)::VARCHAR::BIT",
    "n * 9223372036854775807",
    "n::INTEGER * 2147483647::INTEGER",
    "json_extract(j, '$.a')",
    "strptime(t, '%Y')",
    "chr(n * 1000)",
    "make_date(n, n, n)",
    "CAST(l AS TINYINT[])",
    "CAST(t AS ENUM ('a', 'b'))",
]


@pytest.mark.parametrize("expression", AT_A_ROW)
def test_what_duckdb_says_of_a_row_does_not_tell_what_it_holds(expression: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE r AS FROM {ROW}")
        sql = f"SELECT {expression} AS x FROM r"
        try:
            connection.execute(sql).fetchall()
        except duckdb.Error as error:
            failure = query_failure(error, 1, 1, sql)
        else:
            return  # this DuckDB takes it
    assert failure.code == ErrorCode.DATA_ERROR
    assert isinstance(failure, Permanent)
    for held in (SECRET, "77123"):
        assert held not in str(failure)


WITH_A_VALUE = [
    *(f"CAST(v AS {kind})" for kind in (
        "INTEGER", "BOOLEAN", "UUID", "INTEGER[]", "INTEGER[2]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)", "DATE",
        "ENUM ('a', 'b')", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "INTERVAL", "DECIMAL(4,2)", "HUGEINT",
        "DOUBLE", "BIT", "JSON",
    )),
    "CAST(v || '\\xZ' AS BLOB)", "{'a': v}::STRUCT(a INTEGER)", "[v]::INTEGER[]", "MAP {'a': v}::MAP(VARCHAR, INTEGER)",
    "timezone(v, now())", "regexp_matches('a', '(' || v)", "regexp_replace('a', '[' || v, '')",
    "string_split_regex('a', '(' || v)", "json_extract(v, '$.a')", "json_extract('{}', '$[' || v)", "json_keys(v)",
    "strptime(v, '%Y')", "strftime(now(), v || '%')", "date_trunc(v, now())", "date_part(v, now())", "error(v)",
    "error('vai: ' || v)", "from_base64(v)", "unhex(v)", "json_merge_patch(v, v)", "format(v || '{', 1)", "hex(v)::INT",
    "json_transform(v, '{\"a\": \"INT\"}')", "json_deserialize_sql(v)",
]  # fmt: skip
MARKS = st.sampled_from(
    [
        "'",
        '"',
        "(",
        ")",
        "\n",
        "\nLINE 1: ",
        " to INT32",
        " Error: ",
        "Conversion Error: ",
        ": ",
        "vai: ",
        "…",
        "[",
        "%",
    ]
)
VALUES = st.lists(st.one_of(MARKS, st.text("QXZqxz", min_size=6, max_size=12)), min_size=2, max_size=8).map("".join)


@given(st.sampled_from(WITH_A_VALUE), VALUES, st.booleans())
def test_whatever_a_row_holds_no_part_of_it_is_told(expression: str, value: str, rows_read: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE r AS SELECT $1 AS v", [value])
        sql = f"SELECT {expression} AS x FROM r"
        try:
            connection.execute(sql).fetchall()
        except (duckdb.Error, UnicodeDecodeError) as error:
            failure = query_failure(error, 1, 1, sql, rows_read)
        else:
            return
    said = str(failure) + json.dumps(failure.details)
    hexadecimal = value.encode().hex().upper()
    assert not any(hexadecimal[at : at + 6] in said for at in range(len(hexadecimal) - 5))
    parts = (value[at : at + 6] for at in range(len(value) - 5))
    assert not any(part in said for part in parts if set(part) & set("QXZqxz"))


def test_a_value_that_duckdb_cuts_within_a_character_is_an_error_of_the_data() -> None:
    with duckdb.connect() as connection, pytest.raises((duckdb.Error, UnicodeDecodeError)) as caught:
        connection.execute("SELECT unhex($1)", ["…'"]).fetchall()
    failure = query_failure(caught.value, 1, 1, "SELECT unhex(v) FROM r")
    assert (failure.code, failure.details["type"]) == (ErrorCode.DATA_ERROR, "Invalid Input")


def test_an_error_of_the_sql_after_rows_were_read_tells_none_of_them() -> None:
    sql = "PIVOT r ON v USING count(nothing)"
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("CREATE TABLE r AS SELECT 1 AS v")
        connection.execute(f"PIVOT r ON v IN ('{SECRET}') USING count(nothing)").fetchall()
    assert SECRET not in str(query_failure(caught.value, 1, 1, sql, rows_read=True))


def test_a_value_that_the_sql_itself_has_is_shown() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("SELECT 'x'::INTEGER").fetchall()
    assert "string 'x' to INT32" in str(query_failure(caught.value, 1, 1, "SELECT 'x'::INTEGER"))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("type_coercion caused by Error during planning: Failed to coerce then (Utf8)", "DATA_ERROR", "do not fit"),
        ("10.5 is too large to store in a Decimal128 of precision 2. Max is 9.9", "DATA_ERROR", "do not fit"),
        ('writer join error: task 36 panicked with message "`NaiveDate + TimeDelta` overflowed"', "DATA_ERROR", "fit"),
        ("Encountered non UTF-8 data: invalid utf-8 sequence of 1 bytes", "DATA_ERROR", "do not fit"),
        ("MERGE matched a target row with multiple source rows", "DATA_ERROR", "same merge_keys"),
        ("Resources exhausted: Failed to allocate additional 8 MB", "DATA_ERROR", "VAI_CHILD_MEMORY_MB"),
        ("Generic LocalFileSystem error: No space left on device (os error 28)", "DATA_ERROR", "no room left"),
        ("Generic S3 error: Error performing PUT http://x in 3s", "CONNECTION_ERROR", "could not be written"),
        ("something that nobody has seen yet", "CONNECTION_ERROR", "could not be written"),
    ],
)
def test_what_deltalake_says_is_told_by_its_meaning(text: str, code: str, words: str) -> None:
    failure = write_failure(OSError(f"Generic DeltaTable error: {text}"), "silver.out", 512)
    assert failure.code == code
    assert isinstance(failure, Permanent if code == "DATA_ERROR" else Retryable)
    assert words in str(failure)
    for of_others in ("10.5", "NaiveDate", "Utf8", "Decimal128", "DeltaTable error"):
        assert of_others not in str(failure)
