"""Where the console and the guide are that the stack's gateway serves. Both are built beside the stack's start."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """Pages in a folder; `state` is what became of the last build, `command` builds them."""

    folder: Path
    state: Path
    command: str

    def told(self) -> str:
        """What a banner says of it; empty where it is built."""
        if (self.folder / "index.html").exists():
            return ""
        try:
            return self.state.read_text().strip()
        except OSError:
            return f"not built: {self.command}"


CONSOLE = Site(Path("console/dist"), Path(".cache/console/state"), "make console")
GUIDE = Site(Path(".cache/guide/site"), Path(".cache/guide/state"), "make guide")
