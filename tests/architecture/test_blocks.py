"""Each code block of the pages is run by a test, or says why it is not; and each call of `vai` is one (decision 83)."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.architecture.workspace import ROOT, name_of
from tests.integration.test_pages import BODIES, STORIES
from vai.cli.app import app
from vai.cli.context import Commands
from vai_testkit.pages import Block, blocks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = "text"
"""What a program prints, and drawings: nothing to be run."""

_ON_THE_STACK = "tests/integration/test_pages.py"
_OF_THE_CHART = "tests/chart/test_documents.py"
_OF_FILES = "services/extract-worker/tests/files/test_files_page.py"
_OF_SOURCES = "services/extract-worker/tests/test_outside_sources.py"
_OF_HOOKS = "services/api-gateway/tests/webhooks/test_webhooks.py"
_OF_DEFINITIONS = "libs/records/tests/definitions/test_pages.py"
RUN_BY: dict[tuple[str, str], str] = {
    **{(page, "sh"): _ON_THE_STACK for story in STORIES.values() for page in story.pages},
    **{(page, "json"): _ON_THE_STACK for page in BODIES},
    **{(f"docs/quickstart/{page}.md", "sh"): "tests/integration/test_quickstarts.py"
       for page in ("rest", "events", "platform", "operator")},
    ("docs/first-steps.md", "sh"): "tests/integration/test_first_steps.py",
    ("docs/cli.md", "yaml"): _ON_THE_STACK,
    ("docs/variables.md", "yaml"): _ON_THE_STACK,
    ("docs/errors.md", "json"): _ON_THE_STACK,
    ("docs/operations.md", "sql"): _ON_THE_STACK,
    ("docs/python-client.md", "python"): _ON_THE_STACK,
    ("docs/typescript-client.md", "ts"): "tools/typescript/__main__.py",
    ("docs/quickstart/platform.md", "yaml"): _OF_THE_CHART,
    ("docs/kubernetes.md", "yaml"): _OF_THE_CHART,
    ("docs/files.md", "json"): _OF_FILES,
    ("docs/files.md", "jsonl"): _OF_FILES,
    ("docs/rest-api.md", "json"): "services/extract-worker/tests/rest/test_page.py",
    ("docs/extraction.md", "json"): "services/extract-worker/tests/paging/test_paging.py",
    ("docs/write-a-source.md", "python"): _OF_SOURCES,
    ("docs/write-a-source.md", "toml"): _OF_SOURCES,
    ("docs/transforms.md", "sql"): "services/transform-worker/tests/test_documents.py",
    ("docs/webhooks.md", "sh"): _OF_HOOKS,
    ("docs/webhooks.md", "python"): _OF_HOOKS,
    ("docs/events.md", "json"): "tests/architecture/test_event_documents.py",
    ("docs/sql-database.md", "json"): _OF_DEFINITIONS,
    ("docs/transforms.md", "json"): _OF_DEFINITIONS,
    ("docs/vendors.md", "json"): _OF_DEFINITIONS,
}  # fmt: skip
"""Which test runs a page's blocks of a language: all of them that do not say why not."""


def _found() -> list[tuple[str, Block]]:
    return [(name_of(page), block) for page in PAGES for block in blocks(page)]


def test_a_block_is_run_or_says_why_it_is_not() -> None:
    neither = [
        f"{page}:{block.line}"
        for page, block in _found()
        if block.language != SHOWN and block.why is None and (page, block.language) not in RUN_BY
    ]
    assert neither == [], "let a test run them (RUN_BY), or begin them by ```LANGUAGE not run: why"


def test_what_is_said_to_be_run_is_there() -> None:
    there = {(page, block.language) for page, block in _found() if block.why is None}
    assert sorted(set(RUN_BY) - there) == []


@pytest.mark.parametrize("page", sorted({page for page, _ in RUN_BY}))
def test_the_test_that_runs_a_page_reads_it(page: str) -> None:
    name = Path(page).stem
    for (of, _), test in RUN_BY.items():
        assert of != page or name in (ROOT / test).read_text(), f"{test} does not name {page}"


# Commands of `vai` ----------------------------------------------------------------------------------------------------

_INLINE = re.compile(r"`vai ([^`…|>]+)`")
_ENDS = re.compile(r"[|&;()<>]+")
_BEGINS = re.compile(r"[|&;()]+|.*\$|do|then|\|\|")


def commands(text: str) -> Iterator[list[str]]:
    """The calls of `vai` in a shell's text, each as its words. What stands in a heredoc is none."""
    lines = iter(text.replace("\\\n", " ").splitlines())
    for line in lines:
        words = _words(line, lines)
        for place, word in enumerate(words):
            if word in ("vai", ".venv/bin/vai") and (place == 0 or _BEGINS.fullmatch(words[place - 1])):
                behind = words[place + 1 :]
                end = next((at for at, each in enumerate(behind) if _ENDS.fullmatch(each)), len(behind))
                yield behind[:end]
        if heredoc := re.search(r"<<'(\w+)'", line):
            next((each for each in lines if each == heredoc[1]), None)


def _words(line: str, lines: Iterator[str]) -> list[str]:
    """Of a command, which goes on for as many lines as a quotation in it does."""
    while True:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            return list(lexer)
        except ValueError:
            line = f"{line}\n{next(lines)}"


@cache
def _vai() -> Any:
    return get_command(app)


def complaint(words: list[str], of_a_sentence: bool = False) -> str | None:
    """What `vai` would say to this call before it asks the platform. A sentence may leave out what is needed."""
    command: Any = _vai()
    while isinstance(command, TyperGroup):
        if not words or words[0] in ("-h", "--help", "--version", "COMMAND"):
            return None
        if words[0].startswith("-") and isinstance(command, Commands):
            words = [next(name for name in ("list", "show") if name in command.commands), *words]
        elif words[0].startswith("--"):
            words = words[2:]
        elif words[0] not in command.commands:
            return f"{words[0]} is no command"
        else:
            command, words = command.commands[words[0]], words[1:]
    try:
        command.make_context(command.name, words)
    except Exception as error:
        names = type(error).__name__
        return None if of_a_sentence and names in ("MissingParameter", "BadParameter") else f"{names} {error}"
    return None


def test_every_call_of_vai_on_the_pages_is_one() -> None:
    called = [
        (f"{page}:{block.line}", words) for page, block in _found() if block.language == "sh"
        for words in commands(block.text)
    ]  # fmt: skip
    assert len(called) > 60
    assert [(page, words, said) for page, words in called if (said := complaint(words))] == []


def test_every_call_of_vai_in_a_sentence_could_be_one() -> None:
    named = [(name_of(page), text) for page in PAGES for text in _INLINE.findall(page.read_text())]
    assert len(named) > 100
    assert [each for each in named if complaint(shlex.split(each[1]), of_a_sentence=True)] == []


@pytest.mark.parametrize("text", ["vai run", "vai runs --no-such", "vai gone", "vai show a b", "cat x | vai keys make"])
def test_a_call_that_is_none_would_be_found(text: str) -> None:
    assert [complaint(words) for words in commands(text)] not in ([], [None])
