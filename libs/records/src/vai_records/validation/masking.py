"""The write-only values of a definition: taken out before it is stored, put back before it is worked on (decision 35).

Secret is what a name tells (`looks_secret`), what a form tells (`Bearer …`), and what somebody marks as
`{"kind": "secret", "value": …}`: in the url, headers, query, form and body of an http_request (the body at any depth),
in the headers and params of a rest_api source and of its resources, in these also the form (`data`) and the body
(`json`, at any depth). `MARKER` stands in their places. Credentials in an address are moved to where they can be kept:
parameters to the query or params, a user to an Authorization header. A url whose path is a credential (a chat's
webhook) is marked as a whole.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_plus, urlsplit

import orjson

from vai_records.connections.credentials import texts_in
from vai_records.secrets.secret_names import (
    has_secret_form,
    has_secret_path,
    is_secret_value,
    looks_secret,
    secret_in_text,
    value_of_pair,
)

Json = dict[str, Any]
Path = tuple[str, ...]

MARKER: Final = {"secret": True}

NOTHING_KEPT: Final[Mapping[str, Any]] = {"target": None, "values": {}}

WITH_SECRETS: Final = ("http_request", "dlt_extract")
"""The kinds whose definitions may hold write-only values (decision 35)."""

FLAT: Final = ("headers", "query", "form", "params", "data")
OF_RESOURCES: Final = "json"
"""The body of a request of rest_api, looked through at any depth."""
PLACES = frozenset((*FLAT, "body", "body_text", "url", "base_url", "resources"))
"""The fields of a definition in which a write-only value may stand, or come to stand."""
_URL: Path = ("url",)
_PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PART = re.compile(r";([^;/?#&=]{1,256}=[^;/?#&]+)")
_REFERENCE = re.compile(r"\$\{?/")
_NAME_ALONE = re.compile(
    r"(?:[A-Za-z]{1,16} )?(?:\$/(?:vars|secrets)/[A-Za-z0-9_-]{1,100}|\$\{/(?:vars|secrets)/[A-Za-z0-9_-]{1,100}\})"
)


class SecretMissing(ValueError):
    """A definition says that a value is kept, and there is none for it; `field` is its path."""

    def __init__(self, field: Path, message: str) -> None:
        super().__init__(message)
        self.field = field


def is_mark(value: Any) -> bool:
    """Whether a value is marked as secret by who wrote it."""
    return isinstance(value, Mapping) and value.keys() == {"kind", "value"} and value["kind"] == "secret"


def unmarked(value: Any) -> Any:
    """A value, and all that is in it, without the marks."""
    if is_mark(value):
        return value["value"]
    if isinstance(value, Mapping):
        return {name: unmarked(inner) for name, inner in value.items()}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


def as_it_is(value: Any, place: Sequence[str | int]) -> Any:
    """A value that nobody wrote into a definition, for that place in it: what looks like a mark or a marker is none.

    Each is marked itself: what is within a mark is never read (rule: a mark counts only where its author wrote it).
    """
    if (is_mark(value) or value == MARKER) and _is_visited(place):
        return {"kind": "secret", "value": value}
    if isinstance(value, Mapping):
        return {name: as_it_is(inner, (*place, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_it_is(inner, (*place, number)) for number, inner in enumerate(value)]
    return value


def _is_visited(place: Sequence[str | int]) -> bool:
    """Whether `_over` looks at this place."""
    if place[0] == "resources":
        return (len(place) == 4 and place[2] in FLAT) or (len(place) > 3 and place[2] == OF_RESOURCES)
    return place[0] in ("body", "body_text", "url") or (len(place) == 2 and place[0] in FLAT)


def masked(definition: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> tuple[Json, Json | None]:
    """Split a definition into what may be shown and what is kept: (shown, secrets or None).

    A marker that is already there keeps the value in `stored` (the secrets of the action that is changed or run). Kept
    values are for the place that the definition sends to: raises `SecretMissing` for another one, and where nothing is
    kept.
    """
    kept = _Kept(definition, stored)
    values: Json = {}

    def show(path: Path, value: Any, named: bool) -> Any:
        if value == MARKER:
            _put(values, path, kept.at(path))
        elif is_mark(value):
            _put(values, path, value["value"])
        elif named or _is_secret_text(value):
            _put(values, path, value)
        else:
            return value
        return MARKER

    shown = _over(tidied(definition), show)
    target = kept.target if shown.get("url") == MARKER else _target(shown)
    return shown, ({"target": target, "values": values} if values else None)


def reunite(definition: Mapping[str, Any], secrets: Mapping[str, Any] | None) -> Json:
    """The definition with its secret values back in their places; raises `SecretMissing` as `masked` does.

    What neither name nor form tell stays marked, so that it is kept again.
    """
    kept = _Kept(definition, secrets)

    def put_back(path: Path, value: Any, named: bool) -> Any:
        if value != MARKER:
            return value
        found = kept.at(path)
        told = (named or _is_secret_text(found)) and path != _URL
        return found if told else {"kind": "secret", "value": found}

    return _over(tidied(definition), put_back)


def secret_texts_of(definition: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The secret values of a whole definition as text: those that name or form tell, and those that are marked."""
    told: list[str] = []
    marked: list[str] = []

    def note(path: Path, value: Any, named: bool) -> Any:
        if is_mark(value) and (is_mark(value["value"]) or value["value"] == MARKER):
            pass  # a value that only looks like a mark (`as_it_is`)
        elif is_mark(value) and path == _URL:
            marked.extend(_secrets_of_address(value["value"]))
        elif is_mark(value):
            marked.extend(texts_in(value["value"]))
        elif named or _is_secret_text(value):
            told.extend(texts_in(value))
        return value

    _over(tidied(definition), note)
    return told, marked


