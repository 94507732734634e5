"""Removes secret values from what is stored and shown, since servers often echo what they were sent."""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import orjson

from vai_common.errors import RunError
from vai_records.secrets.secret_names import has_secret_form, is_secret_value

HIDDEN = "[secret]"

_CUT = "…"
_BEGINNING = 4
"""So many first letters of a value are hidden, too, where a text was cut off within it."""
_SHORTEST = 6
SHORTEST_MARKED = 4
_SHORTEST_RECASED = 12
"""Values of at least this length are hidden in lower and upper case, too. Shorter ones may be common words."""
_UNICODE_HEX = re.compile(r"\\u[0-9a-f]{4}")
_LOWER_HEX = re.compile(r"%[0-9A-F]{2}")
_PARAMETER = re.compile(r"([?&#])([^=&#?\s]{1,256})=([^&#\s\"'<>]+)")
_USER = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s@\"'<>]{1,2000}@")

Error = TypeVar("Error", bound=RunError)


class Hidden:
    """Holds values that must not be seen again. Values that somebody marked as secret are hidden even if short."""

    def __init__(self, values: Iterable[str], marked: Iterable[str] = ()) -> None:
        found = {form for value in values for form in _forms(value) if len(form) >= _SHORTEST}
        found |= {form for value in marked for form in _forms(value) if len(form) >= SHORTEST_MARKED}
        self._values = sorted(found, key=len, reverse=True)

    def learn(self, value: str) -> None:
        """Add a value, for example a token that was got meanwhile."""
        found = {*self._values, *(form for form in _forms(value) if len(form) >= _SHORTEST)}
        self._values = sorted(found, key=len, reverse=True)

    def text(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    def cut(self, text: str) -> str:
        """The same for a text that was cut off: a value may have stood at its end."""
        return self._without_beginnings(self.text(text) + _CUT).removesuffix(_CUT)

    def octets(self, raw: bytes, *, cut: bool = False) -> bytes:
        """The same for bytes that are not a text."""
        plain = raw.decode("latin-1")
        inner = Hidden(())
        inner._values = [value.encode().decode("latin-1") for value in self._values]
        return (inner.cut(plain) if cut else inner.text(plain)).encode("latin-1")

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

    def open_end(self, text: str) -> int:
        """Where the end of a text begins that cannot be told before more of it has come: it may begin a value."""
        start = min((_begun(text, value) for value in self._values), default=len(text))
        while (before := min((_across(text, value, start) for value in self._values), default=start)) < start:
            start = before
        return start

    def is_absent_from(self, text: bytes) -> bool:
        """Whether nothing that is hidden stands in a JSON text that orjson has written: no need to walk its value."""
        return not any(orjson.dumps(value)[1:-1] in text for value in self._values)

    def error(self, error: Error) -> Error:
        """The error, with the values removed from its texts, in place: also their beginnings where `shortened` cut."""
        error.message = self._without_beginnings(self.text(error.message))
        error.details = {
            name: self._without_beginnings(value) if isinstance(value, str) else value
            for name, value in self.out_of(error.details).items()
        }
        return error

    def _without_beginnings(self, text: str) -> str:
        """Without the first letters of a value that stand before a mark of a cut."""
        if _CUT not in text:
            return text
        *parts, rest = text.split(_CUT)
        return _CUT.join([*(self._without_beginning(part) for part in parts), rest])

    def _without_beginning(self, text: str) -> str:
        """Without the first letters of a value at the end of the text."""
        starts = [start for value in self._values if (start := _start_at_the_end(text, value)) is not None]
        return f"{text[: min(starts)]}{HIDDEN}" if starts else text


class HiddenStream:
    """A text that comes in pieces, without hidden values: the end of a piece that may begin one waits for the next."""

    def __init__(self, hidden: Hidden) -> None:
        self._hidden, self._kept = hidden, ""

    def add(self, piece: str) -> str:
        """What can be shown by now."""
        text = self._kept + piece
        start = self._hidden.open_end(text)
        self._kept = text[start:]
        return self._hidden.text(text[:start])

    def end(self) -> str:
        """What was kept back; whatever begins no value by now does not."""
        text, self._kept = self._kept, ""
        return self._hidden.text(text)


def shortened(text: str, most: int) -> str:
    """At most so many characters; a mark says that there were more. `Hidden.error` hides what it cut of a secret.

    Where `Hidden` is at hand, hide first and shorten afterwards.
    """
    return text if len(text) <= most else f"{text[: most - 1]}{_CUT}"


def _begun(text: str, value: str) -> int:
    """Where the text's last letters begin that are a value's first ones, however few; else the text's length."""
    start = text.find(value[0], max(0, len(text) - len(value) + 1))
    while start >= 0 and not value.startswith(text[start:]):
        start = text.find(value[0], start + 1)
    return len(text) if start < 0 else start


def _across(text: str, value: str, place: int) -> int:
    """Where a value begins that stands across a place in the text; the place itself if none does."""
    found = text.find(value, max(0, place - len(value) + 1), place + len(value) - 1)
    return found if 0 <= found < place else place


def _start_at_the_end(text: str, value: str) -> int | None:
    """Where the text's last letters begin that are the value's first ones, if there are enough."""
    head = value[:_BEGINNING]
    start = text.find(head, max(0, len(text) - len(value) + 1))
    while start >= 0 and not value.startswith(text[start:]):
        start = text.find(head, start + 1)
    return None if start < 0 else start


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
    """The forms in which a value may come back: for `Bearer x` also `x`, for `Basic …` also its decoded content."""
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
        yield from _as_text(one)
        if len(one) >= _SHORTEST_RECASED:
            yield from (one.lower(), one.upper())
        for encoded in {one, quote(one, safe=""), quote_plus(one)}:
            yield from _in_base64(encoded)


def _as_text(one: str) -> Iterator[str]:
    """As it is, and as addresses, JSON and HTML write it."""
    quoted = quote(one, safe="")
    yield from (one, quoted, quote_plus(one), html.escape(one))
    yield from (_LOWER_HEX.sub(lambda found: found[0].lower(), each) for each in (quoted, quote_plus(one)))
    yield from _in_json(one)


def _in_json(one: str) -> Iterator[str]:
    """As writers of JSON write it. All escape quotes; some also slashes (PHP), what is not ASCII (Python, PHP), or what
    HTML reads (Go, Gson). Twice: of JSON that was sent and comes back as a text within JSON."""
    once = _by_both(one)
    for written in dict.fromkeys((*once, *_by_both(once[0]), *_by_both(once[1]))):
        yield from (written, written.replace("/", "\\/"))
        yield from (written.translate(_escapes(each)) for each in ("<>&", "<>&='"))
        yield _UNICODE_HEX.sub(lambda found: found[0][:2] + found[0][2:].upper(), written)


def _by_both(text: str) -> tuple[str, str]:
    return orjson.dumps(text).decode()[1:-1], json.dumps(text)[1:-1]


def _escapes(characters: str) -> dict[int, str]:
    return {ord(each): f"\\u{ord(each):04x}" for each in characters}


def _in_base64(one: str) -> Iterator[str]:
    """The letters that are its alone, wherever it stands in what is encoded: `user:secret` begins anywhere."""
    raw = one.encode()
    yield base64.b64encode(raw).decode().rstrip("=")
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for write in (base64.b64encode, base64.urlsafe_b64encode):
            yield write(bytes(before) + raw + b"\0\0").decode()[first:last]
