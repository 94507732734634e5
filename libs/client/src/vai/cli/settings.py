"""Finds the platform's address and the key.

A key is only ever sent to the address that it was given for: an address and a key come from the same place, in pairs.
The places, in order: `--url` and `--key`; `--profile`; VAI_API_URL and VAI_API_KEY; VAI_PROFILE; the profile that `vai
profile use` has chosen; the embedded stack's `.vai/stack.json` in the current folder.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .profiles import Profiles, SettingsError

DEFAULT_URL = "http://127.0.0.1:8080"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Settings:
    """`key_from` says where the key was found, `url_from` where the address; the key itself is never printed."""

    api_url: str
    api_key: str | None
    key_from: str | None
    url_from: str = ""

    def __repr__(self) -> str:
        return f"Settings(api_url={self.api_url!r}, key_from={self.key_from!r})"


@dataclass(frozen=True)
class Options:
    """What the command line says: `--url`, `--key`, `--profile`."""

    url: str | None = None
    key: str | None = None
    profile: str | None = None


def find_settings(environ: Mapping[str, str], folder: Path, options: Options | None = None) -> Settings:
    """The address, and the key that was given for it, if there is one.

    Raises SettingsError where a key was given without its address, or a profile is named that is not there.
    """
    options = options or Options()
    profiles = Profiles.of(environ)
    if options.profile and (options.url or options.key):
        raise SettingsError("--profile names an address and a key; leave --url and --key out.")
    if options.key and not options.url:
        raise SettingsError("--key needs --url: a key is only sent to the address that it was given for.")
    if options.url:
        return _for(options.url, "--url", (options.key, "--key"), environ, folder)
    if options.profile:
        return _of_profile(profiles, options.profile)
    if environ.get("VAI_API_URL"):
        return _for(environ["VAI_API_URL"], "VAI_API_URL", (environ.get("VAI_API_KEY"), "VAI_API_KEY"), environ, folder)
    if environ.get("VAI_API_KEY"):
        return _of_lone_key(environ["VAI_API_KEY"], environ, folder)
    name = environ.get("VAI_PROFILE") or profiles.current
    if name:
        return _of_profile(profiles, name)
    stack = next(_stacks(environ, folder), None)
    return stack or Settings(DEFAULT_URL, None, None, "the default")


def find_installation(environ: Mapping[str, str], folder: Path, options: Options | None = None) -> Settings:
    """The address with the installation's credential: VAI_ADMIN_TOKEN for the given address, or the stack's token.

    Raises SettingsError where the token was given without an address.
    """
    options = options or Options()
    token = environ.get("VAI_ADMIN_TOKEN")
    if options.key:
        raise SettingsError("vai admin takes no --key: set VAI_ADMIN_TOKEN.")
    if token and not (options.url or options.profile or environ.get("VAI_API_URL")):
        if any(stack.api_key == token for stack in _stacks(environ, folder, "admin_token")):
            return next(_stacks(environ, folder, "admin_token"))
        raise SettingsError(
            "VAI_ADMIN_TOKEN is set without an address: a token is only sent to the address that it was given for. "
            "Set VAI_API_URL, or name it with --url or --profile."
        )
    found = find_settings({**environ, "VAI_API_KEY": ""}, folder, options)
    if token:
        return Settings(found.api_url, token, "VAI_ADMIN_TOKEN", found.url_from)
    own = (stack for stack in _stacks(environ, folder, "admin_token") if same_address(stack.api_url, found.api_url))
    return next(own, Settings(found.api_url, None, None, found.url_from))


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same place: scheme, host, port and path."""
    return _parts(one) == _parts(other)


def _parts(url: str) -> tuple[str, str | None, int | None, str]:
    split = urlsplit(url)
    try:
        port = split.port
    except ValueError:
        return split.scheme, url, None, ""  # an address that cannot be parsed is equal only to itself
    return split.scheme, split.hostname, port or _PORTS.get(split.scheme), split.path.rstrip("/")


def _for(url: str, url_from: str, key: tuple[str | None, str], environ: Mapping[str, str], folder: Path) -> Settings:
    """The key that was given with the address; else one that was given for this very address elsewhere."""
    if key[0]:
        return Settings(url, *key, url_from)
    others = (each for each in _given(environ, folder) if each.api_key and same_address(each.api_url, url))
    found = next(others, None)
    if found is None:
        return Settings(url, None, None, url_from)
    return Settings(url, found.api_key, found.key_from, url_from)


def _given(environ: Mapping[str, str], folder: Path) -> Iterator[Settings]:
    """Every pair of an address and a key that there is."""
    if environ.get("VAI_API_URL"):
        yield Settings(environ["VAI_API_URL"], environ.get("VAI_API_KEY"), "VAI_API_KEY", "VAI_API_URL")
    yield from _stacks(environ, folder)
    profiles = Profiles.of(environ)
    for name in profiles.entries:
        yield _of_profile(profiles, name)


def _of_lone_key(key: str, environ: Mapping[str, str], folder: Path) -> Settings:
    """VAI_API_KEY without VAI_API_URL: good where a stack or a profile has the very same key for its address."""
    for each in _given(environ, folder):
        if each.api_key == key:
            return each
    raise SettingsError(
        "VAI_API_KEY is set without VAI_API_URL: a key is only sent to the address that it was given for. "
        "Set VAI_API_URL, too, or unset VAI_API_KEY."
    )


def _of_profile(profiles: Profiles, name: str) -> Settings:
    found = profiles.get(name)
    named = f"the profile {name}"
    return Settings(found.url, found.key, named if found.key else None, named)


def _stacks(environ: Mapping[str, str], folder: Path, key_name: str = "api_key") -> Iterator[Settings]:
    """The settings in the folder of the embedded stack (VAI_HOME, else `.vai`). Empty if there is no stack."""
    file = Path(environ.get("VAI_HOME") or ".vai") / "stack.json"
    stack = _json(folder / file)
    url, key = _entry(stack, "api_url"), _entry(stack, key_name)
    if url or key:
        yield Settings(url or DEFAULT_URL, key, str(file) if key else None, str(file))


def _json(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _entry(stack: Mapping[str, object], name: str) -> str | None:
    value = stack.get(f"VAI_{name.upper()}") or stack.get(name)
    return str(value) if value else None
