"""Finds members, modules and imports of this workspace, for the architecture tests."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEMBERS = sorted(path.parent for path in [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
SERVICES = [member for member in MEMBERS if member.parent.name == "services"]

_GENERATED = ROOT / "libs/contracts/src/vai_contracts/vai"
_FOLDERS = ("libs", "services", "tests", "tools", "bench", "examples")


def name_of(path: Path) -> str:
    """A path as a reader of this repository knows it; for test ids and messages."""
    return str(path.relative_to(ROOT))


def package_of(member: Path) -> Path:
    """The one importable package of a member."""
    return next(path.parent for path in member.glob("src/*/__init__.py"))


def project_of(member: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    return project


def modules(*folders: Path) -> list[Path]:
    """Every hand-written Python module under the folders, or in the whole workspace."""
    roots = folders or tuple(ROOT / name for name in _FOLDERS)
    found = {path for root in roots for path in root.rglob("*.py")}
    return sorted(path for path in found if _GENERATED not in path.parents and ".venv" not in path.parts)


def modules_with(pattern: str) -> list[Path]:
    """Those of all modules whose text has it: to read all of them as code takes ten seconds of CPU."""
    return [path for path in modules() if re.search(pattern, path.read_text())]


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), filename=str(module))


def imports_of(module: Path) -> Iterator[str]:
    """Every module that one imports, anywhere in it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def calls_of(module: Path) -> Iterator[str]:
    """Every function that a module calls by a name: `datetime.now`."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield dotted(node.func)


def dotted(node: ast.expr) -> str:
    """A name and its attributes, `pytest.mark.skip`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
