"""Decides which SQL a transform may run: one query that reads its inputs and computes with them, and nothing else.

DuckDB's own parser gives the tree that it would execute, and each part is compared with a list of what is allowed:
relations, kinds of expressions, functions (`functions.txt`), names of tables. Everything else is refused, so new
features of a later DuckDB are refused, too. As a second barrier, the connection is sealed.
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

import duckdb

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.sql_text import Kind, pieces
from vai_transform_worker.query import warm
from vai_worker.reading.sources import SCHEMA

_TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "json_each", "json_tree", "repeat", "repeat_row"}
_RELATIONS = {
    *("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "EMPTY_FROM", "PIVOT"),
    "SHOW_REF",
}
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_EXPRESSIONS = {
    *("CONSTANT", "COLUMN_REF", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CASE", "CAST", "STAR", "BETWEEN"),
    *("SUBQUERY", "WINDOW", "LAMBDA", "LAMBDA_REF", "COLLATE", "POSITIONAL_REFERENCE", "TYPE"),
}
_FUNCTIONS = frozenset(
    word
    for line in files("vai_transform_worker").joinpath("functions.txt").read_text().splitlines()
    if not line.startswith("#")
    for word in line.split()
)
_RECURSIVE = "RECURSIVE_CTE_NODE"
_RECURRING = "recurring"  # of WITH RECURSIVE … USING KEY: all rows so far
_READER = re.compile(r"(?<![\w$])(?:read_parquet|parquet_scan)[ \t\n\r\f]*+\([ \t\n\r\f]*+\Z", re.IGNORECASE)
_CLOSING = re.compile(r"[ \t\n\r\f]*+\)")
_CALL = [Kind.CODE, Kind.LITERAL, Kind.CODE]
_BLANK = " \t\n\r\f;"
_ASCII_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_STACK, _DEPTH = 512 << 20, 200_000  # bytes of address space for the stack, which are reserved only; and frames


def refused(message: str, **details: Any) -> Permanent:
    return Permanent(ErrorCode.DATA_ERROR, message, details)


def without_end(sql: str) -> str:
    """The SQL without semicolons and comments at its end, since it becomes a part of a larger query."""
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


def check(sql: str, tables: Iterable[str]) -> dict[str, Any]:
    """Return the query's tree. Raises DATA_ERROR for anything but one query over `tables` of the schema `lake`."""
    return check_named(sql, (f"{SCHEMA}.{table}" for table in tables))


def check_named(sql: str, tables: Iterable[str]) -> dict[str, Any]:
    """The same for tables with their full names: `silver.orders`, `bronze.shop.orders`."""
    allowed = {_lower(table) for table in tables}
    with warm.parser() as parser:
        return _deeply(lambda: _checked(parser, sql, allowed))


def tables_of(sql: str) -> list[str]:
    """The full names of the tables that a query reads, in lower case, without names that WITH defines.

    Raises DATA_ERROR if it is no query. Whether the query is allowed is checked by `check_named`.
    """
    with warm.parser() as parser:
        tree = _deeply(lambda: _tree(parser, sql))
    found = {}
    for node, names in _nodes(tree):
        if node.get("type") == "BASE_TABLE" and "table_name" in node and "sample" in node:
            parts = [node["catalog_name"], node["schema_name"], node["table_name"]]
            if parts[0] or parts[1] or _lower(parts[2]) not in names:
                found[_lower(".".join(part for part in parts if part))] = True
    return list(found)


def nodes_of(sql: str) -> list[dict[str, Any]]:
    """Every part of a query's tree, for who judges more than `check` does. Raises DATA_ERROR if it is no query."""
    with warm.parser() as parser:
        tree = _deeply(lambda: _tree(parser, sql))
    return [node for node, _ in _nodes(tree)]


def _checked(parser: duckdb.DuckDBPyConnection, sql: str, allowed: set[str]) -> dict[str, Any]:
    tree = _tree(parser, sql)
    for node, names in _nodes(tree):
        _check_node(node, names, allowed)
    return tree


