"""Makes the parts of a release and checks whether it is complete (docs/releasing.md).

usage: python -m tools.release version 0.2.0    write the version into VERSION and every member
       python -m tools.release changelog        name what is "Unreleased" after the version and today
       python -m tools.release wheels           build dist/: a wheel of each member, licences, checksums; look at each
       python -m tools.release check            is everything ready to be tagged?

Exits 1 with a line for each thing that is missing.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

from tests.architecture.workspace import MEMBERS, ROOT, name_of, package_of, project_of
from tools.licences import installed, texts_of
from vai_common.clock import now

DIST = ROOT / "dist"
VERSION = ROOT / "VERSION"
CHANGELOG = ROOT / "CHANGELOG.md"
UV = Path(sys.executable).parent / "uv"
_TOLD = ("Summary", "License-Expression", "License-File", "Author", "Project-URL", "Requires-Python", "Classifier")
_IMPORT = "import importlib, sys; sys.path.insert(0, sys.argv[1]); print(importlib.import_module(sys.argv[2]).__file__)"


def version() -> str:
    return VERSION.read_text().strip()


def set_version(new: str) -> None:
    """Raises SystemExit for what is no version of three numbers."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", new):
        raise SystemExit(f"{new!r} is not a version: write three numbers, such as 0.2.0")
    VERSION.write_text(new + "\n")
    for member in MEMBERS:
        file = member / "pyproject.toml"
        file.write_text(
            re.sub(r'^version = ".*"$', f'version = "{new}"', file.read_text(), count=1, flags=re.MULTILINE)
        )


def named(changelog: str, heading: str) -> str:
    """The changelog with its "Unreleased" under this heading, and an empty "Unreleased" above it.

    It stays as it is where the version has a heading already, so that a release that failed can be made again.
    """
    if f"\n## {heading.partition(' ')[0]} - " in changelog:
        return changelog
    if changelog.count("\n## Unreleased\n") != 1:
        raise SystemExit("CHANGELOG.md must have one heading '## Unreleased': write it above what is new")
    return changelog.replace("\n## Unreleased\n", f"\n## Unreleased\n\n## {heading}\n")


def build() -> None:
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run((UV, "build", "--quiet", "--wheel", "--all-packages", "-o", DIST), cwd=ROOT, check=True)
    (DIST / ".gitignore").unlink(missing_ok=True)
    shipped = [package for package in installed() if package.shipped]
    (DIST / "THIRD_PARTY_LICENSES.txt").write_text("\n".join(texts_of(shipped)))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("\n".join(sums) + "\n")


def faults_of_wheels() -> Iterator[str]:
    for member in MEMBERS:
        name = f"{project_of(member)['name'].replace('-', '_')}-{version()}-py3-none-any.whl"
        if not (DIST / name).is_file():
            yield f"dist/{name} was not built"
        else:
            yield from (f"dist/{name}: {fault}" for fault in _faults_of(DIST / name, member))
    yield from _faults_of_imports()


def _faults_of(wheel: Path, member: Path) -> Iterator[str]:
    """What is wrong with one wheel: files that are not in it, or should not be, and what its metadata leave out."""
    package = package_of(member)
    there = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    wanted = {str(path.relative_to(package.parent)) for path in there}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        (told,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(told).decode())
    packed = {name for name in names if ".dist-info/" not in name}
    yield from (f"{name} is missing" for name in sorted(wanted - packed))
    yield from (f"{name} should not be in it" for name in sorted(packed - wanted))
    yield from (f"its metadata have no {key}" for key in _TOLD if not metadata.get_all(key))
    if metadata["Version"] != version():
        yield f"its version is {metadata['Version']}, and VERSION says {version()}"


def _faults_of_imports() -> Iterator[str]:
    """Installs all wheels into an empty folder and imports each package from there."""
    with tempfile.TemporaryDirectory() as folder:
        into = ["--python", sys.executable, "--target", folder, *map(str, sorted(DIST.glob("*.whl")))]
        subprocess.run([str(UV), "pip", "install", "--quiet", "--no-deps", "--offline", *into], check=True)
        for member in MEMBERS:
            package = package_of(member).name
            command = [sys.executable, "-I", "-c", _IMPORT, folder, package]
            found = subprocess.run(command, capture_output=True, text=True, check=False)
            if not found.stdout.startswith(folder):
                yield f"{package} cannot be imported from its wheel: {found.stderr.strip() or found.stdout.strip()}"


def faults_of_release() -> Iterator[str]:
    changelog = CHANGELOG.read_text()
    heading = re.search(rf"^## {re.escape(version())} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
    if not heading:
        yield f"CHANGELOG.md has no heading '## {version()} - YYYY-MM-DD': give 'Unreleased' this name"
    elif changelog[heading.end() :].split("\n## ")[0].strip() == "":
        yield f"CHANGELOG.md says nothing about {version()}"
    for member in MEMBERS:
        if project_of(member)["version"] != version():
            yield f"{name_of(member)} has the version {project_of(member)['version']}: make version V={version()}"
    if _git("tag", "--list", f"v{version()}"):
        yield f"the tag v{version()} is there already: choose the next version (make version V=…)"
    if changed := _git("status", "--porcelain"):
        yield f"{len(changed.splitlines())} files are changed and not committed: commit them"


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("version", "changelog", "wheels", "check"))
    parser.add_argument("new", nargs="?", default="", help="the version to write")
    options = parser.parse_args()
    faults: list[str] = []
    if options.what == "version":
        set_version(options.new)
    elif options.what == "changelog":
        CHANGELOG.write_text(named(CHANGELOG.read_text(), f"{version()} - {now():%Y-%m-%d}"))
    elif options.what == "wheels":
        build()
        faults = list(faults_of_wheels())
        sys.stdout.write(f"dist/ has {len(list(DIST.glob('*.whl')))} wheels of version {version()}\n")
    else:
        faults = list(faults_of_release())
    sys.stdout.writelines(fault + "\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
