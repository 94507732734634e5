"""Packages of an extra that the environment has not, fetched by uv into a folder of their own (.cache)."""

import re
import shutil
import subprocess
from pathlib import Path

from packaging.requirements import Requirement

from tests.architecture.workspace import ROOT
from tools.deploy.image.needs import locked

_SECONDS = 900


class Missing(Exception):
    """Something is not here; the message says what."""


def fetch(lock: Path, folder: Path) -> None:
    """Fill `folder` with what the lock has and `requirements.lock` has not; nothing to do where it is there already.

    Raises `Missing` where the package index does not answer.
    """
    there = locked(ROOT / "requirements.lock")
    lines = re.findall(r"^([a-z][^ ]*==[^\\\n]+)", lock.read_text(), re.MULTILINE)
    needs = [need for need in map(Requirement, lines) if need.name not in there]
    wanted = [f"{need.name}{need.specifier}" for need in needs if need.marker is None or need.marker.evaluate()]
    stamp = folder / ".wanted"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return
    shutil.rmtree(folder, ignore_errors=True)
    run("the package index", ".venv/bin/uv", "pip", "install", "-q", "--no-deps", "--target", str(folder), *wanted)
    stamp.write_text("\n".join(wanted))


def run(who: str, *command: str) -> None:
    """Run a command of somebody who may not answer. Raises `Missing`."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"{who} does not answer within {_SECONDS} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["it says nothing"]
        raise Missing(f"{who} does not answer: {said[-1][:300]}")
