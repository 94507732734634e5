"""What failures mean: a table of provoked ones. None tells what a row holds (decision 25)."""

import duckdb
import pytest

from common.errors import ErrorCode, Permanent, Retryable
from transform_worker.failures import query_failure, write_failure

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
