"""The map of the house is true: READMEs name every room and module that is there, and none that is not."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, SERVICES, modules, name_of, package_of, tree

_UNSHIPPED = {"devstack", "testkit"}
"""Their READMEs say what they are for; what stands in them is read from their tests."""
_GENERATED_OR_ALONE = {"contracts", "client"}
"""One is generated; the other is a package for its own users, whose README says how it is cut."""
MAPPED = [member for member in MEMBERS if member.name not in _UNSHIPPED | _GENERATED_OR_ALONE]
EVERYWHERE = {"__init__", "__main__"}
MOST_MODULES = 25
"""In one room; a larger one is to be divided."""

MAP_HAS_ROOMS = {"records", "worker", "common"}
"""Libraries whose rooms the map of docs/architecture.md names, as it does those of each service."""

SAME_THING = {
    "lifecycle": "the service's slice of the lifecycle",
    "wiring": "what the service is made of",
    "settings": "its settings",
    "limits": "how many runs may be live at once",
    "metrics": "what the service tells Prometheus",
    "failures": "what went wrong outside, as an error of the run",
    "credentials": "a connection's credentials in a request",
    "log_texts": "what a log says",
}
"""File names that two services have; elsewhere the same name would promise the same thing."""


def _rooms(member: Path) -> list[Path]:
    package = package_of(member)
    inits = package.rglob("__init__.py")
    return sorted(path.parent for path in inits if path.parent != package and "migrations" not in path.parts)


ROOMS = [room for member in MAPPED for room in _rooms(member)]


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_says_what_it_holds(room: Path) -> None:
    assert ast.get_docstring(tree(room / "__init__.py")), f"{name_of(room)}/__init__.py needs a docstring"


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_is_no_hall(room: Path) -> None:
    assert len([path for path in room.glob("*.py") if path.stem not in EVERYWHERE]) <= MOST_MODULES


@pytest.mark.parametrize("member", MAPPED, ids=name_of)
def test_the_readme_names_every_room_and_every_module_beside_them(member: Path) -> None:
    package = package_of(member)
    there = {f"{path.name}/" for path in _rooms(member) if path.parent == package}
    there |= {path.name for path in package.glob("*.py") if path.stem not in EVERYWHERE}
    assert there - _named(member) == set(), f"{name_of(member)}/README.md has no row for them"


@pytest.mark.parametrize("member", MAPPED, ids=name_of)
def test_the_readme_names_nothing_that_is_gone(member: Path) -> None:
    package = package_of(member)
    there = {path.name for path in package.rglob("*.py")} | {f"{path.name}/" for path in _rooms(member)}
    assert {name for name in _named(member) if "/" not in name[:-1]} - there == set()


def _named(member: Path) -> set[str]:
    """The modules and rooms of the README's table: `foo.py` and `foo/` in code."""
    rows = [line for line in (member / "README.md").read_text().splitlines() if line.startswith("|")]
    return set(re.findall(r"`([a-z_]+(?:\.py|/))`", "\n".join(rows)))


def test_two_services_have_the_same_file_name_only_for_the_same_thing() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for service in SERVICES:
        for path in modules(package_of(service)):
            owners[path.stem].add(service.name)
    twice = {stem for stem, names in owners.items() if len(names) > 1} - EVERYWHERE
    assert twice == set(SAME_THING)


def _layout() -> str:
    text = (ROOT / "docs/architecture.md").read_text()
    return text[text.index("## Layout") :]


def test_the_map_names_every_member() -> None:
    assert {name_of(member) for member in MEMBERS} - set(re.findall(r"`([^`]+)`", _layout())) == set()


def _rows_of_the_map() -> dict[str, set[str]]:
    """The rooms that a row names, by each member that it is about."""
    rows = [line.split("|")[1:3] for line in _layout().splitlines() if line.startswith(("| `libs/", "| `services/"))]
    return {
        member: set(re.findall(r"`([a-z_]+)/`", holds))
        for members, holds in rows
        for member in re.findall(r"`([^`]+)`", members)
    }


@pytest.mark.parametrize("member", [*(each for each in MAPPED if each.name in MAP_HAS_ROOMS), *SERVICES], ids=name_of)
def test_the_map_names_the_rooms_that_are_there_and_no_others(member: Path) -> None:
    there = {room.name for room in _rooms(member) if room.parent == package_of(member)}
    assert _rows_of_the_map()[name_of(member)] == there


def test_what_the_map_points_to_is_there() -> None:
    paths = [path for path in re.findall(r"`([^`]+)`", _layout()) if path.startswith(("libs/", "services/"))]
    assert [path for path in paths if not (ROOT / path).exists()] == []
