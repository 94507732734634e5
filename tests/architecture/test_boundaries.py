"""Who may know whom (docs/architecture.md, "Floors")."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.workspace import MEMBERS, ROOT, imports_of, modules, name_of, package_of

RECORDS = ROOT / "libs/records/src/vai_records"


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    held = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert held.returncode == 0, held.stdout + held.stderr


def test_the_import_contracts_see_every_package() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    contracts = pyproject[pyproject.index("[tool.importlinter]") :]
    missing = [package for member in MEMBERS if f'"{(package := package_of(member).name)}"' not in contracts]
    assert missing == []


def test_the_lifecycle_knows_the_standard_library_alone() -> None:
    assert {name.split(".")[0] for name in imports_of(RECORDS / "lifecycle/transitions.py")} <= sys.stdlib_module_names


@pytest.mark.parametrize("module", modules(RECORDS / "definitions"), ids=name_of)
def test_a_definition_stands_on_pydantic_alone(module: Path) -> None:
    assert _outside(module, set()) <= sys.stdlib_module_names | {"pydantic", "pydantic_core"}


def _outside(module: Path, seen: set[Path]) -> set[str]:
    """What a module of records imports from elsewhere, itself or through other modules of records."""
    seen.add(module)
    found = set()
    for name in imports_of(module):
        own = RECORDS.parent / (name.replace(".", "/") + ".py")
        if name.split(".")[0] != "vai_records":
            found.add(name.split(".")[0])
        elif own.is_file() and own not in seen:
            found |= _outside(own, seen)
    return found


_CONNECTS = re.compile(
    r"getaddrinfo\(|socket\.create_connection\(|asyncio\.open_connection\((?!sock=)|urlopen\(|asyncpg\.connect\("
    r"|httpx2\.(?:Async)?(?:Client|HTTPTransport)\(|requests\.(?:get|post|request)\(|ClientSession\("
)


def test_connections_to_the_outside_are_opened_by_the_guards_alone() -> None:
    """Rule 25. What is not shipped, the client, and the way to our own database are others."""
    shipped = [member for member in MEMBERS if package_of(member).name not in ("vai", "vai_devstack", "vai_testkit")]
    found = {
        name_of(module)
        for member in shipped
        for module in modules(package_of(member))
        if _CONNECTS.search(module.read_text())
    }
    guards = "libs/common/src/vai_common/egress/"
    assert {name for name in found if not name.startswith(guards)} == {
        "libs/common/src/vai_common/db.py",
        "services/transform-worker/src/vai_transform_worker/spark/cluster.py",  # the installation's own
    }
