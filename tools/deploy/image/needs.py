"""What the image installs: the needs of the members that are shipped, as requirements.in names them.

usage: python -m tools.deploy.image.needs > deploy/docker/runtime.in      (`make lock` does it)
"""

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.architecture.workspace import MEMBERS, ROOT, project_of

NOT_IN_IMAGE = {"vai-devstack", "vai-testkit", "vai-client"}
"""The embedded stack, tests, and what stands on the REST API alone."""
RUNTIME_IN = ROOT / "deploy/docker/runtime.in"
RUNTIME_LOCK = ROOT / "deploy/docker/runtime.lock"
_HEAD = "# Drawn by make lock: what the members in the image need, as requirements.in says it.\n"


def members() -> list[Path]:
    """The folders of the members that the image has."""
    return [member for member in MEMBERS if project_of(member)["name"] not in NOT_IN_IMAGE]


def needs() -> str:
    """runtime.in."""
    own = {project_of(member)["name"] for member in MEMBERS}
    wanted = {Requirement(need).name for each in members() for need in project_of(each).get("dependencies", [])} - own
    lines = (ROOT / "requirements.in").read_text().splitlines()
    named = {Requirement(line).name: line for line in lines if line and not line.startswith("#")}
    return _HEAD + "".join(f"{named[name]}\n" for name in sorted(wanted))


def locked(lock: Path) -> dict[str, str]:
    """Name → version of each package in a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", lock.read_text(), re.MULTILINE))


if __name__ == "__main__":
    sys.stdout.write(needs())
