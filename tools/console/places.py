"""Where the console's sources, its build and its notes stand."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "console"
CACHE = ROOT / ".cache/console"
BUILT = SOURCES / "dist"
"""What the gateway serves."""

STATE = CACHE / "state"
"""One line: what became of the last build."""

LOCK = CACHE / "lock"
LOG = CACHE / "build.log"
PACKAGES = SOURCES / "node_modules"
