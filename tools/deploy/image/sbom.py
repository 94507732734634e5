"""What is in the image, as CycloneDX 1.6: dist/vai-<version>.cdx.json. The same lock gives the same file.

usage: python -m tools.deploy.image.sbom
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from packaging.markers import Marker

from tests.architecture.workspace import ROOT, project_of
from tools.console.licences import packages
from tools.deploy.image.needs import RUNTIME_LOCK, members
from tools.licences import installed
from tools.release import DIST, version

_LOCKED = re.compile(
    r"^([a-z0-9-]+)==([^ \\;]+)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def bill() -> dict[str, Any]:
    """The bill of materials. Raises LookupError for a package whose licence is not known here."""
    own = [_own(project_of(member)) for member in members()]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": f"vai@{version()}",
                "name": "vai",
                "version": version(),
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [*own, *_locked(), *_of_console()],
    }


def _own(project: dict[str, Any]) -> dict[str, Any]:
    return _component(project["name"], project["version"], project["license"])


def _locked() -> Iterator[dict[str, Any]]:
    licences = {package.name: package.licence for package in installed()}
    for name, number, marker, hashes in _LOCKED.findall(RUNTIME_LOCK.read_text()):
        if marker and not Marker(marker).evaluate():
            continue  # of another system, or another Python
        if name not in licences:
            raise LookupError(f"{name} is in {RUNTIME_LOCK.name} and not installed here: run make setup")
        sums = re.findall(r"sha256:([0-9a-f]{64})", hashes)
        component = _component(name, number, licences[name])
        # Each file of a release has its own; which one a platform takes, pip decides.
        component["externalReferences"] = [
            {"type": "distribution", "url": component["purl"], "hashes": [{"alg": "SHA-256", "content": each}]}
            for each in sums
        ]
        yield component


def _of_console() -> Iterator[dict[str, Any]]:
    """What browsers get with the console: the packages of npm that are shipped in it."""
    for name, number, licence, shipped in packages():
        if shipped:
            yield _component(name, number, licence, f"npm/{name.replace('@', '%40')}")


def _component(name: str, number: str, licence: str, place: str = "") -> dict[str, Any]:
    purl = f"pkg:{place or f'pypi/{name}'}@{number}"
    found = {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl}
    return {**found, "licenses": [{"expression": licence}]}


if __name__ == "__main__":
    DIST.mkdir(exist_ok=True)
    file = DIST / f"vai-{version()}.cdx.json"
    file.write_text(json.dumps(bill(), indent=1) + "\n")
    sys.stdout.write(f"{file.relative_to(ROOT)}: {len(bill()['components'])} components\n")
