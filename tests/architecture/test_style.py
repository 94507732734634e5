"""The part of the house style that can be measured (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.workspace import (
    ROOT,
    SERVICES,
    calls_of,
    dotted,
    modules,
    modules_with,
    name_of,
    package_of,
    tree,
)

MODULE_LINES = 400
FUNCTION_LINES = 60
BOOT_LINES = 15
SAME_FILES = {"__init__.py", "__main__.py", "settings.py", "lifecycle.py", "wiring.py", "py.typed"}
CLOCKS = {ROOT / "libs/common/src/vai_common/clock.py", ROOT / "libs/client/src/vai/clock.py"}
CLOCK_READS = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "date.today", "datetime.date.today"}
SLEEPS = {"time.sleep", "sleep"}
PAUSES = {"wait_for", "some_moment", "breathe", "dawdle"}
"""The looks of `wait_for`, the start of a racer, a load between two requests, and an imitation that is slow."""
ASSERTING = re.compile(r"^ *(?:assert|raise)\b|\b(?:raises|warns|fail|timeout)\(", re.MULTILINE)
SILENT = {
    "test_a_request_may_say",
    "test_any_text_is_filled_or_is_a_bad_reference",
    "test_credentials_of_databases_and_stores_are_known",
    "test_places_beside_each_other_are_two",
    "test_without_a_pooler_nothing_is_refused",
    "test_a_topic_that_somebody_else_has_just_made_is_no_refusal",
}
"""What these call gives nothing back, and raises what it refuses: that it is silent is what they hold."""
NO_TESTS = {"test_connection"}
"""Routes and imitations that are called so."""
EXCUSES = {"pytest.skip", "pytest.xfail", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_every_service_opens_the_same_way(service: Path) -> None:
    there = {path.name for path in package_of(service).iterdir()}
    assert there >= SAME_FILES
    assert there - SAME_FILES - {"__pycache__"}, "the file that is the reason the service exists"


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_every_service_has_a_readme_and_tests(service: Path) -> None:
    assert (service / "README.md").is_file()
    assert list(service.glob("tests/**/test_*.py"))


@pytest.mark.parametrize("service", SERVICES, ids=name_of)
def test_a_boot_file_is_short(service: Path) -> None:
    assert len((package_of(service) / "__main__.py").read_text().splitlines()) <= BOOT_LINES


def test_no_module_is_longer_than_a_reader_bears() -> None:
    long = {name_of(path): lines for path in modules() if (lines := len(path.read_text().splitlines())) > MODULE_LINES}
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > FUNCTION_LINES
    }
    assert long == set()


def test_only_the_clock_reads_the_time_of_day() -> None:
    readers = {name_of(path) for path in modules() if path not in CLOCKS and CLOCK_READS & set(calls_of(path))}
    assert readers == set()


def test_nothing_sleeps_without_its_event_loop() -> None:
    assert {name_of(path) for path in modules_with("sleep") if SLEEPS & set(calls_of(path))} == set()


def test_no_test_waits_for_a_time() -> None:
    """A test waits for a condition. What else takes time is a function of its own, named for why nothing depends on it.

    `asyncio.sleep(0)` gives others a turn, and is no wait.
    """
    tests = [path for path in modules_with(r"asyncio\.sleep") if "tests" in path.parts or "vai_testkit" in path.parts]
    found = {f"{name_of(path)}:{line}" for path in tests for name, line in _sleeps(path) if name not in PAUSES}
    assert found == set(), f"wait for a condition (vai_testkit.wait), or name the pause: {PAUSES}"


def _sleeps(path: Path) -> Iterator[tuple[str, int]]:
    """The function around each sleep that takes time, and its line."""
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and dotted(node.func) == "asyncio.sleep" and not _is_zero(node):
            around = [each for each in functions if each.lineno <= node.lineno <= (each.end_lineno or 0)]
            yield max(around, key=lambda each: each.lineno).name if around else "", node.lineno


def _is_zero(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_nothing_loses_a_cancellation() -> None:
    """In Python 3.11, `asyncio.wait_for` returns a result that came together with the cancellation, which is lost then.

    A loop that waits so goes on for ever, and its service does not stop. `asyncio.timeout` keeps the cancellation.
    """
    sources = {path for path in modules_with("wait_for") if "src" in path.parts}
    assert {name_of(path) for path in sources if "asyncio.wait_for" in set(calls_of(path))} == set()


def test_every_test_can_fail() -> None:
    """A test asserts, or calls something of the tests that does, however many calls away.

    It reads text and not code: all tests as code take many seconds.
    """
    tests = [path for path in modules() if "tests" in path.parts or "vai_testkit" in path.parts]
    functions = {found for path in tests for found in _functions(path)}
    able = more = {each for each in functions if each.asserts}
    while more:
        names = {(each.module, each.name) for each in able}
        methods = {f".{name}" for _, name in names}
        more = {each for each in functions - able if each.methods & methods or each.calls & names}
        able = able | more
    silent = {each.name for each in functions - able if each.name.startswith("test_")}
    assert silent - NO_TESTS == SILENT


class _Function(NamedTuple):
    """One of the tests, or of what helps them, and what it calls."""

    module: str
    line: int
    name: str
    asserts: bool
    calls: frozenset[tuple[str, str]]
    """By a plain name: the last word of the module that has it, and what it is called there."""
    methods: frozenset[str]


def _functions(path: Path) -> Iterator[_Function]:
    text = path.read_text()
    imported = {
        new or name: (module.rpartition(".")[2], name)
        for module, names in re.findall(r"^ *from ([\w.]+) import (\([^)]*\)|[^\n]+)", text, re.MULTILINE)
        for name, new in re.findall(r"(\w+)(?: as (\w+))?", names)
    }
    found = list(re.finditer(r"^( *)(?:async )?def (\w+)\(", text, re.MULTILINE))
    for at, begin in enumerate(found):
        end = next((later.start() for later in found[at + 1 :] if len(later[1]) <= len(begin[1])), len(text))
        body = text[begin.end() : end]
        called = set(re.findall(r"(\.?\b\w+)\(", body))
        plain = {name for name in called if not name.startswith(".")}
        calls = {imported.get(name, (path.stem, name)) for name in plain} | {("conftest", name) for name in plain}
        asserts = ASSERTING.search(body) is not None
        yield _Function(path.stem, begin.start(), begin[2], asserts, frozenset(calls), frozenset(called - plain))


def test_no_test_is_excused() -> None:
    assert {name_of(path): found for path in modules_with("skip|xfail") if (found := EXCUSES & _attributes(path))} == {}


def _attributes(path: Path) -> set[str]:
    return {dotted(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