def is_secret(name: str, value: Any) -> bool:
    """Whether a header's or a parameter's value is to be kept, by its name or its form."""
    return is_secret_value(name, value) or _is_secret_text(value)


def tidied(definition: Mapping[str, Any]) -> Json:
    """The definition with the credentials in its addresses moved to where they can be kept.

    Raises `SecretMissing` where there is no such place.
    """
    tidy = dict(definition)
    if (
        isinstance(url := tidy.get("url"), str)
        and (has_secret_path(url) or _has_secret_part(url))
        and not _REFERENCE.search(url)
    ):
        tidy["url"] = {"kind": "secret", "value": url}
    for field, place in (("url", "query"), ("base_url", "params")):
        if isinstance(tidy.get(field), str):
            _tidy_address(tidy, field, place)
    if isinstance(tidy.get("resources"), list):
        tidy["resources"] = [_tidy_resource(number, one) for number, one in enumerate(tidy["resources"])]
    return tidy


class _Kept:
    """The values that are kept for a definition."""

    def __init__(self, definition: Mapping[str, Any], secrets: Mapping[str, Any] | None) -> None:
        self._secrets = secrets or NOTHING_KEPT
        url: Any = definition.get("url")
        # An address that is itself kept is the one that everything else was kept for.
        address = {**definition, "url": url["value"]} if is_mark(url) else definition
        self.target = self._secrets["target"] if url == MARKER else _target(address)

    def at(self, path: Path) -> Any:
        value: Any = self._secrets["values"]
        for part in path:
            if not isinstance(value, Mapping) or part not in value:
                raise SecretMissing(path, "no value is kept for this field: give it")
            value = value[part]
        if self._secrets["target"] not in (None, self.target):
            raise SecretMissing(path, "the kept value is for another host or connection: give it again")
        return value


Visit = Callable[[Path, Any, bool], Any]
"""Path, value, and whether the name tells that it is secret; answers what stands there instead."""


def _over(definition: Json, visit: Visit) -> Json:
    """The definition with every value that may be secret as `visit` has it."""
    new = _flat_over(definition, (), visit)
    for place in ("body", "body_text"):
        if place in new:
            new[place] = _deep_over(new[place], (place,), False, visit)
    if (url := new.get("url")) == MARKER or is_mark(url):
        new["url"] = visit(_URL, url, False)
    if isinstance(new.get("resources"), list):
        new["resources"] = [
            _resource_over(one, ("resources", str(one.get("name", number))), visit) if isinstance(one, Mapping) else one
            for number, one in enumerate(new["resources"])
        ]
    return new


def _resource_over(resource: Mapping[str, Any], path: Path, visit: Visit) -> Json:
    new = _flat_over(resource, path, visit)
    if OF_RESOURCES in new:
        new[OF_RESOURCES] = _deep_over(new[OF_RESOURCES], (*path, OF_RESOURCES), False, visit)
    return new


def _flat_over(holder: Mapping[str, Any], path: Path, visit: Visit) -> Json:
    new = dict(holder)
    for place in FLAT:
        if isinstance(given := holder.get(place), Mapping):
            new[place] = {
                name: visit(
                    (*path, place, str(name)), value, is_secret_value(str(name), value) and not _is_name_alone(value)
                )
                for name, value in given.items()
            }
    return new