def _deeply(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work in a thread with a large stack, since SQL may be nested as deeply as DuckDB accepts."""
    found: list[dict[str, Any]] = []
    failures: list[BaseException] = []

    def caught() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failures.append(error)

    usual, depth = threading.stack_size(_STACK), sys.getrecursionlimit()
    sys.setrecursionlimit(_DEPTH)
    try:
        thread = threading.Thread(target=caught, name="check")
        thread.start()
        thread.join()
    finally:
        threading.stack_size(usual)
        sys.setrecursionlimit(depth)
    if failures:
        raise failures[0]
    return found[0]


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise refused(f"The SQL does not parse: {error}") from None
    if len(statements) != 1:
        hint = ": name the values of each PIVOT, ON … IN (…)" if "pivot" in sql.lower() else ""
        raise refused(f"The SQL must be one query; it has {len(statements) or 'none'}{hint}")
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


def _lower(name: str) -> str:
    """A name as DuckDB compares it: upper and lower case are equal for ASCII letters only."""
    return name.translate(_ASCII_LOWER)


class _Names:
    """The names that WITH defines for a part of the query: the first `seen` names of one WITH, and those around it."""

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
    """Every object of the tree with the names that WITH defines for it. Without recursion, since SQL may be deeply
    nested.

    A query in WITH can use the names defined before it, and its own name only on the right side of a recursive UNION.
    DuckDB looks any other name up in its catalog.
    """
    todo: list[tuple[Any, _Names]] = [(tree, _Names({}, 0, None))]
    while todo:
        node, names = todo.pop()
        if isinstance(node, list):
            todo += [(each, names) for each in node]
        elif isinstance(node, dict):
            common = node["cte_map"]["map"] if isinstance(node.get("cte_map"), dict) else []
            given = {_lower(each["key"]): position for position, each in enumerate(common)}
            todo += [(each["value"], _Names(given, position, names)) for position, each in enumerate(common)]
            inner = _Names(given, len(given), names) if given else names
            yield node, inner
            own = _Names({_lower(node["cte_name"]): 0}, 1, inner) if node.get("type") == _RECURSIVE else inner
            todo += [(each, own if key == "right" else inner) for key, each in node.items() if key != "cte_map"]


def _check_node(node: dict[str, Any], names: Container[str], allowed: set[str]) -> None:
    kind = node.get("type")
    if "cte_map" in node and kind not in _QUERIES:
        raise refused(f"{kind} is not allowed: a transform only selects")
    if "class" in node:
        _check_expression(node)
    elif "sample" in node and "alias" in node:
        _check_relation(node, names, allowed)
    elif "function_name" in node:
        _check_function(node["function_name"])


def _check_expression(node: dict[str, Any]) -> None:
    if node.get("type") == "VALUE_PARAMETER":
        raise refused("The SQL has a parameter ($1 or ?), and nothing to put there: write the value")
    if node["class"] not in _EXPRESSIONS:
        raise refused(f"The SQL has an expression that is not allowed ({node['class']}): write it in another way")
    if "function_name" in node:
        _check_function(node["function_name"])


def _check_relation(node: dict[str, Any], names: Container[str], allowed: set[str]) -> None:
    kind = node["type"]
    if kind not in _RELATIONS or (kind == "SHOW_REF" and not isinstance(node.get("query"), dict)):
        raise refused(f"{kind} is not allowed: a transform only selects")
    if kind == "TABLE_FUNCTION":
        _check_table_function(node["function"].get("function_name", "?"))
    elif kind == "BASE_TABLE":
        _check_table(node["catalog_name"], node["schema_name"], node["table_name"], names, allowed)


def _check_table_function(name: str) -> None:
    name = _lower(name)
    if name in ("read_parquet", "parquet_scan"):
        raise refused("read_parquet takes one literal path inside your own lake; better name the dataset in inputs")
    if name not in _TABLE_FUNCTIONS:
        raise refused(f"{name}(…) may not be read from: declare what the SQL reads in inputs", function=name)


def _check_function(name: str) -> None:
    name = _lower(name)
    if name in _FUNCTIONS or name in _TABLE_FUNCTIONS:
        return
    near = get_close_matches(name, _FUNCTIONS, 1)
    hint = f"; did you mean {near[0]}()?" if near else ""
    raise refused(f"The function {name}() is unknown, or is not allowed in a transform{hint}", function=name)


def _check_table(catalog: str, schema: str, table: str, names: Container[str], allowed: set[str]) -> None:
    name, within = _lower(table), _lower(schema)
    if within in ("", _RECURRING) and not catalog and name in names:
        return
    full = ".".join(part for part in (catalog, schema, table) if part)
    if within and _lower(full) in allowed:
        return
    text = f"The SQL reads {full}, which is not an input: declare it in inputs and write {{{{ name }}}}"
    raise refused(text, table=full)
