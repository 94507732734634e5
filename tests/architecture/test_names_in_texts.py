"""Modules that are named in texts are there: what is started by `-m`, imported by name or read as a resource."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, modules, name_of, package_of, tree

OURS = {package_of(member).name for member in MEMBERS}
_COMMAND = re.compile(r"\bpython3? (?:-\w+ )*-m ([a-z_][\w.]*)")
_DOTTED = re.compile(rf"^(?:{'|'.join(sorted(OURS))})(?:\.[a-z_]\w*)+$")
_OTHERS = {"pip", "pytest", "venv", "uv", "coverage", "mypy", "ruff", "http.server", "zipfile"}
PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/*/README.md"), ROOT / "Makefile"])
    if ".venv" not in path.parts
]


def _texts(values: list[ast.expr]) -> list[str | None]:
    return [
        value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None for value in values
    ]


def _started(module: Path) -> Iterator[str]:
    """What stands behind the first `-m` in a list, a tuple or a call's arguments."""
    for node in ast.walk(tree(module)):
        values = (
            node.elts if isinstance(node, ast.Tuple | ast.List) else node.args if isinstance(node, ast.Call) else []
        )
        texts = _texts(values)
        named = next((name for flag, name in pairwise(texts) if flag == "-m"), None)
        yield from [named] if named else []


def _named(module: Path) -> Iterator[str]:
    """Texts that are one dotted name of ours and nothing else."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.match(node.value):
            yield node.value


def _is_there(name: str) -> bool:
    """A module, or something in one."""
    for end in (name, name.rpartition(".")[0]):
        try:
            if end and importlib.util.find_spec(end) is not None:
                return True
        except ModuleNotFoundError:
            continue
    return False


@pytest.mark.parametrize("module", modules(), ids=name_of)
def test_modules_that_code_names_are_there(module: Path) -> None:
    started = {name for name in _started(module) if name.split(".")[0] not in _OTHERS}
    assert {name for name in started | set(_named(module)) if not _is_there(name)} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_that_pages_start_are_there(page: Path) -> None:
    named = {name for name in _COMMAND.findall(page.read_text()) if name.split(".")[0] not in _OTHERS}
    assert {name for name in named if not _is_there(name)} == set()
