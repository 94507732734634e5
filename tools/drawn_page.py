"""Writes a page that is drawn from the code, or says that it is stale."""

import sys
from pathlib import Path


def write_or_check(page: Path, drawn: str, arguments: list[str]) -> int:
    """Write the page. With `--check` in the arguments only compare it. Return the exit code: 1 if it is stale."""
    if "--check" not in arguments:
        page.write_text(drawn)
        return 0
    if page.exists() and page.read_text() == drawn:
        return 0
    sys.stderr.write(f"docs/{page.name} is stale: make generate\n")
    return 1
