"""Holds docs/asyncapi.yaml against AsyncAPI's own JSON schema, which npm has: `python -m tools.events.schema`."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from tools.events.reading import ROOT

_PACKAGE, _VERSION = "@asyncapi/specs", "6.11.1"
_SCHEMA = "package/schemas/3.0.0-without-$id.json"
_CACHE = ROOT / ".cache" / f"asyncapi-specs-{_VERSION}.tgz"


def fetched() -> Path:
    """The package's archive, fetched once. Exits with npm's message where it cannot be."""
    if not _CACHE.exists():
        _CACHE.parent.mkdir(exist_ok=True)
        command = ("npm", "pack", "--silent", f"{_PACKAGE}@{_VERSION}")
        packed = subprocess.run(command, cwd=_CACHE.parent, capture_output=True, text=True, check=False)
        if packed.returncode != 0:
            sys.exit(f"npm could not fetch {_PACKAGE}: {packed.stderr.strip()}")
        (_CACHE.parent / packed.stdout.split()[-1]).rename(_CACHE)
    return _CACHE


def schema(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as package:
        member = package.extractfile(_SCHEMA)
        assert member is not None
        found: dict[str, Any] = json.load(member)
        return found


def complaints(document: Any, of: dict[str, Any]) -> list[str]:
    """What the schema has against a document, each with its place."""
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(of).iter_errors(document)]


def main() -> int:
    rules = schema(fetched())
    if not complaints({"asyncapi": "3.0.0", "channels": {"a": {"address": 1}}}, rules):
        sys.exit("the schema takes anything, so it proves nothing")
    found = complaints(yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text()), rules)
    for line in found:
        sys.stderr.write(f"docs/asyncapi.yaml {line}\n")
    if not found:
        sys.stdout.write(f"docs/asyncapi.yaml is AsyncAPI 3.0.0, says {_PACKAGE} {_VERSION}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
