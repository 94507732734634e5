"""The scanner of SQL text: it finds what DuckDB's own lexer finds, in one pass, and no value leaves its literal."""

import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vai_records.definitions.sql_text import (
    Kind,
    Piece,
    fill_literals,
    fill_placeholders,
    has_stray_reference,
    literal_matches,
    look,
    pieces,
    settled,
    used_placeholders,
)

REFERENCE = re.compile(r"\$/inputs/[a-z]+")
SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u2060\u3000\ufeff"
TOKENS = [
    *("'", "''", '"', "\\", "E'", "e", "x'", "b'", "n'", "u", "&", "$", "$a$", "$é$", "$$", "/*", "*/", "--", "-", "/"),
    *("\n", "\r", " ", "\t", "\f", "1", "1_", "0x", "1.", ".5", "1e", "+", "?", "#", "@", "a", "é", "_", ",", ";", ":"),
    *("{{ x }}", "{{", "}}", "{"),
]
QUOTED = {Kind.LITERAL, Kind.ESCAPED, Kind.OTHER_TEXT, Kind.NAME}


def texts(found: list[Piece]) -> Iterator[Piece]:
    """The beginnings of literals and quoted names; the further parts of one that goes on belong to it."""
    for before, piece in zip([None, *found], found, strict=False):
        goes_on = before and before.kind is Kind.COMMENT and piece.text.startswith("'")
        if piece.kind in QUOTED and not goes_on:
            yield piece


def lexed(sql: str) -> set[int]:
    """Where the literals and quoted names begin that DuckDB's lexer finds."""
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    return {len(text[:at].decode()) for at, kind in tokens if kind.name == "string_const" or text[at : at + 1] == b'"'}


def is_refused(found: list[Piece]) -> bool:
    """What DuckDB's lexer stops at, for another reason than an end that is missing."""
    escapes = re.compile(r"\\[^nrtbf'\\]")
    return any(
        (each.kind is Kind.NAME and each.text == '""')
        or each.text[:2].lower() == "u&"
        or (each.kind is Kind.ESCAPED and escapes.search(each.text) is not None)
        for each in found
    )


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
@example("1e'\\'a' 'b'")
@example("$1_0e'\\'a' 'b'")
@example("a$e'\\' 'b'")
@example("éE'\\' 'b'")
@example("/* /* */ ' */ 'b'")
@example("$ü$ ' $ü$ 'b'")
@example("a$b$ ' c$b$ '")
@example("x'a'\n'b' 'c'")
@example("e'a' -- it's\n '\\'b' 'c'")
def test_the_scanner_finds_the_literals_that_the_lexer_of_duckdb_finds(sql: str) -> None:
    found = list(pieces(sql))
    assert "".join(piece.text for piece in found) == sql
    if is_refused(found):
        return
    if found and not found[-1].closed:
        # the lexer stops there, and does not give the literal whose last part is open
        assert {each.start for each in texts(found) if each.closed} >= lexed(sql)
        assert max(lexed(sql), default=-1) < found[-1].start
    else:
        whole = {each.start for each in found if each.kind in QUOTED}
        assert lexed(sql) <= whole
        assert {each.start for each in texts(found)} <= lexed(sql)


def test_the_spaces_are_those_that_duckdb_takes_for_spaces() -> None:
    def is_space(character: str) -> bool:
        try:
            duckdb.extract_statements(f"SELECT{character}1")
        except duckdb.Error:
            return False
        return True

    beyond = (*range(0x80, 0x3100), *range(0xFE00, 0x10000), 0xE0020)
    found = "".join(chr(code) for code in beyond if is_space(chr(code)))
    assert found == SPACES
    assert settled(f"SELECT{found}1") == f"SELECT{' ' * len(found)}1"


# Values in literals ---------------------------------------------------------------------------------------------------

TRAPS = [
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "*/",
    "/*",
    "--",
    "$$",
    "$a$",
    "\n",
    "\r",
    "{{ x }}",
    "$/inputs/w",
    "e'",
    "4f",
    "0",
]
TRAPS += ["'; DROP TABLE t; --", "'||(SELECT 1)||'", *SPACES]
no_nul = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
texts_of_people = st.lists(st.sampled_from(TRAPS) | st.text(no_nul, max_size=5), max_size=4).map("".join)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def rows_of(sql: str) -> list[Any]:
    return connection().execute(sql).fetchall()


