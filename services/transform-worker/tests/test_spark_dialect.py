"""What is judged before a cluster sees it: needs no Spark."""

import pytest

from vai_common.errors import ErrorCode, RunError
from vai_transform_worker.spark.dialect import judge_tables, to_spark

VIEWS = {"lake.numbers": "vai_0", "lake.nested": "vai_1"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM (WITH b AS (SELECT 1 AS y) FROM b) z, (WITH b AS (SELECT 2 AS y) FROM b) w",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM (WITH a AS (SELECT 2 AS x) FROM a) z, a",
        "WITH A AS (SELECT 1 AS x) SELECT * FROM (WITH a AS (SELECT 2 AS x) FROM a) z, A",
        "WITH a AS (SELECT 1 AS x), b AS (WITH a AS (SELECT x + 1 AS x FROM a) FROM a) SELECT * FROM b, a",
    ],
)
def test_a_name_that_is_defined_twice_is_refused(sql: str) -> None:
    """sqlglot writes all WITHs in front: the second one would be taken for the first, or be an error of Spark's."""
    with pytest.raises(RunError, match=r"WITH defines '[aAb]' twice") as caught:
        to_spark(sql, VIEWS)
    assert caught.value.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {'(' * 3_000}1{')' * 3_000} AS a FROM lake.numbers",
        f"SELECT {'CASE WHEN id = 1 THEN ' * 900}1{' END' * 900} AS a FROM lake.numbers",
        f"SELECT * FROM {'(SELECT * FROM ' * 400}lake.numbers{')' * 400}",
    ],
)
def test_what_is_nested_deeply_is_refused_and_not_tried_again(sql: str) -> None:
    with pytest.raises(RunError, match="nested too deeply") as caught:
        to_spark(sql, VIEWS)
    assert caught.value.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `secrets`",
        "SELECT * FROM `default`.`vai_0`",
        "SELECT * FROM `parquet`.`/etc`",
        "SELECT * FROM `spark_catalog`.`default`.`vai_0`",
        "SELECT * FROM `vai_0`, `vai_2`",
        "SELECT (SELECT 1 FROM `x`) FROM `vai_0`",
        "SELECT 1 FROM `vai_0` WHERE EXISTS(SELECT 1 FROM `x`)",
        "WITH `a` AS (SELECT * FROM `x`) SELECT * FROM `a`",
        "SELECT * FROM `vai_0` UNION ALL SELECT * FROM `x`",
    ],
)
def test_no_table_but_ours_is_read_whatever_was_judged_before(text: str) -> None:
    with pytest.raises(RunError, match="may not be read") as caught:
        judge_tables(text, VIEWS)
    assert caught.value.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "SELECT * FROM (WITH b AS (FROM lake.numbers) FROM b) z",
        "SELECT u FROM lake.nested, unnest(l) AS t(u)",
        "SELECT unnest(l) AS u FROM lake.nested",
        "SELECT * FROM (VALUES (1), (2)) t(a)",
        "TABLE lake.numbers",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
    ],
)
def test_what_is_defined_in_the_sql_is_read(sql: str) -> None:
    assert to_spark(sql, VIEWS)
