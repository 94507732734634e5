"""`PIVOT … ON x` without IN: its values are found first and written into it, so that it is one query.

Only text is moved here. Whatever comes of it, the query for the values as well, is judged before it runs.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from records.definitions.sql_text import Kind, pieces
from transform_worker.quoting import text
from transform_worker.safety import refused

_MOST_VALUES = 10_000
_MOST_PIVOTS = 100
_WORD = re.compile(r"\w+|[^\w\s]")
_ENDS = {"USING", "GROUP", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", ";"}
_MAIN = {"SELECT", "FROM", "VALUES", "TABLE", "PIVOT", "UNPIVOT"}


class _Token(NamedTuple):
    word: str
    start: int
    end: int
    depth: int


class Missing(NamedTuple):
    """An ON without values: the query that finds them, and where ` IN (…)` belongs."""

    query: str
    at: int


def with_values(sql: str, values: Callable[[str], Sequence[str]]) -> str:
    """The SQL whose pivots all have their values; `values` answers those that a query gives, as text."""
    if "pivot" not in sql.lower():
        return sql
    for _ in range(_MOST_PIVOTS):
        missing = _first_missing(sql)
        if missing is None:
            return sql
        found = values(missing.query)
        if len(found) > _MOST_VALUES:
            message = f"PIVOT would make more than {_MOST_VALUES:,} columns: say which by IN (…)"
            raise refused(message, values=len(found))
        if not found:
            raise refused("PIVOT finds no values in an empty table: say which columns it shall make by ON … IN (…)")
        sql = f"{sql[: missing.at]} IN ({', '.join(map(text, found))}){sql[missing.at :]}"
    return sql


def _first_missing(sql: str) -> Missing | None:
    tokens = list(_tokens(sql))
    if sum(token.word == "PIVOT" for token in tokens) > _MOST_PIVOTS:
        return None  # looked at one by one, they would take a time that grows with the square
    for position in reversed(range(len(tokens))):  # inner ones stand behind outer ones
        before = tokens[position - 1].word if position else "("
        if tokens[position].word == "PIVOT" and before in ("(", ")", ";"):
            missing = _missing(sql, tokens, position)
            if missing:
                return missing
    return None


def _missing(sql: str, tokens: Sequence[_Token], position: int) -> Missing | None:
    pivot = tokens[position]
    own = []
    for token in tokens[position + 1 :]:
        if token.depth < pivot.depth or (token.depth == pivot.depth and token.word in _ENDS):
            break
        own.append(token)
    on = next((token for token in own if token.word == "ON" and token.depth == pivot.depth), None)
    if on is None:
        return None
    source = sql[pivot.end : on.start]
    for part in _parts([token for token in own if token.start > on.start], pivot.depth):
        if part and not any(token.word == "IN" and token.depth == pivot.depth for token in part):
            what = sql[part[0].start : part[-1].end]
            value = f"CAST(({what}) AS VARCHAR)"
            query = f"SELECT DISTINCT {value} AS found FROM {source} WHERE ({what}) IS NOT NULL"
            query += f" ORDER BY 1 LIMIT {_MOST_VALUES + 1}"
            return Missing(_within(sql, tokens, position, query), part[-1].end)
    return None


def _parts(tokens: Sequence[_Token], depth: int) -> Iterator[list[_Token]]:
    part: list[_Token] = []
    for token in tokens:
        if token.word == "," and token.depth == depth:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _within(sql: str, tokens: Sequence[_Token], position: int, query: str) -> str:
    """The query with the WITHs that hold where the pivot stands."""
    pivot = tokens[position]
    opened = next((t for t in reversed(tokens[:position]) if t.word == "(" and t.depth == pivot.depth - 1), None)
    if opened is None:
        return sql[: pivot.start] + query
    inner = sql[opened.end : pivot.start] + query
    outer = [token for token in tokens[:position] if token.depth == 0]
    if not outer or outer[0].word != "WITH":
        return inner
    main = next((token for token in outer if token.word in _MAIN), None)
    comma = next((token for token in reversed(outer) if token.word == ","), None)
    end = main.start if main else comma.start if comma else 0
    return f"{sql[:end]} SELECT * FROM ({inner})" if end else inner


def _tokens(sql: str) -> Iterator[_Token]:
    depth = 0
    for piece in pieces(sql):
        if piece.kind is Kind.COMMENT:
            continue
        if piece.kind is not Kind.CODE:
            yield _Token("'", piece.start, piece.start + len(piece.text), depth)
            continue
        for match in _WORD.finditer(piece.text):
            start = piece.start + match.start()
            depth -= match[0] in (")", "]", "}")
            yield _Token(match[0].upper(), start, start + len(match[0]), depth)
            depth += match[0] in ("(", "[", "{")