def plain(text: str) -> str:
    return text.replace("'", "''")


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


@st.composite
def comments(draw: st.DrawFn) -> str:
    inner = "".join(draw(st.lists(st.sampled_from([*"'\"$-", "$a$", "--", "é", "\n", *SPACES[:3]]), max_size=5)))
    nested = draw(st.sampled_from([f"/*{inner}*/", f"/* /* {inner} */ ' */", f"--{inner.replace(chr(10), '')}\n", " "]))
    return nested + draw(st.sampled_from(["", *SPACES[:3]]))


@st.composite
def items(draw: st.DrawFn) -> tuple[str, str]:
    """A column of a SELECT with `$/inputs/v` in it, and its value, where VALUE stands for the reference."""
    before, after = draw(texts_of_people.filter(lambda text: "$/" not in text)), draw(st.sampled_from(TRAPS))
    after = " " + after.replace("$/inputs/w", "")
    form = draw(st.sampled_from(["plain", "escaped", "hex", "octal", "parts", "dollar", "name", "word"]))
    match form:
        case "plain":
            return f"'{plain(before)}$/inputs/v{plain(after)}'", f"{before}VALUE{after}"
        case "escaped":
            return f"E'{escaped(before)}$/inputs/v{escaped(after)}'", f"{before}VALUE{after}"
        case "hex":
            return "e'\\x4$/inputs/v'", "\x04VALUE"
        case "octal":
            return "e'\\14$/inputs/v'", "\x0cVALUE"
        case "parts":
            return f"'{plain(before)}' -- it's\n'$/inputs/v'", f"{before}VALUE"
        case "dollar":
            return "$_b$ ' it''s $_b$", " ' it''s "
        case "name":
            return f"'a' AS \"it's {draw(st.sampled_from(SPACES))}\"", "a"
        case _:
            return "'a' AS a$b$", "a"


@given(st.lists(st.tuples(comments(), items(), comments()), min_size=1, max_size=5), texts_of_people)
@example([("", ("'$/inputs/v'", "VALUE"), "")], "\u00a0")
@example([("/* ' */", ("'$/inputs/v'", "VALUE"), "-- '\n")], "\u00a0")
@example([("/* old: /* off */ WHERE a = ' */", ("'$/inputs/v'", "VALUE"), "")], "*/ , (SELECT 1) --")
def test_every_value_arrives_in_its_literal_unchanged(
    columns: list[tuple[str, tuple[str, str], str]], value: str
) -> None:
    sql = "SELECT " + ", ".join(before + item + after for before, (item, _), after in columns)
    filled = fill_literals(sql, REFERENCE, lambda _: value)
    rows = rows_of(filled)
    assert len(duckdb.extract_statements(filled)) == 1
    assert rows == [tuple(expected.replace("VALUE", value) for _, (_, expected), _ in columns)]


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("SELECT DATE '$/inputs/v' + INTERVAL '1 day'", "2026-01-01", "2026-01-02 00:00:00"),
        ("SELECT TIMESTAMP'$/inputs/v'", "2026-01-01 10:00", "2026-01-01 10:00:00"),
        ("SELECT INTERVAL '$/inputs/v'", "3 days", "3 days"),
        ("SELECT '$/inputs/v'::INT + 1", "41", "42"),
        ("SELECT CAST('$/inputs/v' AS DECIMAL(5,2))", "1.50", "1.50"),
        ("SELECT 'an apple' LIKE '%$/inputs/v%'", "app", "true"),
    ],
)
def test_typed_literals_casts_and_patterns_take_values(sql: str, value: str, expected: str) -> None:
    filled = fill_literals(sql, REFERENCE, lambda _: value)
    assert rows_of(f"SELECT CAST(({filled}) AS VARCHAR)") == [(expected,)]


