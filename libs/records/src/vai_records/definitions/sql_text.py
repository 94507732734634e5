"""SQL as a text: its literals, names, comments and placeholders, found as DuckDB's own lexer finds them.

One pass, in time that grows with the length of the text alone. A text that begins something and never ends it is told
by `look`; nothing behind that place means anything.
"""

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

STRAY_REFERENCE = "a $/ reference may only stand inside a string literal: write '$/steps/…' in quotes"

# DuckDB takes these for a space, unless it thinks that they stand in quotes; all else beyond ASCII is a letter to it
_SPACES = "\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
_NO_LETTER = rf"\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f{_SPACES}"  # nor digit, _ or $
_WORD = rf"[^\x24\x30-\x39{_NO_LETTER}][^{_NO_LETTER}]*+"
_PLAIN = rf"\x00-\x21\x23\x25\x26\x28-\x2c\x3a-\x3e\x40\x5b-\x5e\x60\x7c-\x7f{_SPACES}"  # begins nothing longer
_TAG = rf"(?:[^\x24\x30-\x39{_NO_LETTER}][^\x24{_NO_LETTER}]*+)?"
_WHOLE = r"[0-9]++(?:_[0-9]++)*"
_NUMBER = rf"(?:{_WHOLE}(?:\.(?:{_WHOLE})?)?|\.{_WHOLE})(?:[eE][-+]?[0-9]++)?"
# quotes are no part of a name, but people write {{ ref('x') }}, and are to hear that it is none
_PLACEHOLDER = r"""\{\{(?:[^{}'"$/-]|/(?!\*)|-(?!-)|'[^'\\{}]{0,100}+'|"[^"{}]{0,100}+"){0,300}\}\}"""

# What begins here, or 100 parts of code: a part begins with what no other one begins with, and nothing follows the
# last, so that none is given back. A quantifier that gives nothing back by itself stands for single characters only:
# Python before 3.11.5 misreads all others.
_TOKEN = re.compile(
    rf"""(?P<literal>')
       | (?P<name>")
       | (?P<escaped>[eE]')
       | (?P<bits>[bBxX]')
       | (?P<unicode>[uU]&['"])
       | (?P<line>--[^\n\r]*+)
       | (?P<comment>/\*)
       | (?P<dollar>\${_TAG}\$)
       | (?P<placeholder>{_PLACEHOLDER})
       | (?P<code>(?:(?![eEbBxX]'|[uU]&['"]){_WORD} | {_NUMBER} | [?$]{_WHOLE} | [{_PLAIN}]++
                   | \$(?!{_TAG}\$) | (?!{_PLACEHOLDER})\{{ | -(?!-) | /(?!\*) | [.?]){{1,100}})""",
    re.VERBOSE | re.DOTALL,
)
_GAP = re.compile(rf"[ \t\n\r\f{_SPACES}]++|--[^\n\r]*+")
_QUOTE_OR_BACKSLASH = re.compile(r"['\\]")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_SPACE = re.compile(f"[{_SPACES}]")
_NOTHING = re.compile(rf"[ \t\n\r\f\v;{_SPACES}]*+")
_QUOTES = re.compile(r"""['"$]""")
_MISLEADING = re.compile(r"""['"$-]""")
_REFERENCE = re.compile(r"\$\{?/(?:inputs|steps)/")
_ESCAPE = re.compile(r"\\(?:(?P<octal>[0-7]{1,2})|x(?P<hex>[0-9a-fA-F]?)|.)?", re.DOTALL)
_DOLLAR_WORD = re.compile(rf"(?P<word>{_WORD})|{_NUMBER}|[?$]{_WHOLE}", re.DOTALL)


class Kind(Enum):
    """What a piece of SQL is."""

    CODE = auto()
    LITERAL = auto()  # '…'
    ESCAPED = auto()  # E'…', with backslashes
    OTHER_TEXT = auto()  # $tag$…$tag$, X'…', B'…', U&'…'
    NAME = auto()  # "…"
    COMMENT = auto()  # and the space between the parts of a literal that goes on in another line
    PLACEHOLDER = auto()  # {{ name }}


_KINDS = {
    "literal": Kind.LITERAL,
    "name": Kind.NAME,
    "escaped": Kind.ESCAPED,
    "bits": Kind.OTHER_TEXT,
    "unicode": Kind.OTHER_TEXT,
    "line": Kind.COMMENT,
    "comment": Kind.COMMENT,
    "dollar": Kind.OTHER_TEXT,
    "placeholder": Kind.PLACEHOLDER,
    "code": Kind.CODE,
}
_GOES_ON = ("literal", "escaped", "bits", "unicode")


class Piece(NamedTuple):
    """A part of the text, with its quotes; `name` is a placeholder's, in lower case."""

    kind: Kind
    start: int
    text: str
    closed: bool = True
    name: str = ""


