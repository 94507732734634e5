"""Which licences the console's packages have: those that are shipped in it, and those that build it."""

import json
from collections.abc import Iterator
from pathlib import Path

from tools.console.places import SOURCES
from tools.licences import is_allowed

_ONLY_BUILDS = {"BlueOak-1.0.0", "Python-2.0", "CC-BY-4.0", "MPL-2.0"}
"""Allowed besides for what builds or tests and is never in what browsers get."""


def packages(folder: Path = SOURCES) -> Iterator[tuple[str, str, str, bool]]:
    """Name, version, licence, and whether it is shipped, of each in a folder's package-lock.json."""
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for place, each in sorted(locked.items()):
        if place:
            name = place.rpartition("node_modules/")[2]
            shipped = not each.get("dev") and not each.get("devOptional")
            yield name, each["version"], str(each.get("license", "")), shipped


def faults_in(folder: Path = SOURCES) -> list[str]:
    """Packages that may not be there, each with its licence, and addresses in the lock file."""
    found = [
        f"{folder.name}: {name} {version}: the licence {licence or '(none)'} is not allowed"
        for name, version, licence, shipped in packages(folder)
        if not is_allowed(licence) and (shipped or licence not in _ONLY_BUILDS)
    ]
    lock = (folder / "package-lock.json").read_text()
    return [*found, *([f"{folder.name}/package-lock.json names an address"] if "://" in lock else [])]


def texts() -> str:
    """Name, licence and licence files of what browsers get; needs node_modules."""
    parts = []
    for name, version, licence, shipped in packages():
        if shipped:
            folder = SOURCES / "node_modules" / name
            files = sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*")) if folder.is_dir() else []
            bodies = [file.read_text(encoding="utf-8") for file in files if Path(file).is_file()]
            parts.append("\n".join([f"{name} {version}: {licence}", *bodies]))
    return f"\n{'=' * 80}\n".join(parts)
