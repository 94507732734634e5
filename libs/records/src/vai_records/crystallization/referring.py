"""The arguments of a call with references in place of the values that came from elsewhere."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from vai_records.crystallization.inputs import Inputs
from vai_records.crystallization.origins import Known, Leaf, Path, is_telling
from vai_records.definitions.sql_text import Kind, pieces

Json = dict[str, Any]

_FIXED_BY_SHAPE: Final = frozenset(
    ("method", "topic", "search_depth", "max_rows", "max_results", "max_characters", "days", "samples", "datasets",
     "include_links", "include_images", "include_raw_content", "include_domains", "resources")
)  # fmt: skip
"""How much and in which way is asked: never a value of a result, whatever equals it by chance."""
_MARKS: Final = ("reference", "static", "secret", "connection")
_SHOWN: Final = 80
_URL_PART = re.compile(r"[^/?#&=]+")
_COLUMN = re.compile(
    r"""(?<!\w)([a-z_]\w{0,62})"?\s{0,9}(?:=|<>|!=|>=?|<=?|\bi?like\b|\bin\s{0,9}\()\s{0,9}(?:date|timestamp)?\s{0,9}$""",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Unwritable(ValueError):
    """A call that no step can say."""


@dataclass(frozen=True)
class Doubt:
    """A value that equals one of a result, perhaps by chance: it is small or a usual word, and has another name."""

    place: str
    value: Any
    equals: Leaf


@dataclass
class Referred:
    """What came of one call: its arguments, the calls that it refers to, why each reference stands there, and which
    values stay as they are though they may have come from a result.
    """

    given: Json = field(default_factory=dict)
    calls: set[int] = field(default_factory=set)
    evidence: list[Json] = field(default_factory=list)
    unsure: list[Doubt] = field(default_factory=list)


