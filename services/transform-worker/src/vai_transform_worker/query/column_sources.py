"""Which columns of the inputs each column of a query is made of, as far as sqlglot can tell.

A column counts as a source if its value is in the expression, through CTEs, subqueries, joins and unions. Columns that
only filter, join, group or sort rows do not. What sqlglot gives is compared with the columns that DuckDB has bound:
where they differ, nothing is claimed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from vai_worker.reading.sources import SCHEMA

LONGEST_SQL = 200 << 10
"""Characters of the SQL; of a longer one no column's sources are known."""
MOST_COLUMNS = 2_000
"""Columns of the query."""
MOST_PAIRS = 20_000
"""Pairs of a column and a source, of one query."""

IDENTITY, TRANSFORMATION, AGGREGATION = "identity", "transformation", "aggregation"

_PASSED_ON = (exp.Alias, exp.Paren)
_ROWS = (exp.Unnest, exp.Lateral, exp.UDTF, exp.Values)
_NOT_FOLLOWED = (exp.Columns, exp.Star, exp.PositionalColumn, exp.TableColumn)

_Leaf = tuple[str, str]
_Node = tuple[int, int]


class Untold(Exception):
    """Why nothing is known, in plain English."""


@dataclass(frozen=True)
class ColumnSource:
    """`output` is made of `column` of the input with that name; `how` is one of the three words above."""

    output: str
    input: str
    column: str
    how: str


@dataclass(frozen=True)
class ColumnSources:
    """`unknown` are the output columns of which nothing is known; `reason` says why, if it is so for all of them."""

    sources: list[ColumnSource] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    reason: str | None = None


