"""What SQL a transform may run: one query that reads its inputs and nothing else.

Two parsers must agree, DuckDB's own (what it would execute) and sqlglot's; a sealed connection stands behind both.
"""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from common.errors import ErrorCode, Permanent
from records.definitions.sql_text import Kind, pieces
from transform_worker import warm

SCHEMA = "lake"

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
_RELATIONS = {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "EMPTY_FROM", "PIVOT"}
_DENIED = re.compile(
    r"(read|write|delta|duckdb|pragma|pg|copy)_(?!typeof$|size_pretty$).*|.*(setting|secret|variable|query|viewdef).*"
    r"|get_delta_test_expression|getenv|nextval|currval|sleep_ms|txid_current|json_(de)?serialize_.*|has_.*_privilege"
    r"|(obj|col|shobj)_description|inet_.*|in_search_path|write_log|version|which_.*"
)
_RECURSIVE = "RECURSIVE_CTE_NODE"
_ROOTS = (exp.Query, exp.Values)
_NAME = re.compile(r"[^\W\d]\w*")
_READER = re.compile(r"(?<![\w$])(?:read_parquet|parquet_scan)[ \t\n\r\f]*+\([ \t\n\r\f]*+\Z", re.IGNORECASE)
_CLOSING = re.compile(r"[ \t\n\r\f]*+\)")
_CALL = [Kind.CODE, Kind.LITERAL, Kind.CODE]
_BLANK = " \t\n\r\f;"


def refused(message: str, **details: Any) -> Permanent:
    return Permanent(ErrorCode.DATA_ERROR, message, details)


def without_end(sql: str) -> str:
    """The SQL without the semicolons and comments after it: it becomes part of a larger query."""
    end = 0
    for piece in pieces(sql):
        said = piece.text.rstrip(_BLANK) if piece.kind is Kind.CODE else piece.text
        if said and piece.kind is not Kind.COMMENT:
            end = piece.start + len(said)
    return sql[:end] or sql


def expose_literal_paths(sql: str, view: Callable[[str], str]) -> str:
    """The SQL with each `read_parquet('literal')` (decision 32) replaced by `view(path)`."""
    parts = [piece.text for piece in pieces(sql)]
    kinds = [piece.kind for piece in pieces(sql)]
    for at in range(1, len(parts) - 1):
        called = _READER.search(parts[at - 1]) if kinds[at - 1 : at + 2] == _CALL else None
        closing = _CLOSING.match(parts[at + 1]) if called else None
        if called and closing:
            path = parts[at][1:-1].replace("''", "'")
            parts[at - 1] = parts[at - 1][: called.start()]
            parts[at], parts[at + 1] = view(path), parts[at + 1][closing.end() :]
    return "".join(parts)


def _shown(error: Exception) -> str:
    return re.sub(r"\x1b\[\d*m", "", str(error))


def check(sql: str, tables: Iterable[str]) -> dict[str, Any]:
    """Refuse (DATA_ERROR) whatever is not one query over `tables` of the schema `lake`; returns the query's tree."""
    allowed = {table.lower() for table in tables}
    with warm.parser() as parser:
        tree = _duckdb_tree(parser, sql)
    for node, names in _nodes(tree):
        _check_node(node, names, allowed)
    _check_with_sqlglot(sql, allowed)
    return tree


def _duckdb_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise refused(f"The SQL does not parse: {error}") from None
    if len(statements) != 1:
        raise refused("The SQL must be one query; it has " + (str(len(statements)) if statements else "none"))
    if statements[0].type != duckdb.StatementType.SELECT:
        raise refused(f"The SQL must be a query (SELECT …), not {statements[0].type.name}")
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    try:
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        raise refused("The SQL is nested too deeply to be checked: write it more simply") from None
    if tree["error"]:
        raise refused("The SQL must be a query (SELECT …), not a command")
    return dict(tree["statements"][0])