@pytest.mark.parametrize(
    ("sql", "found", "strays"),
    [
        ("SELECT '$/inputs/v', e'\\\\$/inputs/w'", ["$/inputs/v", "$/inputs/w"], False),
        (r"SELECT E'\$/inputs/v'", [], False),
        ("SELECT 1 AS \"price $/inputs/v\" -- $/inputs/v, $/kg\n /* /* $/steps */ '$/inputs/v' */", [], False),
        ("SELECT $$ a$/b $$, '$/kg'", [], False),
        ("SELECT $ü$ '$/inputs/v' $ü$", [], True),
        ("SELECT x'$/inputs/v'", [], True),
        ("SELECT b'$/steps/a/result'", [], True),
        ("SELECT $/inputs/v", [], True),
        ("SELECT $/x", [], True),
        ("SELECT ${/inputs/v}", [], True),
    ],
)
def test_only_what_stands_in_a_string_literal_is_a_reference(sql: str, found: list[str], strays: bool) -> None:
    assert literal_matches(sql, REFERENCE) == found
    assert has_stray_reference(sql) is strays
    assert fill_literals(sql, REFERENCE, lambda _: "v").count("$/") == sql.count("$/") - len(found)


def test_a_value_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        fill_literals("SELECT '$/inputs/v'", REFERENCE, lambda _: "a\0b")


@given(st.lists(st.tuples(comments(), items()), min_size=1, max_size=4))
def test_settled_sql_says_the_same_and_keeps_its_lines(columns: list[tuple[str, tuple[str, str]]]) -> None:
    sql = "SELECT " + ", ".join(before + item for before, (item, _) in columns)
    same = settled(sql)
    assert same.count("\n") == sql.count("\n")
    assert settled(same) == same
    assert rows_of(same) == [tuple(expected.replace("VALUE", "$/inputs/v") for _, (_, expected) in columns)]


# Placeholders, and what never ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("FROM {{ a }}, {{B}}, {{\n c }}", ["a", "b", "c"]),
        ("SELECT '{{ a }}', $x$ {{ a }} $x$, \"{{ a }}\" /* {{ a }} /* */ {{ a }} */ -- {{ a }}", []),
        ("FROM {{ bronze-orders }}, {{ ref('x') }}", ["bronze-orders", "ref('x')"]),
        ("SELECT MAP {{'a': 1}: 2}", []),
        ("FROM {{ a {{ b }}", ["b"]),
        ("FROM {{ " + "a" * 400 + " }}", []),
    ],
)
def test_placeholders_stand_in_code_alone(sql: str, names: list[str]) -> None:
    assert used_placeholders(sql) == names
    assert fill_placeholders(sql, lambda name: f"<{name}>").count("<") == len(names)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT 1 /* a /* b */", "the comment that begins in line 1 ('/* a /* b */') never ends"),
        ("SELECT\n'a''", "the string that begins in line 2"),
        ("SELECT E'a\\'", "the string that begins"),
        ('SELECT "a', "the quoted name that begins"),
        ("SELECT $a$ x $b$", "the string that begins"),
        ("SELECT 'a'\n'b", "the string that begins in line 2"),
    ],
)
def test_what_never_ends_is_told_with_its_line(sql: str, words: str) -> None:
    assert words in (look(sql).unclosed or "")


HOSTILE = [
    *(
        "/* ",
        "/*",
        "/**/",
        "{{ ",
        "{{",
        "{{ a",
        "{{ a }}",
        "'",
        "''",
        "E'",
        "E'\\",
        "e'\\'",
        '"',
        "$",
        "$$",
        "$a",
        "$a$",
    ),
    *("--", "-", "\n--", "'a'\n", "'a'--\n", "e'x'\n'", "1e", "1_", "1.", "a$", "(", "é", "\u00a0", "'\u00a0'", "x'"),
    *("u&'", "'$/inputs/a' ", "$/inputs/a", "E'\\x4$/inputs/a'", "a$b\u00a0", "// "),
]


@pytest.mark.parametrize(
    ("part", "around"),
    [*((part, ("", "")) for part in HOSTILE), ("/*", ("'", "'")), ("$/inputs/a\\", ("E'", "'")), ("*", ("/*", "*/"))],
)
def test_a_hostile_text_is_read_in_one_pass(part: str, around: tuple[str, str]) -> None:
    sql = around[0] + (part * 100_000)[:100_000] + around[1]
    began = time.process_time()
    look(sql)
    fill_placeholders(sql, str)
    fill_literals(sql, REFERENCE, lambda _: "v\u00a0")
    assert time.process_time() - began < 5  # linear: 0.1 to 0.3 s; by the square of the length: a minute and more


def test_many_dollar_tags_are_read_in_one_pass() -> None:
    steps: Any = list(pieces("".join(f"$a{number}$ " for number in range(20_000))))
    assert len(steps) == 1
    assert not steps[0].closed