def pieces(sql: str) -> Iterator[Piece]:
    """The whole text in pieces, in order. One that is not closed is the last and reaches to the end."""
    at = code = 0  # `code` is where the code begins that goes on until something else does
    while at < len(sql) and (match := _TOKEN.match(sql, at)):
        word = match.lastgroup or "code"
        if word == "code":
            at = match.end()
            continue
        if code < at:
            yield Piece(Kind.CODE, code, sql[code:at])
        piece = _piece(sql, match, word)
        yield piece
        at = code = at + len(piece.text)
        # 'a' and, a line below, 'b' are one literal: the second part is read as the first
        while word in _GOES_ON and piece.closed and piece.text[-1] == "'" and (end := _gap(sql, at)):
            yield Piece(Kind.COMMENT, at, sql[at:end])
            piece = _until(sql, piece.kind, end, _closing(sql, end + 1, word, "'"), 1)
            yield piece
            at = code = end + len(piece.text)
    if code < at:
        yield Piece(Kind.CODE, code, sql[code:at])


def _piece(sql: str, match: re.Match[str], word: str) -> Piece:
    kind, start, end = _KINDS[word], match.start(), match.end()
    if word == "placeholder":
        return Piece(kind, start, match[0], name=match[0][2:-2].strip().lower())
    if word == "line":
        return Piece(kind, start, match[0])
    if word == "comment":
        return _comment(sql, start)
    if word == "dollar":
        return _until(sql, kind, start, sql.find(match[0], end), len(match[0]))
    return _until(sql, kind, start, _closing(sql, end, word, match[0][-1]), 1)


def _closing(sql: str, at: int, word: str, quote: str) -> int:
    """Where the quotes end whose inside begins at `at`; -1 where they never do. Twice the quote is one in the text."""
    if word == "bits":
        return sql.find(quote, at)
    if word == "escaped":
        return _closing_escaped(sql, at)
    at = sql.find(quote, at)
    while at >= 0 and sql.startswith(quote, at + 1):
        at = sql.find(quote, at + 2)
    return at


def _closing_escaped(sql: str, at: int) -> int:
    while match := _QUOTE_OR_BACKSLASH.search(sql, at):
        at = match.end()
        if match[0] == "'" and not sql.startswith("'", at):
            return match.start()
        at += 1
    return -1


def _gap(sql: str, at: int) -> int:
    """Where the next part of a literal begins: behind a new line, with nothing but space and comments; 0 for none."""
    start = at
    while gap := _GAP.match(sql, at):
        at = gap.end()
    between = sql[start:at] if sql.startswith("'", at) else ""
    return at if "\n" in between or "\r" in between else 0


def _until(sql: str, kind: Kind, start: int, closing: int, length: int) -> Piece:
    """The piece from `start` to the closing quote of that length, or to the end of the text where there is none."""
    return Piece(kind, start, sql[start : closing + length]) if closing >= 0 else Piece(kind, start, sql[start:], False)


def _comment(sql: str, start: int) -> Piece:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return Piece(Kind.COMMENT, start, sql[start : edge.end()])
    return Piece(Kind.COMMENT, start, sql[start:], False)


_CALLED = {
    Kind.COMMENT: "comment",
    Kind.NAME: "quoted name",
    Kind.LITERAL: "string",
    Kind.ESCAPED: "string",
    Kind.OTHER_TEXT: "string",
}


class Findings(NamedTuple):
    """What one look at a text tells of it.

    `names` are those in `{{ name }}`, in lower case. `unclosed` says what begins and never ends; `strays` whether a
    reference stands where no value may come (decision 44): in comments and quoted names it is text. `is_blank` is true
    where nothing stands but spaces, semicolons and comments.
    """

    names: tuple[str, ...]
    unclosed: str | None
    strays: bool
    is_blank: bool


@lru_cache(8)
def look(sql: str) -> Findings:
    """The same text is asked for several times while it is judged; it is read once."""
    names, fault, strays, blank = [], None, False, True
    for piece in pieces(sql):
        blank = blank and (piece.kind is Kind.COMMENT or _NOTHING.fullmatch(piece.text) is not None)
        if piece.kind is Kind.PLACEHOLDER:
            names.append(piece.name)
        elif piece.kind is Kind.CODE:
            strays = strays or "$/" in piece.text or "${/" in piece.text
        elif piece.kind is Kind.OTHER_TEXT:
            strays = strays or _REFERENCE.search(piece.text) is not None
        if not piece.closed:
            line = sql.count("\n", 0, piece.start) + 1
            fault = f"the {_CALLED[piece.kind]} that begins in line {line} ({piece.text[:20]!r}) never ends: close it"
    return Findings(tuple(names), fault, strays, blank)


def used_placeholders(sql: str) -> list[str]:
    """The names in `{{ name }}`, in lower case; those in literals, quoted names and comments are just text."""
    return list(look(sql).names)


