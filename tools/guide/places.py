"""Where the guide's sources, its build and its notes stand."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "docs"
SITE = Path(__file__).parent / "site"
"""What is the site's own: its configuration, style and script."""

CACHE = ROOT / ".cache/guide"
BUILT = CACHE / "site"
"""What the gateway serves."""

NEXT = CACHE / "site.next"
READ = CACHE / "read"
"""What Sphinx has read already; a page that has not changed is not read again."""

STATE = CACHE / "state"
"""One line: what became of the last build."""

LOCK = CACHE / "lock"
LOG = CACHE / "build.log"
