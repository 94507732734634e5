"""Removes a row's values from DuckDB's error messages: only known words are shown.

A message has known words, then values, then sometimes a known ending. A value may have any characters, also quotes and
line breaks, so the middle is not searched: it is hidden as a whole, unless the SQL itself has it as a literal.
"""

import re

HIDDEN = "…"

_EXCERPT = "\nLINE "  # where DuckDB shows the SQL
_KIND = re.compile(r"\A\s*((?:[A-Z][A-Za-z]*)(?: [A-Za-z]+){0,3} Error: )?")
_PLAIN_TYPE = (
    r"(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|U?INT(?:8|16|32|64|128)|BOOL(?:EAN)?|VARCHAR|JSON|BLOB|BIT|UUID|DATE|TIME"
    r"|FLOAT|DOUBLE|INTERVAL|BIGNUM|DECIMAL(?:\(\d{1,2}, ?\d{1,2}\))?|TIMESTAMP(?:_NS|_MS|_S)?(?: WITH TIME ZONE)?"
    r"|STRUCT|MAP|UNION|ENUM)"
)
_TYPE = rf"{_PLAIN_TYPE}(?:\[\d{{0,4}}\])*"
_NESTED = re.compile(rf"({_TYPE})\(.*\)((?:\[\d{{0,4}}\])*)", re.DOTALL)
_ENDING = re.compile(
    rf"""(?P<said>
      \ to\ (?P<type>{_TYPE}|(?:STRUCT|MAP|UNION|ENUM)\(.*\)(?:\[\d{{0,4}}\])*)
    | \ can't\ be\ cast\ (?:to|because\ the\ value\ is\ out\ of\ range\ for)\ the\ destination\ type
      \ (?P<cast>{_TYPE}|(?:STRUCT|MAP|UNION|ENUM)\(.*\)(?:\[\d{{0,4}}\])*)
      (?P<size>,\ the\ size\ of\ the\ array\ must\ match\ the\ destination\ type)?
    | ,\ expected\ format\ is\ \([][YMDHS:.U±ZONE| -]+\)
    | \ not\ recognized
    | \ as\ base64:\ length\ must\ be\ a\ multiple\ of\ 4
    )?(?:\ when\ casting\ from\ source\ column\ (?P<column>[^\n]+))?\Z""",
    re.VERBOSE | re.DOTALL,
)
_LONGEST_ENDING = 2_000
_WORD = re.compile(rf"(?:at byte \d{{1,10}}|{_TYPE}(?![\w(])|[A-Za-z][\w-]*|->|-|>)[.,:!]*(?:\s+|\Z)")
_KNOWN = frozenset(
    """
    a according addition aggregate an and argument arguments array arrays as at base64 be between bin bins bit
    blob by byte bytes can cannot cast character characters codepoint column constant contained contains
    conversion convert could date decimal decode digit division does empty encountered epoch equal error escape
    exceeds expected expression extension extract factorial failed failure field for format from function
    greater group has have hex id implemented in index infinite input integer interval invalid is it json keys
    large larger length less limit list log logarithm malformed map max maximum memory missing month more much
    multiplication must near negate negative no not null number of offset on one only operation or out over
    overflow parse path pattern power radix range returned root row rows seconds sequence shift size small
    specifier square step string subquery subtraction sum supported take than the there time timestamp timezone
    to too type unexpected unicode unique unknown unsupported unterminated used utf8 uuid valid value values
    vector was wasn when width with without year zero zone
    """.split()  # noqa: SIM905
)


def without_values(text: str, sql: str) -> str:
    """DuckDB's text without values of a row. The excerpt of the SQL stays, if it really is from this SQL."""
    words, excerpt = _parted(text.strip(), sql)
    kind = _KIND.match(words)
    start = kind.end() if kind else 0
    while (word := _WORD.match(words, start)) and _is_known(word[0]):
        start = word.end()
    ending = _ENDING.search(words, max(0, start - 1, len(words) - _LONGEST_ENDING))
    end = ending.start() if ending else len(words)
    if end < start:  # nothing but known words
        return words[:start].rstrip() + excerpt
    held = words[start:end]
    shown = held if not held or _is_of(held, sql) else HIDDEN
    return words[:start] + shown + (_ended(ending, sql) if ending else "") + excerpt


def _is_known(word: str) -> bool:
    plain = word.strip().rstrip(".,:!")
    return (
        plain.lower() in _KNOWN
        or plain in ("->", "-", ">")
        or plain.startswith("at byte ")
        or re.fullmatch(_TYPE, plain) is not None
    )


def _ended(ending: re.Match[str], sql: str) -> str:
    said = ending["said"] or ""
    for kind in (ending["type"], ending["cast"]):
        nested = _NESTED.fullmatch(kind or "")
        if kind and nested and not re.fullmatch(_TYPE, kind):
            said = said.replace(kind, f"{nested[1]}({HIDDEN}){nested[2]}")
    column = ending["column"]
    if column is None:
        return said
    return f"{said} when casting from source column {column if _are_words_of(column, sql) else HIDDEN}"


def _is_of(held: str, sql: str) -> bool:
    """Whether the SQL has a quoted value as a literal."""
    return len(held) > 2 and held[0] == held[-1] in "'\"" and "'" + held[1:-1].replace("'", "''") + "'" in sql


def _parted(text: str, sql: str) -> tuple[str, str]:
    """Split into the words and the excerpt of the SQL. A value that only looks like an excerpt is a part of the
    words.
    """
    words, mark, excerpt = text.rpartition(_EXCERPT)
    line, _, shown = excerpt.partition(": ")
    if mark and line.isdigit() and len(line) < 7:
        return words.rstrip(), f"\n{mark}{excerpt}" if _are_words_of(shown, sql + _OURS) else ""
    return text, ""


_OURS = " CREATE OR REPLACE TEMP TABLE staged_rows AS SELECT CASE WHEN IS NULL OR THEN CAST FROM lake transformed "
"""The text that we put around the SQL."""


def _are_words_of(text: str, sql: str) -> bool:
    there = set(re.findall(r"\w+", sql))
    said = re.findall(r"\w+", text)
    inner = said[1:-1] if "..." in text else said  # cut anywhere
    ends = [word for word in (*said[:1], *said[-1:]) if len(said) > len(inner)]
    return all(word in there for word in inner) and all(any(word in each for each in there) for word in ends)