def sources_of(sql: str, names: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> ColumnSources:
    """The sources of the columns `names` that DuckDB gives for `sql`; `inputs` are the columns of each view of `lake`.

    Never raises: what cannot be told is in `unknown`.
    """
    try:
        return _Query(sql, names, inputs).told()
    except Untold as why:
        return ColumnSources(unknown=list(names[:MOST_COLUMNS]), reason=str(why))
    except RecursionError:
        return ColumnSources(unknown=list(names), reason="The SQL is nested too deeply")
    except Exception as error:  # sqlglot does not know all of DuckDB's SQL, and says so by many errors
        return ColumnSources(unknown=list(names), reason=f"sqlglot cannot read the SQL ({type(error).__name__})")


class _Query:
    def __init__(self, sql: str, names: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> None:
        if len(sql) > LONGEST_SQL:
            raise Untold(f"The SQL has {len(sql):,} characters; columns are followed in {LONGEST_SQL:,} at most")
        if len(names) > MOST_COLUMNS:
            raise Untold(f"The query gives {len(names):,} columns; {MOST_COLUMNS:,} at most are followed")
        self._names = names
        self._inputs = {name.lower(): name for name in inputs}
        self._columns = {name.lower(): _by_lower(name, columns) for name, columns in inputs.items()}
        if len(self._inputs) < len(inputs):
            raise Untold("Two inputs differ in upper and lower case only")
        tree = parse_one(sql, dialect="duckdb")
        if (pivot := tree.find(exp.Pivot)) is not None:
            raise Untold(f"sqlglot cannot tell the columns of {'UNPIVOT' if pivot.args.get('unpivot') else 'PIVOT'}")
        tables = {name: dict.fromkeys(columns, "VARCHAR") for name, columns in self._columns.items()}
        schema: dict[str, object] = {SCHEMA: tables} if tables else {}
        tree = qualify(
            tree,
            dialect="duckdb",
            schema=schema,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
        root = build_scope(tree)
        if root is None:
            raise Untold("The SQL is no query whose columns have names")
        self._root = root
        self._scopes = {id(scope.expression): scope for scope in root.traverse()}
        self._known: dict[_Node, list[tuple[_Node | _Leaf | None, str]]] = {}
        self._lists: dict[int, list[exp.Expr]] = {}
        self._names_of: dict[int, list[str]] = {}
        self._places: dict[int, dict[str, int | None]] = {}

    def told(self) -> ColumnSources:
        given = self._named(self._root.expression)
        if len(given) != len(self._names) or not all(map(_is_same, given, self._names)):
            raise Untold("sqlglot gives the query other columns than DuckDB")
        found: list[ColumnSource] = []
        unknown = []
        for position, name in enumerate(self._names):
            reached = self._reached((id(self._root.expression), position))
            if reached is None:
                unknown.append(name)
                continue
            found += [ColumnSource(name, self._inputs[one], column, how) for (one, column), how in reached.items()]
            if len(found) > MOST_PAIRS:
                raise Untold(f"The columns have more than {MOST_PAIRS:,} sources")
        return ColumnSources(found, unknown)

    def _reached(self, start: _Node) -> dict[_Leaf, str] | None:
        """The columns of inputs that lead to a column; None if one of its ways is not known."""
        found: dict[_Leaf, str] = {}
        seen: set[tuple[Any, str]] = {(start, IDENTITY)}
        todo: list[tuple[_Node, str]] = [(start, IDENTITY)]
        while todo:
            node, how = todo.pop()
            for target, step in self._steps(node):
                if target is None:
                    return None
                along = _joined(how, step)
                if (target, along) in seen:
                    continue
                seen.add((target, along))
                if isinstance(target[0], str):
                    found[target] = _joined(found.get(target, IDENTITY), along)
                else:
                    todo.append((target, along))
        return found

    def _steps(self, node: _Node) -> list[tuple[_Node | _Leaf | None, str]]:
        if (known := self._known.get(node)) is None:
            known = self._known[node] = list(dict.fromkeys(self._stepped(*node)))
        return known

    def _stepped(self, query: int, position: int) -> Iterator[tuple[_Node | _Leaf | None, str]]:
        scope = self._scopes[query]
        expression = scope.expression
        if isinstance(expression, exp.SetOperation):
            name = self._named(expression)[position]
            is_minus = isinstance(expression, exp.Except)  # its right side takes rows away, and gives none
            for side in map(_plain, (expression.left,) if is_minus else (expression.left, expression.right)):
                names = self._named(side)
                at = self._place(side, name) if expression.args.get("by_name") else position
                if at is not None:
                    yield (id(side), at) if id(side) in self._scopes and at < len(names) else None, IDENTITY
        elif isinstance(expression, exp.Query):
            yield from self._within(self._selected(expression)[position], scope)
        else:
            yield None, IDENTITY

    def _within(self, expression: exp.Expr, scope: Scope) -> Iterator[tuple[_Node | _Leaf | None, str]]:
        """What an expression is made of."""
        todo: list[tuple[exp.Expr, str, frozenset[str]]] = [(expression, IDENTITY, frozenset())]
        while todo:
            node, how, own = todo.pop()
            if isinstance(node, exp.Column):
                if not (node.table == "" and node.name in own):
                    yield from ((target, _joined(how, step)) for target, step in self._column(node, scope))
            elif isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
                continue
            elif isinstance(node, _NOT_FOLLOWED):
                yield None, how
            elif isinstance(node, exp.Filter):  # what FILTER (WHERE …) asks takes rows away, and gives none
                todo.append((node.this, how, own))
            elif isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
                inner = self._scopes.get(id(node))
                count = len(self._named(node)) if inner else 0
                yield from (((id(node), at), _joined(how, TRANSFORMATION)) for at in range(count))
                if inner is None:
                    yield None, how
            else:
                after = how if isinstance(node, (*_PASSED_ON, exp.Subquery)) else _joined(how, _of(node))
                inside = own | _parameters(node)
                todo += [(child, after, inside) for child in node.iter_expressions()]

    def _column(self, column: exp.Column, scope: Scope) -> Iterator[tuple[_Node | _Leaf | None, str]]:
        around: Scope | None = scope
        while around is not None and column.table not in around.sources:
            around = around.parent
        if around is None or not column.table:
            yield None, IDENTITY
            return
        source = around.sources[column.table]
        if isinstance(source, exp.Table):
            yield from self._table(source, column.name, around)
        elif isinstance(source.expression, _ROWS):
            yield from self._rows(source.expression, around)
        else:
            query = _whole(_plain(source.expression))
            at = self._place(query, column.name)
            yield (id(query), at) if at is not None and id(query) in self._scopes else None, IDENTITY

    def _selected(self, query: Any) -> list[exp.Expr]:
        if (known := self._lists.get(id(query))) is None:
            known = self._lists[id(query)] = list(query.selects)
        return known

    def _named(self, query: Any) -> list[str]:
        if (known := self._names_of.get(id(query))) is None:
            known = self._names_of[id(query)] = list(query.named_selects)
        return known

    def _place(self, query: Any, name: str) -> int | None:
        """Where a query has a column. None if it has none of that name, or several."""
        if (known := self._places.get(id(query))) is None:
            known = self._places[id(query)] = {}
            for at, each in enumerate(self._named(query)):
                known[each] = None if each in known else at
        return known.get(name)

    def _table(self, table: exp.Table, column: str, scope: Scope) -> Iterator[tuple[_Node | _Leaf | None, str]]:
        if not isinstance(table.this, exp.Identifier):
            yield from self._rows(table.this, scope)
        elif table.db != SCHEMA or (real := self._columns.get(table.name, {}).get(column)) is None:
            yield None, IDENTITY
        else:
            yield (table.name, real), IDENTITY

    def _rows(self, function: exp.Expr, scope: Scope) -> Iterator[tuple[_Node | _Leaf | None, str]]:
        """What gives rows by itself: a function such as UNNEST, or VALUES."""
        for child in function.iter_expressions():
            if not isinstance(child, exp.TableAlias):
                yield from ((target, _joined(how, TRANSFORMATION)) for target, how in self._within(child, scope))


def _by_lower(name: str, columns: Sequence[str]) -> dict[str, str]:
    known = {column.lower(): column for column in columns}
    if len(known) < len(columns):
        raise Untold(f"Two columns of {name} differ in upper and lower case only")
    return known


def _is_same(given: str, name: str) -> bool:
    """Whether sqlglot's name of a column is DuckDB's: expressions without a name have others, and what is there twice
    has a number.
    """
    lower = name.lower()
    first, _, number = lower.rpartition("_")
    return given == lower or given.startswith("_col_") or (first == given and number.isdigit())


def _joined(before: str, after: str) -> str:
    if AGGREGATION in (before, after):
        return AGGREGATION
    return after if before == IDENTITY else before


def _of(node: exp.Expr) -> str:
    return AGGREGATION if isinstance(node, exp.AggFunc) else TRANSFORMATION


def _parameters(node: exp.Expr) -> frozenset[str]:
    """The names that a lambda or a comprehension gives."""
    if isinstance(node, exp.Lambda):
        return frozenset(each.name for each in node.expressions)
    if isinstance(node, exp.Comprehension):
        return frozenset({node.expression.name})
    return frozenset()


def _plain(query: exp.Expr) -> Any:
    while isinstance(query, exp.Subquery):
        query = query.this
    return query


def _whole(query: Any) -> Any:
    """A name within WITH RECURSIVE means the whole UNION, and sqlglot gives its first part."""
    union = query.parent
    is_first = isinstance(union, exp.SetOperation) and union.this is query and isinstance(union.parent, exp.CTE)
    return union if is_first and union.parent.parent.args.get("recursive") else query
