"""Every rule, decision and document that is cited exists in docs/, and the pages say which ones nobody cites."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT, name_of

RULES = ROOT / "docs/rules.md"
DECISIONS = ROOT / "docs/decisions.md"
PAGES = {"rule": RULES, "decision": DECISIONS}
FOLDERS = (".ci", ".github", "bench", "docs", "examples", "libs", "proto", "services", "tests", "tools")
SUFFIXES = {".ini", ".json", ".md", ".proto", ".py", ".pyi", ".sh", ".sql", ".template", ".toml", ".yaml", ".yml"}
NOT_OURS = {".venv", "__pycache__", "node_modules", "target"}

# "rule 7", "rules 6–8 and 24", "decisions 7 to 12, 14", also where a line ends in between.
_CITED = re.compile(
    r"\b(rule|decision|document)s?[\s#*]+(\d+(?:(?:\s*,\s*(?:and\s+)?|\s+(?:and|or|to)\s+|\s*[–-]\s*)\d+)*)(?![.,]?\w)",
    re.IGNORECASE,
)
_PART = re.compile(r"\d+|to|[–-]")
_NUMBERED = {"rule": re.compile(r"^## Rule (\d+): ", re.M), "decision": re.compile(r"^### Decision (\d+): ", re.M)}
_DOCUMENT = re.compile(r"^\| document (\d{3}) \|", re.M)


def numbers_in(text: str) -> list[str]:
    """`6–8 and 24` is 6, 7, 8, 24."""
    found: list[str] = []
    through = False
    for part in _PART.findall(text):
        if not part.isdigit():
            through = True
            continue
        if through:
            found += [str(number) for number in range(int(found[-1]) + 1, int(part))]
        found.append(part)
        through = False
    return found


def cited_in(text: str) -> set[tuple[str, str]]:
    return {(word.lower(), number) for word, group in _CITED.findall(text) for number in numbers_in(group)}


@cache
def citations() -> dict[tuple[str, str], list[Path]]:
    """What is cited, and where."""
    found: dict[tuple[str, str], list[Path]] = {}
    for path in _texts():
        for cited in cited_in(path.read_text()):
            found.setdefault(cited, []).append(path)
    return found


def _texts() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    yield from (ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run"))
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file() and not NOT_OURS & set(path.parts):
                yield path


def numbered(word: str) -> list[str]:
    return _NUMBERED[word].findall(PAGES[word].read_text())


def section(word: str, number: str) -> str:
    start = re.search(rf"^#+ {word.title()} {number}: .*$", PAGES[word].read_text(), re.M)
    assert start
    return re.split(r"^#+ ", PAGES[word].read_text()[start.end() :], maxsplit=1, flags=re.M)[0]


ALL = [(word, number) for word in PAGES for number in numbered(word)]


@pytest.mark.parametrize("word", PAGES)
def test_a_page_numbers_from_one_without_a_gap(word: str) -> None:
    assert numbered(word) == [str(number) for number in range(1, len(numbered(word)) + 1)] != []


def test_every_number_that_is_cited_exists() -> None:
    there = {*ALL, *(("document", number) for number in _DOCUMENT.findall(DECISIONS.read_text()))}
    assert {cited: name_of(paths[0]) for cited, paths in citations().items() if cited not in there} == {}


def test_the_pages_say_of_what_nobody_cites_that_it_is_so() -> None:
    uncited = {cited for cited in ALL if not _citing(cited)}
    marked = {cited for cited in ALL if f"No code and no test cites this {cited[0]}." in section(*cited)}
    assert sorted(uncited - marked) == [], "write the line at the end of these sections"
    assert sorted(marked - uncited) == [], "these are cited now: take the line out of their sections"


def test_what_is_not_built_yet_is_cited_by_nothing() -> None:
    assert [cited for cited in ALL if "*Not built yet." in section(*cited) and _citing(cited)] == []


def _citing(cited: tuple[str, str]) -> list[str]:
    """Code and tests that cite it; the documents and this test do not count."""
    paths = citations().get(cited, [])
    return [name_of(path) for path in paths if ROOT / "docs" not in path.parents and path != Path(__file__)]


def test_the_facts_of_each_document_are_where_the_page_says() -> None:
    table = DECISIONS.read_text().split("## The source documents")[1].split("\n## ")[0]
    named = re.findall(r"`(tests/[\w/.]+)`", table)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("(rule 7)", {("rule", "7")}),
        ("Rules 6–8 and 24, decision 16", {("rule", n) for n in ("6", "7", "8", "24")} | {("decision", "16")}),
        ("decisions 7 to 9, 14", {("decision", n) for n in ("7", "8", "9", "14")}),
        ("documents 001, 003 and 004", {("document", n) for n in ("001", "003", "004")}),
        ("as rule\n# 12 says", {("rule", "12")}),
        ("rules 3 and 9.", {("rule", "3"), ("rule", "9")}),
        ("a rule of 7 words", set()),
    ],
)
def test_a_citation_is_read_however_it_is_written(text: str, cited: set[tuple[str, str]]) -> None:
    assert cited_in(text) == cited
