"""Where the console is that the stack's gateway serves. It is built beside the start of the stack (tools/console)."""

from pathlib import Path

FOLDER = Path("console/dist")
_STATE = Path(".cache/console/state")


def told() -> str:
    """What a banner says instead of the console's address; empty where it is built."""
    if (FOLDER / "index.html").exists():
        return ""
    try:
        return _STATE.read_text().strip()
    except OSError:
        return "not built: make console"
