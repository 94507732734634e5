"""Which licences the installed packages have, and whether they may be there (decision 47).

usage: python -m tools.licences [--check] [--texts FILE]

--check prints only what is wrong. --texts writes the licence texts of what is shipped into a file, for a release.
Exits 1 where a package has a licence that is not allowed, or none that is known.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NOT_SHIPPED = {"vai-devstack", "vai-testkit"}

PERMISSIVE = {
    "0BSD", "AFL-2.1", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT",
    "MIT-0", "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
LISTED = {"MPL-1.1", "MPL-2.0", "EPL-2.0"}
"""Allowed as long as the package is not changed; `make licences` names them."""
ALLOWED = PERMISSIVE | LISTED
_TEXT = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)

# What packages say that do not use the names of SPDX.
_SPDX = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD-3-Clause",
    "cc0": "CC0-1.0",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_READ = {"docutils": "CC0-1.0 AND BSD-2-Clause"}
"""Whose metadata name more than the package has: docutils' GPL is that of a file for Emacs, only in its sources."""

_TITLES = {"the mit license (mit)": "MIT", "mit license": "MIT"}
ADVICE = "Use another package, or add the licence to tools/licences.py if it is permissive."
_NO_LICENCE = {"DFSG approved", "OSI Approved"}


@dataclass(frozen=True)
class Package:
    """One installed distribution: `licence` is an expression of SPDX where its metadata allow one."""

    name: str
    version: str
    licence: str
    shipped: bool


def licence_of(expression: str | None, classifiers: Iterable[str], text: str | None) -> str:
    """What a package says of its licence, in the names of SPDX; empty if it says nothing."""
    if expression:
        return expression
    last = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License :: ")]
    named = [name for name in last if name not in _NO_LICENCE]
    if not named and text and len(text) < 100:  # some packages put the whole text here
        named = [text]
    return " AND ".join(dict.fromkeys(_SPDX.get(name.strip().lower(), name.strip()) for name in named))


def is_allowed(licence: str) -> bool:
    """Whether every part of an expression is allowed; of what `OR` joins, one suffices."""
    spoken = re.sub(r"\bAND\b", "and", re.sub(r"\bOR\b", "or", licence))
    judged = re.sub(r"[\w.+-]+", lambda name: name[0] if name[0] in ("and", "or") else str(name[0] in ALLOWED), spoken)
    try:
        return _holds(ast.parse(judged, mode="eval").body)
    except SyntaxError:  # no expression: a text that nobody has translated yet
        return False


def _holds(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):
        return (all if isinstance(node.op, ast.And) else any)(_holds(value) for value in node.values)
    return isinstance(node, ast.Constant) and node.value is True


@cache
def installed() -> list[Package]:
    """Everything that is installed here, but the members of the workspace."""
    found = {_normal(each.metadata["Name"]): each for each in distributions()}
    shipped = set(_reach(_members() - NOT_SHIPPED, found))
    return [
        Package(name, each.version, _READ.get(name) or _read(each), name in shipped)
        for name, each in sorted(found.items())
        if name not in _members()
    ]


def _read(distribution: Distribution) -> str:
    expression, classifiers, text = (
        distribution.metadata.get_all(name) or [] for name in ("License-Expression", "Classifier", "License")
    )
    said = licence_of(next(iter(expression), None), classifiers, next(iter(text), None))
    return said or _titled(distribution)


def _titled(distribution: Distribution) -> str:
    """By the title of its licence's text, where its metadata say nothing."""
    paths = [Path(str(path.locate())) for path in distribution.files or () if _TEXT.match(path.name)]
    titles = [path.read_text(encoding="utf-8").strip().partition("\n")[0].strip() for path in paths if path.is_file()]
    return _TITLES.get(titles[0].lower(), "") if len(titles) == 1 else ""


def _members() -> set[str]:
    texts = [path.read_text() for path in ROOT.glob("*/*/pyproject.toml")]
    return {name for text in texts for name in re.findall(r'^name = "([\w-]+)"$', text, re.MULTILINE)[:1]}


def _reach(names: set[str], found: dict[str, Distribution]) -> Iterator[str]:
    """What these need, and what that needs, as far as it is installed here."""
    seen: set[tuple[str, str]] = set()
    left = [(name, "") for name in names]
    while left:
        name, extra = left.pop()
        if (name, extra) in seen or name not in found:
            continue
        seen.add((name, extra))
        yield name
        for needed in map(Requirement, found[name].requires or []):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(_normal(needed.name), each) for each in ("", *needed.extras)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def texts_of(packages: list[Package]) -> Iterator[str]:
    """Name, licence and licence files of each package."""
    for package in packages:
        yield f"{package.name} {package.version}: {package.licence}\n"
        for each in distributions(name=package.name):
            for path in each.files or []:
                if (
                    re.match(r"(licen[cs]e|copying|notice)", path.name, re.IGNORECASE)
                    and Path(str(path.locate())).is_file()
                ):
                    yield path.read_text(encoding="utf-8")
        yield "\n" + "=" * 80 + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="print only what is wrong")
    parser.add_argument("--texts", type=Path, help="write the licence texts of what is shipped into this file")
    options = parser.parse_args()
    packages = installed()
    wrong = [package for package in packages if not is_allowed(package.licence)]
    if not options.check:
        for package in packages:
            shipped = "shipped" if package.shipped else "for development"
            _say(f"{package.name:42} {package.version:16} {package.licence or 'says nothing':32} {shipped}")
    if options.texts:
        options.texts.parent.mkdir(parents=True, exist_ok=True)
        options.texts.write_text("\n".join(texts_of([package for package in packages if package.shipped])))
    for package in wrong:
        _say(f"{package.name} {package.version}: the licence {package.licence or '(none)'} is not allowed. {ADVICE}")
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