def has_stray_reference(sql: str) -> bool:
    """Whether a reference stands where no value may come (decision 44)."""
    return look(sql).strays


def fill_placeholders(sql: str, table: Callable[[str], str]) -> str:
    """The SQL with each `{{ name }}` replaced by `table(name)`; the name comes in lower case."""
    return "".join(table(each.name) if each.kind is Kind.PLACEHOLDER else each.text for each in pieces(sql))


# References -----------------------------------------------------------------------------------------------------------


def literal_matches(sql: str, pattern: re.Pattern[str]) -> list[str]:
    """What `fill_literals` would replace."""
    if not pattern.search(sql):
        return []
    return [match[0] for piece in pieces(sql) if piece.closed for match in _matches(piece, pattern)]


def fill_literals(sql: str, pattern: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    """The SQL with each match of `pattern` inside a string literal replaced by `value` of it, escaped.

    The match is one in the text of its literal, with the quotes.
    DuckDB reads each value back as it was given, wherever the literal stands: alone, as a `DATE '…'`, as a path or a
    pattern. In an E'…' a reference behind a backslash is text. Raises ValueError for a value with a NUL character,
    which SQL cannot hold.
    """
    if not pattern.search(sql):
        return settled(sql)
    filled = "".join(_filled(piece, pattern, value) if piece.closed else piece.text for piece in pieces(sql))
    return settled(filled)


def _matches(piece: Piece, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    if piece.kind is Kind.LITERAL:
        yield from pattern.finditer(piece.text)
    elif piece.kind is Kind.ESCAPED:
        yield from (match for match in pattern.finditer(piece.text) if not _is_escaped(piece.text, match.start()))


def _is_escaped(text: str, at: int) -> bool:
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _filled(piece: Piece, pattern: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    done, parts = 0, []
    for match in _matches(piece, pattern):
        before = piece.text[done : match.start()]
        parts += [_ended(before) if piece.kind is Kind.ESCAPED else before, _escaped(value(match), piece.kind)]
        done = match.end()
    return "".join(parts) + piece.text[done:]


def _escaped(text: str, kind: Kind) -> str:
    if "\0" in text:
        raise ValueError("has a NUL character, which SQL cannot hold")
    return (text.replace("\\", "\\\\") if kind is Kind.ESCAPED else text).replace("'", "''")


def _ended(text: str) -> str:
    r"""The text of an E'…' with full digits in its last escape: what follows `\x4` or `\12` must not become a part."""
    escapes = list(_ESCAPE.finditer(text))
    if not escapes or escapes[-1].end() < len(text):
        return text
    last = escapes[-1]
    if last["octal"]:
        return f"{text[: last.start()]}\\{last['octal']:0>3}"
    if last["hex"] is not None:
        return text[: last.start()] + (f"\\x0{last['hex']}" if last["hex"] else "x")
    return text


# What DuckDB reads differently than its lexer -------------------------------------------------------------------------


def settled(sql: str) -> str:
    """The same SQL, in which DuckDB finds the same literals before it reads it as when it does.

    Before its lexer, DuckDB makes plain spaces of those in `_SPACES`, where it sees no quotes around them. It sees
    quotes in comments then, none in some dollar quotes, and no backslashes: so it changed text inside literals.
    """
    if not _SPACE.search(sql):
        return sql
    return "".join(_SETTLERS[piece.kind](piece.text) if piece.closed else piece.text for piece in pieces(sql))


def _settled_code(text: str) -> str:
    return _DOLLAR_WORD.sub(_quoted_if_dollar, _SPACE.sub(" ", text))


def _quoted_if_dollar(match: re.Match[str]) -> str:
    return f'"{match[0]}"' if match["word"] and "$" in match[0] else match[0]


def _settled_comment(text: str) -> str:
    if text.startswith("/*"):
        return f"/*{_MISLEADING.sub(' ', text[2:-2])}*/"
    return _QUOTES.sub(" ", _SPACE.sub(" ", text))


def _settled_escaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "''" if match[1] == "'" else match[0], text, flags=re.DOTALL)


def _settled_other(text: str) -> str:
    if not text.startswith("$"):
        return text
    tag = text[: text.index("$", 1) + 1]
    return "'" + text[len(tag) : -len(tag)].replace("'", "''") + "'"


def _unchanged(text: str) -> str:
    return text


_SETTLERS: dict[Kind, Callable[[str], str]] = {
    Kind.CODE: _settled_code,
    Kind.LITERAL: _unchanged,
    Kind.ESCAPED: _settled_escaped,
    Kind.OTHER_TEXT: _settled_other,
    Kind.NAME: _unchanged,
    Kind.COMMENT: _settled_comment,
    Kind.PLACEHOLDER: _unchanged,
}
