"""Secret values are taken out of what is stored and shown: servers like to echo what they were sent."""

import base64
import binascii
import html
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import orjson

from common.errors import RunError
from records.secret_names import has_secret_form, is_secret_value

HIDDEN = "[secret]"

_SHORTEST = 6
_SHORTEST_MARKED = 4
_PARAMETER = re.compile(r"([?&#])([^=&#?\s]{1,256})=([^&#\s\"'<>]+)")
_USER = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s@\"'<>]{1,2000}@")

Error = TypeVar("Error", bound=RunError)


class Hidden:
    """Knows values that must not be seen again; those that somebody marked are hidden even if they are short."""

    def __init__(self, values: Iterable[str], marked: Iterable[str] = ()) -> None:
        found = {form for value in values for form in _forms(value) if len(form) >= _SHORTEST}
        found |= {form for value in marked for form in _forms(value) if len(form) >= _SHORTEST_MARKED}
        self._values = sorted(found, key=len, reverse=True)

    def learn(self, value: str) -> None:
        """One more that must not be seen: a secret that was got meanwhile."""
        found = {*self._values, *(form for form in _forms(value) if len(form) >= _SHORTEST)}
        self._values = sorted(found, key=len, reverse=True)

    def text(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    def address(self, url: str) -> str:
        """An address without a user and without the values of parameters that look secret, whoever made it."""
        return self.text(_PARAMETER.sub(_without_value, _USER.sub(r"\1", url)))

    def out_of(self, value: Any) -> Any:
        """The same for any JSON value."""
        if not self._values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.out_of(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.out_of(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return HIDDEN if str(value) in self._values else value
        return value

    def is_absent_from(self, text: bytes) -> bool:
        """Whether nothing that is hidden stands in a JSON text that orjson has written: no need to walk its value."""
        return not any(value.encode() in text for value in self._values)

    def error(self, error: Error) -> Error:
        """The error, what it says changed in place."""
        error.message = self.text(error.message)
        error.details = self.out_of(error.details)
        return error


def _in_address(value: str) -> Iterator[str]:
    """The credentials in an address."""
    for user in _USER.finditer(value):
        yield unquote(user[0].partition("://")[2].rstrip("@").partition(":")[2])
    for parameter in _PARAMETER.finditer(value):
        if parameter[0] != _without_value(parameter):
            yield unquote_plus(parameter[3])


def _without_value(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    return f"{mark}{name}={HIDDEN}" if is_secret_value(name, value) or has_secret_form(value) else match[0]


def _forms(value: str) -> Iterator[str]:
    """How a value may look when it comes back; of `Bearer x` also `x`, of `Basic …` also what is in it."""
    word, _, rest = value.partition(" ")
    plain = [value, *([rest] if rest and len(word) <= 10 else [])]
    if word.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        plain += [pair, pair.partition(":")[2]]
    plain += _in_address(value)
    for one in filter(None, plain):
        yield from (one, quote(one, safe=""), quote_plus(one), orjson.dumps(one).decode()[1:-1], html.escape(one))
        yield orjson.dumps(one).decode()[1:-1].replace("/", "\\/")
        yield base64.b64encode(one.encode()).decode().rstrip("=")
