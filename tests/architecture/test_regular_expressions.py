"""No regular expression makes a stranger's text slow: each is tried on texts that are made to mislead just it.

A text is a beginning that the pattern likes, 20,000 times one of its own characters, and an end that it does not like.
What looks twice at each character costs a millisecond; what looks at each from each costs seconds, in an event loop.
"""

import ast
import importlib
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import thread_time
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for path in ROOT.glob("*/*/src/*") if path.is_dir() and path.name not in ("vai_devstack", "vai_testkit")
)
LENGTH = 20_000
MOST_SECONDS = 0.25  # of CPU, for one text: what is linear takes a hundredth of it
SHORT, QUICK_SECONDS = LENGTH // 10, MOST_SECONDS / 250  # what is quick on the short text is not slow on the long one
FUNCTIONS = {"match", "search", "fullmatch", "sub", "split", "findall", "finditer"}
CALLED = re.compile(rf"\bre\s*\.\s*(?:{'|'.join(FUNCTIONS)})\b")  # reading all modules as code takes seconds


class TooSlow(Exception):
    """The search went on for too long."""


@dataclass(frozen=True)
class Used:
    """A pattern as the code uses it."""

    pattern: re.Pattern[Any]
    method: str
    place: str

    def on(self, text: Any) -> None:
        getattr(self.pattern, self.method)(text)


def _used() -> Iterator[Used]:
    for source in SOURCES:
        for path in source.rglob("*.py"):
            code = path.read_text()
            if "re.compile(" in code:
                yield from _named(path.relative_to(source.parent), code)
            for text, method, line in _written(code) if CALLED.search(code) else ():
                yield Used(re.compile(text), method, f"{path.stem}:{line}")


def _named(path: Path, code: str) -> Iterator[Used]:
    module = importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    for name, value in list(vars(module).items()):
        if not name.isidentifier():  # what pydantic keeps of a generic model
            continue
        methods = set(re.findall(rf"\b{name}\.(\w+)\(", code))
        for number, pattern in enumerate(_compiled(value)):
            # what only looks from one place is tried so; all else looks from each
            for method in sorted(methods) if methods and methods <= {"match", "fullmatch"} else ["search"]:
                yield Used(pattern, method, f"{path.stem}.{name}.{number}.{method}")


