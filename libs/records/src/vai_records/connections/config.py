"""A connection's `config`: what everybody may see of it. It is held against its rules when it is saved.

Nothing secret stands in it, at any depth: that belongs in the credentials, which are encrypted and never shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vai_records.connections.credentials import base_url, split_address
from vai_records.connections.host_keys import is_host_key
from vai_records.connections.oauth import SETTINGS
from vai_records.connections.stores import Place, check_bucket
from vai_records.secrets.secret_names import is_secret_value, means_a_place, secret_in_text, value_of_pair

_ADDRESSES = ("host", "port", "endpoint_url", "region", "sslmode", "ca_certificate", "host_keys")

Json = dict[str, Any]
Path = tuple[str | int, ...]

BELONGS = "belongs in `credentials`, which are encrypted and never shown; everybody sees the config"


class BadConfig(ValueError):
    """`field` is the path of what is wrong; the message never shows a value."""

    def __init__(self, message: str, field: Path) -> None:
        super().__init__(message)
        self.field = field


def checked_config(config: Mapping[str, Any]) -> Json:
    """The config as it is stored: `url` of an HTTP API is its `base_url` (decision 52). Raises `BadConfig`."""
    for field, what in secrets_in(config):
        raise BadConfig(f"{what} {BELONGS}", field)
    stored = dict(config)
    url = split_address(stored.get("url"))
    if url is not None and url.scheme in ("http", "https"):
        if stored.get("base_url", stored["url"]) != stored["url"]:
            raise BadConfig("url and base_url mean the same, and differ: give one", ("url",))
        stored["base_url"] = stored.pop("url")
    for name in ("base_url", "endpoint_url"):
        if name in stored and stored[name] is not None and not isinstance(stored[name], str):
            raise BadConfig("an address is text", (name,))
    if stored.get("base_url") and split_address(stored["base_url"]) is None:
        raise BadConfig("an address has a scheme and a host, as in https://api.example.com", ("base_url",))
    if {"region", "endpoint_url"} & stored.keys():
        try:
            Place.of(stored)
        except ValueError as error:
            wrong = "endpoint_url" if str(error).startswith("endpoint_url") else "region"
            raise BadConfig(str(error), (wrong,)) from error
    if isinstance(stored.get("bucket"), str):
        try:
            check_bucket(stored["bucket"])
        except ValueError as error:
            raise BadConfig(str(error), ("bucket",)) from error
    return stored


def address(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where credentials are sent to: what was given for one must not be sent to another."""
    http = base_url(config)
    others = [config.get(name) for name in _ADDRESSES]
    auth = config.get("auth")
    others.append(auth.get("access_token_url") if isinstance(auth, Mapping) else None)
    return (http, None if http else config.get("base_url"), None if http else config.get("url"), *others)


def secrets_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What looks secret, with its path and what it is called in a message."""
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "value"} and value["kind"] == "secret":
            yield path, "a value that is marked as secret"
            return
        if (pair := value_of_pair(value)) and _is_secret(pair[0], value[pair[1]], (*path, pair[1])):
            yield (*path, pair[1]), f"the value of {pair[0][:60]!r}"
            return
        for name, inner in value.items():
            here = (*path, str(name))
            if here == ("host_keys",) and isinstance(inner, list) and all(is_host_key(one) for one in inner):
                continue  # public, however much they look like keys that are not
            if _is_secret(str(name), inner, here):
                yield here, f"{str(name)[:60]!r}"
            else:
                yield from secrets_in(inner, here)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from secrets_in(inner, (*path, position))
    elif isinstance(value, str) and (what := secret_in_text(value)):
        yield path, what


def _is_secret(name: str, value: Any, path: Path) -> bool:
    if (
        path == ("auth",)
        or (path[0] == "auth" and len(path) == 2 and name in SETTINGS)
        or value in (None, "", {}, [])
        or isinstance(value, bool)
    ):
        return False
    return is_secret_value(name, value) and not means_a_place(name)
