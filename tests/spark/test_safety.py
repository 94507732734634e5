"""Only what computes gets through: Spark's own list of functions, and attacks on the text that Spark reads."""

from typing import Any

import pytest

from tests.spark.both import Both
from tests.spark.cases import CASES
from vai_common.errors import RunError
from vai_transform_worker.spark.dialect import CALLED, FUNCTIONS, SYNTAX, judge_text, to_spark
from vai_transform_worker.spark.failures import failure

READS_OR_CALLS = {
    *("reflect", "java_method", "try_reflect", "input_file_name", "input_file_block_start", "input_file_block_length"),
    *("version", "current_user", "session_user", "user", "current_catalog", "current_database", "current_schema"),
    *("from_avro", "to_avro", "from_protobuf", "to_protobuf", "schema_of_avro", "monotonically_increasing_id"),
    *("spark_partition_id", "uuid", "rand", "randn", "random", "randstr", "uniform", "sql_keywords", "collations"),
    *("assert_true", "read_files", "http_get", "get_variable", "python_worker_logs"),
}
"""Functions of Spark that read files, call Java, tell of the cluster, or give other values each time."""


@pytest.fixture(scope="module")
def both(spark: dict[str, str]) -> Any:
    with Both(spark) as both:
        yield both


def test_spark_has_no_function_that_gets_through_unlisted(both: Any) -> None:
    """Each function that this Spark has, called by the last barrier's text: listed ones pass, all others do not."""
    there = {str(row["function"]) for row in both.opened.frame("SHOW FUNCTIONS").toArrow().to_pylist()}
    assert len(there) > 400
    words = {name for name in there if name.isidentifier()}
    passed = set()
    for name in words:
        try:
            judge_text(f"SELECT {name.upper()}(`a`) FROM `vai_0`")
        except RunError:
            continue
        passed.add(name.lower())
    assert passed <= CALLED | SYNTAX
    assert not passed & READS_OR_CALLS
    assert READS_OR_CALLS & there >= {"reflect", "java_method", "input_file_name", "from_avro", "version"}


def test_duckdbs_list_holds_no_such_name() -> None:
    assert not FUNCTIONS & READS_OR_CALLS
    assert not CALLED & READS_OR_CALLS


ATTACKS = {
    "a function of Spark": "SELECT reflect('java.lang.System', 'getenv', 'PATH') AS x FROM {t}",
    "as a name in quotes": "SELECT \"reflect\"('java.lang.System', 'getenv', 'PATH') AS x FROM {t}",
    "a file as a table": 'SELECT * FROM parquet."/etc"',
    "a file as a name": 'SELECT * FROM "parquet.`/etc/passwd`"',
    "a table of the cluster": "SELECT * FROM default.secrets",
    "our own views": "SELECT * FROM vai_0",
    "a view of another name": "WITH vai_1 AS (SELECT 1 AS n) SELECT * FROM lake.other",
    "delta by its path": 'SELECT * FROM delta."/tmp"',
    "read_parquet": "SELECT * FROM read_parquet('/etc/passwd')",
    "text()": "SELECT * FROM text('/etc/passwd')",
    "a command": "SET spark.sql.variable.substitute = true",
    "two statements": "SELECT 1; DROP TABLE x",
    "a hint": "SELECT /*+ REPARTITION(1) */ transform(id) USING 'cat' FROM {t}",
    "python": "SELECT python_udf(id) FROM {t}",
    "environment in a name": 'SELECT 1 AS "${env:PATH}" FROM {t}',
    "a backtick in a name": "SELECT 1 AS \"x`, reflect('a', 'b') AS `y\", reflect(1) FROM {t}",
}


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_is_refused(both: Any, what: str) -> None:
    """By the judge that all transforms have, or by that of Spark: none reaches the cluster."""
    from vai_transform_worker.query import safety

    sql = ATTACKS[what].replace("{t}", "lake.numbers")
    with pytest.raises(RunError) as caught:
        safety.check(sql, ["numbers", "texts", "times", "nested"])
        to_spark(sql, both.views)
    assert caught.value.code == "DATA_ERROR"
    assert "/usr" not in str(caught.value)


LITERALS = [
    r"\' || reflect(1) || '",
    "'' OR 1=1 --",
    "${env:PATH}",
    "\\",
    "\n",
    "/* x */",
    "`",
    "ü\u2028",
    ":p0 ?",
    "x'41'",
    "\\u0041",
]


@pytest.mark.parametrize("text", LITERALS)
def test_a_literal_stays_what_it_is(both: Any, text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    rows = both.runner.rows(f"SELECT {literal} AS s, length({literal}) AS n FROM lake.numbers WHERE id = 1").to_pylist()
    assert rows == [{"s": text, "n": len(text)}]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT `reflect`('a')",
        "SELECT 1 -- x",
        "SELECT /*x*/ 1",
        "SELECT 'it''s'",
        "SELECT '\\'",
        "SELECT 1; SELECT 2",
        "SELECT `${env:PATH}`",
        'SELECT "x"',
        "SELECT @@x",
        "SELECT a.reflect (1)",
    ],
)
def test_the_last_barrier_stands_alone(text: str) -> None:
    with pytest.raises(RunError):
        judge_text(text)


def test_a_failure_shows_no_value() -> None:
    error = failure(
        Exception("[CAST_INVALID_INPUT] The value 'secret' of the type STRING cannot be cast"), rows_read=True
    )
    assert "secret" not in error.message
    assert "CAST_INVALID_INPUT" in error.message


def test_what_a_case_calls_is_listed() -> None:
    assert len(CASES) > 300