def _compiled(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping | tuple | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _compiled(each)


def _written(code: str) -> Iterator[tuple[str, str, int]]:
    """The patterns that stand in calls of `re`."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        called = isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.func.attr in FUNCTIONS
        if called and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            method = node.func.attr if node.func.attr in ("match", "fullmatch") else "search"
            yield node.args[0].value, method, node.lineno


@cache
def used_ones() -> list[Used]:
    """Each pattern once for each way in which it is used."""
    return list({(used.pattern.pattern, used.method): used for used in _used()}.values())


def _beginnings(tree: Any) -> list[str]:
    """A text that fits each beginning of the pattern, and one that fits each part of it."""
    so_far, found = "", {""}
    for token in tree:
        found |= _within(token)
        so_far += _example([token])
        found.add(so_far)
    return sorted(found, key=len)[:6]


def _within(token: Any) -> set[str]:
    name, argument = str(token[0]), token[1]
    if name == "SUBPATTERN":
        return set(_beginnings(argument[3]))
    if name == "BRANCH":
        return {text for branch in argument[1] for text in _beginnings(branch)[:4]}
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return set(_beginnings(argument[2]))
    return set(_beginnings(argument)) if name == "ATOMIC_GROUP" else set()


def _example(tokens: Any) -> str:
    """A short text that the tokens fit; empty where that is hard to say."""
    text = ""
    for token in tokens:
        name, argument = str(token[0]), token[1]
        if name == "LITERAL":
            text += chr(argument)
        elif name in ("NOT_LITERAL", "ANY"):
            text += "a"
        elif name == "IN":
            text += _member(argument)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            text += _example(argument[2]) * max(1, min(argument[0], 3))
        elif name == "SUBPATTERN":
            text += _example(argument[3])
        elif name == "ATOMIC_GROUP":
            text += _example(argument)
        elif name == "BRANCH":
            text += _example(argument[1][0])
    return text


def _member(members: Any) -> str:
    first = members[0]
    if str(first[0]) == "LITERAL":
        return chr(first[1])
    if str(first[0]) == "RANGE":
        return chr(first[1][0])
    words = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " "}
    return words.get(str(first[1]), "a") if str(first[0]) == "CATEGORY" else "a"


def _characters(pattern: str) -> list[str]:
    own = dict.fromkeys(character for character in pattern if not character.isalnum())
    return [*dict.fromkeys(["a", "0", " ", "A", "é", *own])][:18]


def texts(pattern: re.Pattern[Any]) -> Iterator[tuple[Any, Any]]:
    """Each text, first a short one of its kind."""
    raw = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = re._parser.parse(raw, pattern.flags & ~re.UNICODE)  # type: ignore[attr-defined]
    for beginning in _beginnings(tree):
        for pumped in [*_characters(raw), beginning]:
            short, long = (beginning + (pumped * length)[:length] + "\x01" for length in (SHORT, LENGTH))
            if isinstance(pattern.pattern, str):
                yield short, long
            else:
                yield short.encode("latin-1", "ignore"), long.encode("latin-1", "ignore")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises `TooSlow` after so much CPU, within a search, too."""

    def stop(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def slow_text(used: Used) -> Any:
    """A text on which the pattern takes too long, shortened; None where there is none."""
    for short, long in texts(used.pattern):
        try:
            with at_most(MOST_SECONDS):
                began = thread_time()
                used.on(short)
                if thread_time() - began > QUICK_SECONDS:
                    used.on(long)
        except TooSlow:
            return long[:40]
    return None


@pytest.mark.timeout(400)  # a few seconds of CPU, whatever else the machine does
def test_no_text_makes_a_pattern_slow() -> None:
    assert len(used_ones()) > 150
    slow = {used.place: (used.pattern.pattern, text) for used in used_ones() if (text := slow_text(used)) is not None}
    assert slow == {}


def _misread(tree: Any) -> Iterator[str]:
    """What Python before 3.11.5 matches otherwise: what gives nothing back of more than single characters."""
    for token in tree:
        name, argument = str(token[0]), token[1]
        if name == "ATOMIC_GROUP":
            yield name
        elif name == "POSSESSIVE_REPEAT" and not _is_character(argument[2]):
            yield f"{name} of {argument[2]}"
        for inner in _inner(name, argument):
            yield from _misread(inner)


def _is_character(tree: Any) -> bool:
    return len(tree) == 1 and str(tree[0][0]) in ("LITERAL", "NOT_LITERAL", "ANY", "IN")


def _inner(name: str, argument: Any) -> list[Any]:
    match name:
        case "BRANCH":
            return list(argument[1])
        case "SUBPATTERN":
            return [argument[3]]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [argument[2]]
        case "ASSERT" | "ASSERT_NOT":
            return [argument[1]]
        case "ATOMIC_GROUP":
            return [argument]
        case "GROUPREF_EXISTS":
            return [each for each in argument[1:] if each is not None]
        case _:
            return []


def misread(pattern: str | bytes, flags: int = 0) -> list[str]:
    raw = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    return list(_misread(re._parser.parse(raw, flags & ~re.UNICODE)))  # type: ignore[attr-defined]


def test_every_python_reads_a_pattern_alike() -> None:
    found = {used.place: misread(used.pattern.pattern, used.pattern.flags) for used in used_ones()}
    assert {place: parts for place, parts in found.items() if parts} == {}


_JOINT = re.compile(r"""["']\s*[rbfRBF]{0,2}["']""")  # where two literals are one text


def test_nor_is_one_misread_that_is_only_made_at_run_time() -> None:
    written = re.compile(r"\(\?>|[)](?:[*+?]|\{[0-9,]*\})\+")
    for source in SOURCES:
        for path in source.rglob("*.py"):
            code = path.read_text()
            for node in ast.walk(ast.parse(code)) if written.search(_JOINT.sub("", code)) else ():
                if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                    text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                    assert not written.search(text), f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "pattern",
    [r"(?:ab?c)*+", r"x(?:ab|c)++y", r"((?:_[0-9])?+)", r"(?=(?:ab){2,3}+)", r"(?>a*b)", r"(?!(?:'|\\.)*+)", r"(a)*+"],
)
def test_a_pattern_that_an_older_python_misreads_would_be_found(pattern: str) -> None:
    assert misread(pattern)


def test_single_characters_that_are_not_given_back_are_read_alike() -> None:
    assert not misread(r"a*+[^'\\]++.{0,9}+[\d_]?+(?:x|y*+)*")


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"/\*.*?\*/", "search"),
        (r"\{\{(.*?)\}\}", "search"),
        (r"(a+)+$", "match"),
        (r"^(\w+\s?)*$", "match"),
        (r"\s+$", "search"),
        (r"[^/]*x*[^.]*;", "match"),
        (r".*.*.*zzz", "fullmatch"),
    ],
)
def test_the_kinds_that_were_found_would_be_found(pattern: str, method: str) -> None:
    assert slow_text(Used(re.compile(pattern, re.DOTALL), method, "here")) is not None
