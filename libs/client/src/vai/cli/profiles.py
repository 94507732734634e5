"""Profiles: addresses with their keys under a name each, in a file that only its owner may read.

The file is `$XDG_CONFIG_HOME/vai/profiles.json` (`~/.config` where that is not set):
`{"current": NAME, "profiles": {NAME: {"url": …, "key": …}}}`.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vai.errors import VaiError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class SettingsError(VaiError):
    """Where to go and as whom cannot be told from what was given."""


@dataclass(frozen=True)
class Profile:
    """An address and the key for it; the key is never printed."""

    url: str
    key: str | None = field(repr=False)


@dataclass(frozen=True)
class Profiles:
    """What the file holds. Nothing is changed in place: `save` writes another one."""

    file: Path
    entries: Mapping[str, Profile] = field(default_factory=dict)
    current: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Profiles":
        """Those of whoever calls; none where there is no file. Raises SettingsError where it cannot be used."""
        home = environ.get("XDG_CONFIG_HOME")
        # The specification: a path that is not absolute counts as not set.
        base = (
            Path(home)
            if home and Path(home).is_absolute()
            else Path(environ.get("HOME") or "~").expanduser() / ".config"
        )
        file = base / "vai" / "profiles.json"
        try:
            with file.open() as opened:
                if os.fstat(opened.fileno()).st_mode & 0o077:
                    raise SettingsError(f"{file} holds keys and others may read it: chmod 600 {file}")
                content = json.load(opened)
            return cls(file, _entries(content), content.get("current"))
        except FileNotFoundError:
            return cls(file)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SettingsError(f"{file} cannot be read as profiles: {error}") from error

    def get(self, name: str) -> Profile:
        """Raises SettingsError with the names that there are."""
        if name not in self.entries:
            there = f"there are {', '.join(sorted(self.entries))}" if self.entries else "there is none yet"
            raise SettingsError(f"There is no profile {name!r}; {there} (vai profile add NAME --url URL).")
        return self.entries[name]

    def save(self, entries: Mapping[str, Profile], current: str | None) -> None:
        """Write the file, whole or not at all, for its owner alone."""
        held = {name: {"url": each.url, "key": each.key} for name, each in sorted(entries.items())}
        content: dict[str, Any] = {"current": current, "profiles": held}
        fresh = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as opened:
                opened.write(json.dumps(content, indent=2) + "\n")
            fresh.replace(self.file)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise SettingsError(f"{self.file} cannot be written: {error.strerror}") from error


def _entries(content: Any) -> dict[str, Profile]:
    return {name: Profile(str(each["url"]), each.get("key")) for name, each in content["profiles"].items()}
