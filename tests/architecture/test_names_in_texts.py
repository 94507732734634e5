"""Modules that are named in texts are there: what is started by `-m`, imported by name or read as a resource."""

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from tests.architecture.workspace import MEMBERS, ROOT, modules, name_of, package_of, tree

OURS = {package_of(member).name for member in MEMBERS}
_COMMAND = re.compile(r"\bpython3? (?:-\w+ )*-m ([a-z_][\w.]*)")
_DOTTED = re.compile(rf"^(?:{'|'.join(sorted(OURS))})(?:\.[a-z_]\w*)+$")
_WRITTEN = re.compile(rf"[\"']-m[\"']|[\"'](?:{'|'.join(sorted(OURS))})\.")  # reading all modules as code takes seconds
_ATTRIBUTE = re.compile(r"^vai\.(?:automation|automation_run|organisation|outcome|run)\b")
"""What spans say of our own things; no module."""

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
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and _DOTTED.match(text) and not _ATTRIBUTE.match(text):
            yield text


def _is_there(name: str) -> bool:
    """A module, or something in one. `vai.role` and such are names of other things that begin like a package."""
    try:
        if importlib.util.find_spec(name) is not None:
            return True
    except ModuleNotFoundError:
        pass
    module, _, thing = name.rpartition(".")
    try:
        return module in OURS or hasattr(importlib.import_module(module), thing)
    except ModuleNotFoundError:
        return False


def _gone(named: Mapping[Path, set[str]]) -> dict[str, set[str]]:
    """The names that nothing answers to, by where they stand."""
    there = {name: _is_there(name) for name in set().union(*named.values()) if name.split(".")[0] not in _OTHERS}
    gone = {name_of(path): {name for name in names if not there.get(name, True)} for path, names in named.items()}
    return {place: names for place, names in gone.items() if names}


def test_modules_that_code_names_are_there() -> None:
    naming = [module for module in modules() if _WRITTEN.search(module.read_text())]
    assert len(naming) > 50
    assert _gone({module: set(_started(module)) | set(_named(module)) for module in naming}) == {}


def test_modules_that_pages_start_are_there() -> None:
    assert len(PAGES) > 20
    assert _gone({page: set(_COMMAND.findall(page.read_text())) for page in PAGES}) == {}


def test_a_name_that_is_gone_would_be_found() -> None:
    gone = "vai_records.runs." + "gone"
    named = {ROOT / "docs" / "a.md": {gone, "vai_records.runs", "pytest", "vai_records.runs.statements.claim"}}
    assert _gone(named) == {"docs/a.md": {gone}}
