"""docs/audit.md says of everything that was found which test holds it, and each of these tests is there."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.workspace import ROOT, tree

PAGE = (ROOT / "docs/audit.md").read_text()
SECTIONS = ("API", "Automations", "Chaos", "Review", "Extraction", "Transforms")
_NODE = re.compile(r"`([\w./-]+\.py)::(\w+)`")
_ANY_CODE = re.compile(r"`([^`]*::[^`]*)`")


def _rows(section: str) -> list[list[str]]:
    """The cells of each line of a section's table, its two lines of heading left out."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@cache
def _tests_of(path: str) -> set[str]:
    """The tests of a file, whether they stand by themselves or in a class."""
    file = ROOT / path
    if not file.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_each_test_that_the_page_names_is_there() -> None:
    named = _NODE.findall(PAGE)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in _tests_of(path)] == []


def test_what_looks_like_a_test_is_written_so_that_it_is_checked() -> None:
    assert [each for each in _ANY_CODE.findall(PAGE) if not _NODE.fullmatch(f"`{each}`")] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_each_line_says_what_was_tried_what_comes_now_and_which_test_holds_it(section: str) -> None:
    for row in _rows(section):
        assert [bool(cell) for cell in row] == [True] * 5, row
        assert _NODE.search(row[4]) or row[4].startswith("By choice"), row


@pytest.mark.parametrize("section", SECTIONS)
def test_no_number_stands_twice_in_a_section(section: str) -> None:
    numbers = [row[0] for row in _rows(section)]
    assert len(set(numbers)) == len(numbers)
