"""Writes DuckDB's SQL as Spark's, by sqlglot, and judges what came out before a cluster sees it.

Four barriers. The SQL was judged as that of every transform is (`query.safety`). Its functions must be among
`functions.txt`: those for which a test has found the same rows in both engines (`tests/spark`). The text for Spark may
consist of known signs only: names between marks, numbers, functions of a list. And the tables that it names are views
of ours. A literal of the SQL that has any unusual letter is written as its bytes, so no two readers can disagree about
where it ends, and nothing is filled in. (Parameters would do the same, but Delta's parser for Spark 4.2 loses them.)
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp, transforms
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generators.spark import SparkGenerator

from vai_transform_worker.query import safety
from vai_transform_worker.query.safety import refused
from vai_transform_worker.spark.rewriting import ADVICE, changed, not_here

_LONGEST = 300


def _listed(part: str) -> frozenset[str]:
    """The words of one part of functions.txt."""
    text = files("vai_transform_worker").joinpath("spark/functions.txt").read_text()
    lines = text.partition(f"# {part}\n")[2].partition("\n# ")[0].splitlines()
    return frozenset(word for line in lines for word in line.split())


FUNCTIONS = _listed("of DuckDB")
"""What the SQL may call here: functions and operators, by DuckDB's names."""

CALLED = _listed("of Spark")
"""What the text for Spark may call, in lower case."""

SYNTAX = _listed("of Spark's syntax")
"""Words of Spark's syntax that stand before a bracket and call nothing."""