class _Names:
    """The names that WITH gives a part of the query: the first `seen` of one WITH, and those around it."""

    def __init__(self, given: dict[str, int], seen: int, around: "_Names | None") -> None:
        self._given, self._seen, self._around = given, seen, around

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        names: _Names | None = self
        while names is not None:
            if names._given.get(name, names._seen) < names._seen:
                return True
            names = names._around
        return False


def _nodes(tree: Any) -> Iterator[tuple[dict[str, Any], _Names]]:
    """Every object of the tree with the names that WITH gives it; no recursion, SQL may be deep.

    A WITH query knows the names before its own; its own only on the right side of a recursive UNION. Any other name
    is looked up in the engine's catalog by DuckDB.
    """
    todo: list[tuple[Any, _Names]] = [(tree, _Names({}, 0, None))]
    while todo:
        node, names = todo.pop()
        if isinstance(node, list):
            todo += [(each, names) for each in node]
        elif isinstance(node, dict):
            common = node["cte_map"]["map"] if isinstance(node.get("cte_map"), dict) else []
            given = {_common_name(each["key"]): position for position, each in enumerate(common)}
            todo += [(each["value"], _Names(given, position, names)) for position, each in enumerate(common)]
            inner = _Names(given, len(given), names) if given else names
            yield node, inner
            own = _Names({node["cte_name"].lower(): 0}, 1, inner) if node.get("type") == _RECURSIVE else inner
            todo += [(each, own if key == "right" else inner) for key, each in node.items() if key != "cte_map"]


def _common_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise refused(f"WITH {name!r}: call it by letters, digits and _ only")
    return name.lower()


def _check_node(node: dict[str, Any], names: Container[str], allowed: set[str]) -> None:
    kind = node.get("type")
    if "function_name" in node:
        _check_function(node["function_name"], is_table=False)
    elif kind == "VALUE_PARAMETER":
        raise refused("The SQL has a parameter ($1 or ?), and nothing to put there: write the value")
    if "sample" not in node or "alias" not in node or "class" in node:
        return
    if kind not in _RELATIONS:
        raise refused(f"{kind} is not allowed: a transform only selects")
    if kind == "TABLE_FUNCTION":
        _check_function(node["function"].get("function_name", "?"), is_table=True)
    elif kind == "BASE_TABLE":
        _check_table(node["catalog_name"], node["schema_name"], node["table_name"], names, allowed)


def _check_function(name: str, is_table: bool) -> None:
    name = name.lower()
    if is_table and name in ("read_parquet", "parquet_scan"):
        raise refused("read_parquet takes one literal path inside your own lake; better name the dataset in inputs")
    if is_table and name not in _TABLE_FUNCTIONS:
        raise refused(f"{name}(…) may not be read from: declare what the SQL reads in inputs", function=name)
    if not is_table and _DENIED.fullmatch(name):
        raise refused(f"The function {name}() is not allowed in a transform", function=name)


def _check_table(catalog: str, schema: str, table: str, names: Container[str], allowed: set[str]) -> None:
    if not schema and not catalog and table.lower() in names:
        return
    if not catalog and schema.lower() == SCHEMA and table.lower() in allowed:
        return
    full = ".".join(part for part in (catalog, schema, table) if part)
    raise refused(f"The SQL reads {full}, which is no input: declare it in inputs and write {{{{ name }}}}", table=full)


def _check_with_sqlglot(sql: str, allowed: set[str]) -> None:
    try:
        statements = [each for each in sqlglot.parse(sql, read="duckdb") if each is not None]
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise refused(f"The SQL could not be checked, write it more simply: {_shown(error)}") from None
    if len(statements) != 1 or not isinstance(statements[0].unnest(), _ROOTS):
        raise refused("The SQL must be one query (SELECT …)")
    names = {each.alias_or_name.lower() for each in statements[0].find_all(exp.CTE)}
    for table in statements[0].find_all(exp.Table):
        if isinstance(table.this, exp.Identifier):
            _check_table(table.catalog, table.db, table.name, frozenset(names), allowed)
    for function in statements[0].find_all(exp.Anonymous):
        _check_function(function.name, is_table=False)