def _deep_over(value: Any, path: Path, named: bool, visit: Visit) -> Any:
    """`named`: a name around it tells that all of it is secret."""
    if value == MARKER or is_mark(value):
        return visit(path, value, False)
    if isinstance(value, Mapping):
        secret = _named_by_a_pair(value)
        return {
            name: _deep_over(inner, (*path, str(name)), named or name == secret or looks_secret(str(name)), visit)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [
            inner
            if not named and isinstance(inner, int | float | None)
            else _deep_over(inner, (*path, str(number)), named, visit)
            for number, inner in enumerate(value)
        ]
    if isinstance(value, bool) or value is None or value == "":
        return value
    reference = isinstance(value, str) and (_REFERENCE.match(value) is not None or _is_name_alone(value))
    return visit(path, value, named and not reference)


def _is_name_alone(value: Any) -> bool:
    """Whether a text names a variable or a secret, such as `Bearer $/secrets/shop`, and says nothing else: the name is
    no secret, and people want to see it.
    """
    return isinstance(value, str) and _NAME_ALONE.fullmatch(value) is not None


def _named_by_a_pair(value: Mapping[Any, Any]) -> str | None:
    """The key of a value that the name beside it tells to be secret: `{"name": "password", "value": "…"}`."""
    found = value_of_pair(value)
    return found[1] if found and is_secret_value(found[0], value[found[1]]) else None


def _is_secret_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return has_secret_form(value) or (_ADDRESS.match(value) is not None and secret_in_text(value) is not None)


def _secrets_of_address(url: Any) -> Iterator[str]:
    """What must not be seen again of an address that is a secret: all behind its host, and the long parts of that."""
    text = str(url)
    behind = re.sub(r"^[A-Za-z]+://[^/?#]*", "", text).lstrip("/")
    yield behind or text
    parts = re.split(r"[/?&#=:]", behind)
    yield from (unquote(part) for part in parts if len(part) >= 16 or (len(part) >= 8 and re.search(r"[0-9]", part)))


def _put(values: Json, path: Path, value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


_LONGEST_ADDRESS = 8_192
"""Characters; what is longer is refused by the model of its kind."""


def _tidy_address(holder: Json, field: str, place: str) -> None:
    """Takes the credentials out of `holder[field]`, into `holder[place]` and the headers."""
    address: str = holder[field]
    if len(address) > _LONGEST_ADDRESS:
        return  # no model takes it
    plain, _, fragment = address.partition("#")
    before, mark, query = plain.partition("?")
    parts = query.split("&") if mark else []
    named = [(part, _names_secret(part)) for part in parts]
    secret = [part for part, is_secret in named if is_secret]
    if secret:
        rest = [part for part, is_secret in named if not is_secret]
        plain = before + ("?" + "&".join(rest) if rest else "")
        holder[place] = {**_as_values(secret), **(holder.get(place) or {})}
    if any(_names_secret(part) for part in fragment.split("&")):
        fragment = ""
    if secret or fragment != address.partition("#")[2]:
        holder[field] = plain + (f"#{fragment}" if fragment else "")
    if field == "url":
        _tidy_user(holder)


def _tidy_user(holder: Json) -> None:
    scheme, mark, rest = holder["url"].partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    if not mark or not at or scheme.lower() not in _PORTS:
        return
    headers = holder.get("headers") or {}
    own = [value for name, value in headers.items() if str(name).lower() == "authorization"]
    if own and own != [MARKER]:
        raise SecretMissing(("url",), "there is a user in the url, and an Authorization header: give one of them")
    if user and _REFERENCE.search(user):
        raise SecretMissing(
            ("url",), "no reference stands before the @ of an address: put it into an Authorization header"
        )
    if user and not own:
        name, _, password = user.partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        holder["headers"] = {**headers, "Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    holder["url"] = f"{scheme}://{host}{rest[len(authority) :]}"


def _tidy_resource(number: int, resource: Any) -> Any:
    name = resource if isinstance(resource, str) else resource.get("name") if isinstance(resource, Mapping) else None
    if isinstance(name, str) and any(_names_secret(part) for part in name.partition("?")[2].split("&")):
        raise SecretMissing(("resources", str(number)), "a credential is no part of a name: put it into params")
    if not isinstance(resource, Mapping) or not isinstance(resource.get("path"), str):
        return resource
    tidy = dict(resource)
    if not tidy["path"].startswith("s3://"):
        _tidy_address(tidy, "path", "params")
    return tidy


def _names_secret(part: str) -> bool:
    """Whether `name=value` of an address is a credential."""
    name, _, value = part.partition("=")
    return bool(value) and (
        is_secret_value(unquote_plus(name), unquote_plus(value)) or _is_secret_text(unquote_plus(value))
    )


def _has_secret_part(url: str) -> bool:
    """Whether `;token=…` stands in it, which no other field could hold."""
    return any(_names_secret(part[1]) for part in _PART.finditer(url[:_LONGEST_ADDRESS]))


def _as_values(parts: list[str]) -> Json:
    found: dict[str, list[str]] = {}
    for part in parts:
        name, _, value = part.partition("=")
        found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _target(definition: Mapping[str, Any]) -> str | None:
    """Whom a definition sends to, so that a secret given for one host cannot be sent to another."""
    url = definition.get("url", definition.get("base_url"))
    connection = definition.get("connection", definition.get("connectionRef"))
    if url is None and connection is None:
        return None
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        return f"connection {orjson.dumps(connection, option=orjson.OPT_SORT_KEYS).decode()}"
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
    except ValueError:
        return url