class Referring:
    """Replaces values. `keys` are the steps of the calls whose results are known."""

    def __init__(self, known: Known, inputs: Inputs, keys: Mapping[int, str]) -> None:
        self._known = known
        self._inputs = inputs
        self._keys = keys
        self._done = Referred()

    def arguments(self, given: Json) -> Referred:
        """The arguments of one call."""
        self._done = Referred()
        self._done.given = {name: self._value(value, (name,)) for name, value in given.items()}
        return self._done

    def _value(self, value: Any, place: Path) -> Any:
        if _reads_as_more(value):
            if place in (("sql",), ("url",)):
                raise Unwritable(f"{place[0]} holds {_short(value)!r}, which an automation would read as a reference")
            return {"kind": "static", "values": value}
        if isinstance(value, dict):
            return {key: self._value(one, (*place, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._value(one, (*place, number)) for number, one in enumerate(value)]
        if place[0] in _FIXED_BY_SHAPE:
            return value
        if value is None or isinstance(value, bool) or value == "":
            return value
        if place == ("sql",) and isinstance(value, str):
            return self._sql(value)
        if place == ("url",) and isinstance(value, str):
            return self._url(value)
        whole = self._whole(value, place)
        if whole is not None:
            return whole
        return self._text(value, place) if isinstance(value, str) else value

    # A whole value ---------------------------------------------------------------------------------------------------

    def _whole(self, value: Any, place: Path) -> str | None:
        """The reference that the whole value is, or None."""
        if (found := self._inputs.of(value, place)) is not None:
            return self._tell(place, value, found[0], found[1])
        leaf, others = self._known.of(value, place)
        if leaf is None:
            if alike := self._known.alike(value):
                self._doubt(place, value, alike[-1])
            return None
        return self._tell(place, value, self._reference(leaf), _why(value, others), others)

    def _reference(self, leaf: Leaf, *, braces: bool = False) -> str:
        self._done.calls.add(leaf.call)
        path = "/".join(_named(part) for part in leaf.path)
        inner = f"/steps/{self._keys[leaf.call]}/result" + (f"/{path}" if path else "")
        plain = all(_PLAIN_NAME.fullmatch(str(part)) for part in leaf.path)
        return f"${inner}" if plain and not braces else f"${{{inner}}}"

    def _tell(self, place: Path, value: Any, reference: str, why: str, others: int = 0) -> str:
        told = {"place": _place(place), "value": _short(value), "reference": reference, "why": why}
        self._done.evidence.append(told | ({"alsoFoundAt": others} if others else {}))
        return reference

    def _doubt(self, place: Path, value: Any, leaf: Leaf) -> None:
        self._done.unsure.append(Doubt(_place(place), _short(value), leaf))

    # A part of a text ------------------------------------------------------------------------------------------------

    def _text(self, text: str, place: Path, escape: Callable[[str], str] = str) -> str:
        """The text with what came from elsewhere in braces; numbers are telling enough from three digits on."""
        inputs = self._inputs.within(text)
        spans = [(start, stop, reference, why, 0, text[start:stop]) for start, stop, reference, why in inputs]
        for start, stop, leaf, others in self._known.within(text, place):
            if all(stop <= begin or end <= start for begin, end, *_ in spans):
                reference = self._reference(leaf, braces=True)
                spans.append((start, stop, reference, _why(leaf.value, others), others, text[start:stop]))
        built, at = "", 0
        for start, stop, reference, why, others, said in sorted(spans):
            self._tell(place, said, reference, why, others)
            built += escape(text[at:start]) + _in_braces(reference)
            at = stop
        return built + escape(text[at:])

    def _url(self, url: str) -> str:
        """A URL part by part: each part of its path, and each value of its query, is a value or none."""
        leaf, others = self._known.of(url, ("url",))
        if leaf is not None and not urlsplit(url).query and not urlsplit(url).fragment:
            return self._tell(("url",), url, self._reference(leaf), _why(url, others), others)
        scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
        host, slash, behind = rest.partition("/") if mark else ("", "", rest)
        name: str | None = None

        def part(match: re.Match[str]) -> str:
            nonlocal name
            said, after = unquote(match[0]), behind[match.end() : match.end() + 1]
            place: Path = ("url", name or _before(behind, match.start()) or "id")
            is_name = after == "=" and "?" in behind[: match.start()]
            name = said if is_name else None
            return match[0] if is_name else self._url_part(match[0], said, place)

        return f"{scheme}{mark}{host}{slash}{_URL_PART.sub(part, behind)}"

    def _url_part(self, written_so: str, said: str, place: Path) -> str:
        values: list[Any] = [said]
        if re.fullmatch(r"-?[0-9]{1,18}", said) and str(int(said)) == said:
            values.insert(0, int(said))
        for value in values:
            if (found := self._inputs.of(value, place)) is not None:
                return _in_braces(self._tell(place, value, *found))
            leaf, others = self._known.of(value, place)
            if leaf is not None:
                reference = self._reference(leaf, braces=True)
                return self._tell(place, value, reference, _why(value, others), others)
        return written_so

    def _sql(self, sql: str) -> str:
        """Literals alone: nothing else of a query can be a reference."""
        built = ""
        for piece in pieces(sql):
            if piece.kind is not Kind.LITERAL or not piece.closed:
                built += piece.text
                continue
            value = piece.text[1:-1].replace("''", "'")
            column = _COLUMN.search(built[-200:])
            place: Path = ("sql", column[1] if column else "value")
            whole = self._whole(value, place)
            filled = (
                _in_braces(whole)
                if whole is not None
                else self._text(value, place, lambda part: part.replace("'", "''"))
            )
            built += f"'{filled}'"
        return built


def _reads_as_more(value: Any) -> bool:
    """Whether an automation would take for a reference or a mark what is a plain value here."""
    if isinstance(value, str):
        return "$/" in value or "${" in value
    return isinstance(value, dict) and value.get("kind") in _MARKS


def _why(value: Any, others: int) -> str:
    if not is_telling(value):
        return "the same value under the same name"
    return "the only place that has this value" if not others else "the nearest of the places that have this value"


def _place(place: Path) -> str:
    return ".".join(map(str, place))


def _short(value: Any) -> Any:
    return f"{value[:_SHOWN]}…" if isinstance(value, str) and len(value) > _SHOWN else value


def _named(part: str | int) -> str:
    """A name as it stands between braces: in quotes, as JSON writes it, where it has more than usual characters."""
    said = str(part)
    return said if re.fullmatch(r"[\w .:-]*[\w.:-]", said) and said == said.strip() else json.dumps(said)


def _in_braces(reference: str) -> str:
    """A reference that anything may follow."""
    return f"${{{reference.removeprefix('$')}}}" if reference.startswith("$/") else reference


def _before(text: str, at: int) -> str:
    """The part of a path before this one: `orders` for `/orders/7`."""
    parts = [part for part in re.split(r"[/?]", text[:at]) if part]
    return f"{parts[-1]}_id" if parts and _PLAIN_NAME.fullmatch(parts[-1]) else ""