_RELATIONS = {"BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "EMPTY_FROM", "TABLE_FUNCTION"}
_EXPRESSIONS = {
    *("CONSTANT", "COLUMN_REF", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "CAST", "STAR", "BETWEEN"),
    *("SUBQUERY", "WINDOW", "LAMBDA", "LAMBDA_REF", "TYPE"),
}
_JOINS = {"REGULAR", "CROSS", "NATURAL", "DEPENDENT"}
_PLAIN = re.compile(r"[A-Za-z0-9 _:.,/+-]*")
_SIGN = re.compile(
    r"""(?P<space>\s+) | (?P<name>`(?:[^`]|``)*`) | (?P<text>'[A-Za-z0-9 _:.,/+-]*') | (?P<bytes>X'[0-9A-F]*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?)
      | (?P<sign>->|<=>|<>|!=|<=|>=|\|\||[-+*/%=<>(),.\[\]&|^~:])""",
    re.VERBOSE,
)


def to_spark(sql: str, tables: Mapping[str, str]) -> str:
    """The SQL for Spark. `tables` are the views there, by DuckDB's names of the relations in lower case.

    Raises DATA_ERROR for what cannot be written for Spark, or is not known to give the same rows there.
    """
    for node in safety.nodes_of(sql):
        _judge(node)
    try:
        tree: Any = sqlglot.parse_one(sql, read="duckdb")
        _judge_names(tree, tables)
        text: str = _Ours().generate(_with_bytes(changed(tree, tables)), copy=False)
        judge_text(text)
        judge_tables(text, tables)
    except SqlglotError as error:
        raise refused(f"The SQL cannot be written for Spark ({str(error)[:_LONGEST]}): {ADVICE}") from None
    except RecursionError:
        raise refused(f"The SQL is nested too deeply to be written for Spark: {ADVICE}") from None
    return text


def _judge(node: Mapping[str, Any]) -> None:
    """Raises DATA_ERROR for a part of DuckDB's tree that Spark cannot do, or would do in another way."""
    if "class" in node and node["class"] not in _EXPRESSIONS:
        raise not_here(str(node["class"]))
    if node.get("class") == "STAR" and (node.get("columns") or node.get("replace_list") or node.get("rename_list")):
        raise not_here("COLUMNS(…), * REPLACE and * RENAME")
    if "sample" in node and "alias" in node:
        if node["type"] not in _RELATIONS:
            raise not_here(str(node["type"]))
        if node["sample"]:
            raise not_here("USING SAMPLE")
        if node["type"] == "JOIN" and node.get("ref_type", "REGULAR") not in _JOINS:
            raise not_here(f"{node['ref_type']} JOIN")
    name = str(node.get("function_name") or "").lower()
    if name and name not in FUNCTIONS:
        raise refused(
            f"{name} is not known to give the same rows in Spark as in DuckDB, so it is not run there: {ADVICE}",
            function=name,
        )


def _judge_names(tree: exp.Expression, tables: Mapping[str, str]) -> None:
    """Raises DATA_ERROR for names of WITH that Spark would take for others: all of them come to the front there."""
    seen: set[str] = set()
    for name in (each.alias for each in tree.find_all(exp.CTE)):
        if name.lower() in tables.values():
            raise refused(f"WITH defines {name!r}, which is a name of ours: call it otherwise", table=name)
        if name.lower() in seen:
            text = f'WITH defines {name!r} twice: call one of them otherwise, or take engine "duckdb"'
            raise refused(text, table=name)
        seen.add(name.lower())


class _Ours(SparkGenerator):
    """Spark's SQL with the types that we mean, whatever the session calls TIMESTAMP."""

    TYPE_MAPPING = {  # noqa: RUF012 it is sqlglot's
        **SparkGenerator.TYPE_MAPPING,
        exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP_LTZ",
        exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
        exp.DataType.Type.TIMESTAMP: "TIMESTAMP_NTZ",
        exp.DataType.Type.INT128: "DECIMAL(38, 0)",
        exp.DataType.Type.UBIGINT: "DECIMAL(20, 0)",
        exp.DataType.Type.UINT: "BIGINT",
        exp.DataType.Type.USMALLINT: "INT",
        exp.DataType.Type.UTINYINT: "SMALLINT",
    }

    TRANSFORMS = {  # noqa: RUF012
        **SparkGenerator.TRANSFORMS,
        exp.Select: transforms.preprocess([transforms.eliminate_distinct_on, transforms.unnest_to_explode]),
    }

    def __init__(self) -> None:
        super().__init__(dialect=Spark(), identify=True, unsupported_level=ErrorLevel.RAISE, comments=False)


def _with_bytes(tree: exp.Expression) -> exp.Expression:
    """Each literal with an unusual letter as its bytes."""
    for node in list(tree.find_all(exp.Literal)):
        if isinstance(node.parent, exp.TimeToStr | exp.StrToTime) and node.arg_key == "format":
            continue  # sqlglot writes it in Spark's way; the last barrier looks at what came out
        if node.is_string and not _PLAIN.fullmatch(str(node.this)):
            written = exp.HexString(this=str(node.this).encode().hex().upper())
            node.replace(exp.cast(written, "STRING", dialect="spark"))
    return tree


# The last barrier -----------------------------------------------------------------------------------------------------


def judge_text(sql: str) -> None:
    """Raises DATA_ERROR for a text that has anything but known signs, names between marks and listed functions."""
    if "${" in sql:
        raise refused("A name in the SQL has ${, which Spark would fill in: call it otherwise")
    before = last = ""
    for sign in _signs(sql):
        if sign[0] == before[:1] == "'":
            raise refused(f"The SQL cannot be written for Spark (at {sign!r}): {ADVICE}")
        if sign == "(" and re.fullmatch(r"[A-Za-z_]\w*", before):
            word = before.lower()
            if word not in CALLED and word not in SYNTAX:
                raise refused(f"Spark's function {before} may not be called: {ADVICE}", function=word)
        elif sign == "(" and before.startswith("`") and last.upper() != "AS":  # AS `t`(`a`, `b`) names columns
            raise refused(f"Spark's function {before} may not be called: {ADVICE}", function=before)
        last, before = before, sign


def judge_tables(sql: str, tables: Mapping[str, str]) -> None:
    """Raises DATA_ERROR where a text reads anything but our views and what it defines by WITH.

    Should DuckDB and sqlglot ever read one SQL in two ways, then still no table of the cluster and no file is read.
    """
    tree = sqlglot.parse_one(sql, read="spark")
    known = {*tables.values(), *(each.alias.lower() for each in tree.find_all(exp.CTE))}
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func) and not table.db:
            continue  # `judge_text` knows it
        if not isinstance(table.this, exp.Identifier) or table.db or table.catalog or table.name.lower() not in known:
            raise refused(f"Spark's {table.sql('spark')[:_LONGEST]} may not be read: {ADVICE}")


def _signs(sql: str) -> Iterator[str]:
    at = 0
    while at < len(sql):
        found = _SIGN.match(sql, at)
        if found is None or sql.startswith(("--", "/*"), at):
            raise refused(f"The SQL cannot be written for Spark (at {sql[at : at + 20]!r}): {ADVICE}")
        at = found.end()
        if found.lastgroup != "space":
            yield found[0]


def called(sql: str) -> list[str]:
    """The functions that a text for Spark calls."""
    signs = list(_signs(sql))
    words = [one for one, other in pairwise(signs) if other == "("]
    return [word for word in words if re.fullmatch(r"\w+", word) and word.lower() not in SYNTAX]
