"""Handles `PIVOT … ON x` without IN: finds the values first and writes them into the SQL, so that it is one query.

This module only changes text. The result, and the query for the values, are checked before they run (`safety`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from vai_records.definitions.sql_text import Kind, pieces
from vai_transform_worker.query.safety import refused
from vai_worker.reading.quoting import text

_MOST_VALUES = 10_000
_MOST_PIVOTS = 100
_NO_VALUE = "no value yet"
"""The value that a pivot gets if its table has no values. Its column is left out."""

_WORD = re.compile(r"\w+|[^\w\s]")
_PIVOTS = {"PIVOT", "PIVOT_WIDER"}
_BEFORE = {"", "(", ")", ";", "UNION", "EXCEPT", "INTERSECT", "ALL", "NAME", "DISTINCT"}
"""The words after which a pivot is a query of its own. "": it is the first word."""
_BEHIND = {"ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"}
_ENDS = {"USING", "GROUP", *_BEHIND}
_MAIN = {"SELECT", "FROM", "VALUES", "TABLE", "UNPIVOT", *_PIVOTS}
_WITHOUT_CONDITION = {"NATURAL", "CROSS", "POSITIONAL"}
_BETWEEN = {"LEFT", "RIGHT", "FULL", "INNER", "OUTER", "SEMI", "ANTI"}  # NATURAL … JOIN
_OPENS, _CLOSES = {"(", "[", "{", "CASE"}, {")", "]", "}", "END"}


class _Token(NamedTuple):
    word: str
    start: int
    end: int
    depth: int


class Missing(NamedTuple):
    """An ON without values: the query that finds them, the text that ` IN (…)` replaces, and the place of the pivot."""

    query: str
    start: int
    end: int
    pivot: tuple[int, int] = (0, 0)


def with_values(sql: str, values: Callable[[str], Sequence[str]]) -> str:
    """The SQL with values in all pivots. `values` runs a query and returns its values as text."""
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
        sql = _filled(sql, missing, found)
    return sql


def _filled(sql: str, missing: Missing, found: Sequence[str]) -> str:
    """The SQL with the values. If there are none, the pivot adds no columns."""
    values = f"{sql[: missing.start]} IN ({', '.join(map(text, found or [_NO_VALUE]))})"
    if found:
        return values + sql[missing.end :]
    start, end = missing.pivot
    others = f"SELECT COLUMNS(name -> NOT contains(name, {text(_NO_VALUE)})) FROM"
    return f"{sql[:start]}{others} ({values[start:]}{sql[missing.end : end]}) AS pivoted {sql[end:]}"


def _first_missing(sql: str) -> Missing | None:
    tokens = list(_tokens(sql))
    if sum(token.word in _PIVOTS for token in tokens) > _MOST_PIVOTS:
        return None  # one by one they would take a time that grows with the square of their number
    for position in reversed(range(len(tokens))):  # inner ones come after outer ones
        before = tokens[position - 1].word if position else ""
        if tokens[position].word in _PIVOTS and before in _BEFORE:
            missing = _missing(sql, tokens, position)
            if missing:
                return missing
    return None


def _missing(sql: str, tokens: Sequence[_Token], position: int) -> Missing | None:
    pivot = tokens[position]
    own = list(takewhile(lambda token: token.depth >= pivot.depth and token.word != ";", tokens[position + 1 :]))
    on = _own_on(own, pivot.depth)
    if on is None:
        return None
    source = sql[pivot.end : own[on].start]
    behind = own[on + 1 :]
    ends = (at for at, token in enumerate(behind) if token.depth == pivot.depth and token.word in _ENDS)
    for part in _parts(behind[: next(ends, len(behind))], pivot.depth):
        missing = _missing_of(sql, part, pivot.depth, source) if part else None
        if missing:
            beyond = next((t.start for t in own if t.depth == pivot.depth and t.word in _BEHIND), own[-1].end)
            return missing._replace(query=_within(sql, tokens, position, missing.query), pivot=(pivot.start, beyond))
    return None


def _own_on(tokens: Sequence[_Token], depth: int) -> int | None:
    """The place of the pivot's ON: the first one that is not a join's condition."""
    open_joins = 0
    for at, token in enumerate(tokens):
        if token.depth != depth:
            continue
        if token.word == "JOIN":
            before = next((t.word for t in reversed(tokens[:at]) if t.word not in _BETWEEN), "")
            open_joins += before not in _WITHOUT_CONDITION
        elif token.word in ("ON", "USING") and open_joins:
            open_joins -= 1
        elif token.word == "ON":
            return at
        elif token.word in _ENDS:
            return None
    return None


def _missing_of(sql: str, part: Sequence[_Token], depth: int, source: str) -> Missing | None:
    """The missing values of one expression in the ON: it has no IN, or one with a query."""
    at = next((at for at, token in enumerate(part) if token.word == "IN" and token.depth == depth), None)
    most = _MOST_VALUES + 1
    if at is None:
        what, end = sql[part[0].start : part[-1].end], part[-1].end
        query = f"SELECT DISTINCT CAST(({what}) AS VARCHAR) AS found FROM {source} WHERE ({what}) IS NOT NULL"
        return Missing(f"{query} ORDER BY 1 LIMIT {most}", end, end)
    listed = part[at + 1 :]
    if len(listed) < 2 or listed[0].word != "(" or listed[1].word not in _MAIN | {"WITH"}:
        return None
    # in the order in which the query gives them, as an ENUM has them
    given = sql[listed[0].end : listed[-1].start]
    places = f"SELECT found, row_number() OVER () AS place FROM ({given}) AS given(found)"
    query = f"SELECT CAST(found AS VARCHAR) FROM ({places}) WHERE found IS NOT NULL GROUP BY found ORDER BY min(place)"
    return Missing(f"{query} LIMIT {most}", part[at].start, listed[-1].end)


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
    """The query, with the WITHs that are valid at the place of the pivot."""
    opened: list[int] = []
    for at, token in enumerate(tokens[:position]):
        if token.word in _OPENS:
            opened.append(at)
        elif token.word in _CLOSES and opened:
            opened.pop()
    for start in [*(at + 1 for at in reversed(opened)), 0]:
        if tokens[start].word == "WITH":
            depth = tokens[start].depth
            level = [at for at in range(start, position + 1) if tokens[at].depth == depth]
            end = _end_of_with(tokens, level)
            query = f"{sql[tokens[start].start : end]} SELECT * FROM ({query})" if end else query
    return query


def _end_of_with(tokens: Sequence[_Token], level: Sequence[int]) -> int | None:
    """The end of the definitions of a WITH that come before the last token. None if the token is in the first
    definition.
    """
    for at in level[1:]:
        if tokens[at].word in _MAIN or (tokens[at].word == "(" and tokens[at - 1].word == ")"):
            return tokens[at].start
    comma = next((at for at in reversed(level) if tokens[at].word == ","), None)
    return None if comma is None else tokens[comma].start


def _tokens(sql: str) -> Iterator[_Token]:
    """The words and signs of the SQL, each with its depth in brackets and CASE. Quoted text becomes `'`."""
    depth, before = 0, ""
    for piece in pieces(sql):
        if piece.kind is Kind.COMMENT:
            continue
        if piece.kind is not Kind.CODE:
            before = "'"
            yield _Token(before, piece.start, piece.start + len(piece.text), depth)
            continue
        for match in _WORD.finditer(piece.text):
            start = piece.start + match.start()
            before = match[0].upper() if before != "." else "'"  # t.order is a column
            depth -= before in _CLOSES
            yield _Token(before, start, start + len(match[0]), depth)
            depth += before in _OPENS
