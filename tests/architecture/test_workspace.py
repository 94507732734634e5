"""The workspace is what its own files say it is."""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, imports_of, modules, name_of, package_of, project_of

LOCKS = sorted(ROOT.glob("requirements*.lock"))
# What is part of a distribution's own interface although it is a distribution of its own.
COMPANIONS = {"starlette": "fastapi", "pydantic-core": "pydantic"}
BY_NAME = {project_of(member)["name"]: member for member in MEMBERS}


def _names(requirements: list[str]) -> set[str]:
    """Names of distributions, without versions and extras."""
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def _locked(lock: Path) -> set[str]:
    return _names([line for line in lock.read_text().splitlines() if "==" in line])


def _needs(member: Path) -> set[str]:
    return _names(project_of(member).get("dependencies", []))


def _reach(member: Path) -> Iterator[str]:
    """What a member may import: what it names, and what the members that it names name."""
    for name in _needs(member):
        yield name
        if name in BY_NAME:
            yield from _reach(BY_NAME[name])


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_what_a_member_needs_is_required_and_locked(member: Path) -> None:
    required = _names((ROOT / "requirements.in").read_text().splitlines())
    locked = _locked(ROOT / "requirements.lock")
    outside = _needs(member) - BY_NAME.keys()
    assert outside - required == set()
    assert outside - locked == set()


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_a_member_imports_only_what_it_names(member: Path) -> None:
    known = set(_reach(member)) | {project_of(member)["name"]}
    own = {package_of(other).name: [project_of(other)["name"]] for other in MEMBERS}
    distributions = {**packages_distributions(), **own}
    tops = {name.split(".")[0] for path in modules(package_of(member)) for name in imports_of(path)}
    unnamed = {
        top
        for top in tops - sys.stdlib_module_names - {"google"}
        if not {COMPANIONS.get(name, name) for name in _names(distributions.get(top, [top]))} & known
    }
    assert unnamed == set()


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_a_lock_file_carries_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "--hash=sha256:" in text
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url.*|--find-links.*", _without_command(text)) == []


def _without_command(text: str) -> str:
    """A lock file without the line that says how it was made."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("#    uv "))


def test_every_lock_says_that_make_lock_made_it() -> None:
    makefile = (ROOT / "Makefile").read_text()
    options = "--universal --python-version 3.11 --no-emit-index-url --generate-hashes"
    assert options in makefile
    assert all(options in lock.read_text() for lock in LOCKS)


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_a_member_says_that_it_is_typed(member: Path) -> None:
    assert (package_of(member) / "py.typed").is_file()
