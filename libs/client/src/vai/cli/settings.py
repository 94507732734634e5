"""Where the platform is and who we are: the environment, else what the embedded stack left in `.vai/stack.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Settings:
    """`key_from` says where the key was found, for messages; the key itself is never printed."""

    api_url: str
    api_key: str | None
    key_from: str | None

    def __repr__(self) -> str:
        return f"Settings(api_url={self.api_url!r}, key_from={self.key_from!r})"


def find_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """VAI_API_URL and VAI_API_KEY win; VAI_HOME names another folder than `.vai`.

    The stack's key is only ever sent to the stack's own address.
    """
    file = Path(environ.get("VAI_HOME") or ".vai") / "stack.json"
    stack = _stack(folder / file)
    stack_url, stack_key = _entry(stack, "api_url"), _entry(stack, "api_key")
    url = environ.get("VAI_API_URL") or stack_url or DEFAULT_URL
    if environ.get("VAI_API_KEY"):
        return Settings(url, environ["VAI_API_KEY"], "VAI_API_KEY")
    if stack_key and url.rstrip("/") == (stack_url or DEFAULT_URL).rstrip("/"):
        return Settings(url, stack_key, str(file))
    return Settings(url, None, None)


def _stack(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _entry(stack: Mapping[str, object], name: str) -> str | None:
    value = stack.get(f"VAI_{name.upper()}") or stack.get(name)
    return str(value) if value else None
