"""The arguments of a call with references in place of the values that came from elsewhere."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

from vai_records.automations.references import BadReference, may_name, references_in
from vai_records.crystallization.inputs import Inputs
from vai_records.crystallization.origins import (
    Known,
    Leaf,
    Path,
    has_same_name,
    is_telling,
    reference_to,
    says_something,
)
from vai_records.definitions.sql_text import Kind, pieces

Json = dict[str, Any]

_FIXED_BY_SHAPE: Final = frozenset(
    ("method", "topic", "search_depth", "max_rows", "max_results", "max_characters", "days", "samples", "datasets",
     "include_links", "include_images", "include_raw_content", "include_domains", "resources", "limit_rows",
     "slice_rows", "timeout_seconds", "approval_timeout_seconds", "retry")
)  # fmt: skip
"""How much and in which way is asked: never a value of a result, whatever equals it by chance."""
_MARKS: Final = ("reference", "static", "secret", "connection")
_OF_ALL: Final = ("secret", "connection")
"""Marks that mean the same in every definition."""
_SHOWN: Final = 80
_BEFORE: Final = 200
"""Characters in which the column is looked for that a value of SQL is compared with."""
_URL_PART = re.compile(r"[^/?#&=]+")
_COLUMN = re.compile(
    r"""(?<!\w)([a-z_]\w{0,62})"?\s{0,9}
    (?:=|<>|!=|>=?|<=?|\bi?like\b|\b(?:not\s)?in\s{0,9}\([^()]{0,150}|\bbetween\b(?:[^()=<>]{1,90}\band\b)?)
    \s{0,9}(?:date|timestamp)?\s{0,9}$""",
    re.IGNORECASE | re.VERBOSE,
)
_ORIGIN = re.compile(r"[A-Za-z]+://[^/?#]*/?")
_BRACES = re.compile(r"\$\{/?(?:inputs|steps|vars|secrets)")
_ROOTS = ("$/inputs", "$/steps", "$/vars", "$/secrets")
_TEXTS: Final = ("sql", "url")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HANDED_ON: Final = ("body", "inputs", "form")
"""Arguments in which a list or an object may be a reference as a whole."""
_NUMBER = re.compile(r"(?<![\w.$?])[0-9]{1,18}(?:\.[0-9]{1,15})?(?![\w.])(?!\s*(?:::|[-+*/%|]))")


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
    values stay as they are though they may have come from a result. `own`: numbers that came from nowhere, by places.
    """

    given: Json = field(default_factory=dict)
    calls: set[int] = field(default_factory=set)
    evidence: list[Json] = field(default_factory=list)
    unsure: list[Doubt] = field(default_factory=list)
    own: list[tuple[str, Any]] = field(default_factory=list)


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
        if reads_as_more(value):
            return self._as_it_is(value, place)
        if isinstance(value, dict | list) and place[0] in _HANDED_ON and (place == ("body",) or len(place) > 1):
            whole = self._whole(value, place) if value else None
            if whole is not None:
                return whole
        if isinstance(value, dict):
            return {key: self._value(one, (*place, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._value(one, (*place, number)) for number, one in enumerate(value)]
        if place[0] in _FIXED_BY_SHAPE or value is None or isinstance(value, bool) or value == "":
            return value
        if place == ("sql",) and isinstance(value, str):
            return self._sql(value)
        if place == ("url",) and isinstance(value, str):
            return self._url(value)
        whole = self._whole(value, place)
        if whole is not None:
            return whole
        return self._text(value, place) if isinstance(value, str) else value

    def _as_it_is(self, value: Any, place: Path) -> Any:
        """What an automation would read as more than it is: a reference to where it came from, else as it stands."""
        if isinstance(value, str) and place[0] not in ("sql", *_FIXED_BY_SHAPE):
            leaf, others = self._known.of(value, place)
            if leaf is not None:
                return self._tell(place, value, self._reference(leaf), _why(value, others), others)
        if place in (("sql",), ("url",)):
            raise Unwritable(f"{place[0]} holds {_short(value)!r}, which an automation would read as a reference")
        return {"kind": "static", "values": value}

    # A whole value ---------------------------------------------------------------------------------------------------

    def _whole(self, value: Any, place: Path, *, asked: bool = True) -> str | None:
        """The reference that the whole value is, or None. `asked`: whether it may be a word of the question."""
        if (found := self._inputs.of(value, place, asked=asked)) is not None:
            return self._tell(place, value, *found)
        leaf, others = self._known.of(value, place)
        is_named = leaf is not None and has_same_name(place, leaf.path)
        if asked and not is_named and (found := self._inputs.perhaps(value, place)) is not None:
            return self._tell(place, value, *found)
        if leaf is not None:
            return self._tell(place, value, self._reference(leaf), _why(value, others), others)
        if (found := self._inputs.later(value)) is not None:
            return self._tell(place, value, *found)
        if alike := self._known.alike(value):
            self._doubt(place, value, alike[-1])
        elif place[0] in _HANDED_ON and says_something(value):
            self._done.own.append((_place(place), value))
        return None

    def _first_whole(self, said: str, place: Path) -> str | None:
        """The same of a text that may stand for a number: the first of both that came from somewhere."""
        for value in (*_numbers(said), said):
            if (whole := self._whole(value, place)) is not None:
                return whole
        return None

    def _reference(self, leaf: Leaf, *, braces: bool = False) -> str:
        self._done.calls.add(leaf.call)
        return reference_to(("steps", self._keys[leaf.call], "result", *leaf.path), braces=braces)

    def _tell(self, place: Path, value: Any, reference: str, why: str, others: int = 0) -> str:
        told = {"place": _place(place), "value": _short(value), "reference": reference, "why": why}
        self._done.evidence.append(told | ({"alsoFoundAt": others} if others else {}))
        return reference

    def _doubt(self, place: Path, value: Any, leaf: Leaf) -> None:
        self._done.unsure.append(Doubt(_place(place), _short(value), leaf))

    # A part of a text ------------------------------------------------------------------------------------------------

    def _text(self, text: str, place: Path, escape: Callable[[str], str] = str) -> str:
        """The text with what came from elsewhere in braces; numbers are telling enough from three digits on."""
        spans: list[tuple[int, int, str, str, int, Leaf | None]]
        spans = [
            (start, stop, found, why, 0, None)
            for start, stop, found, why in self._inputs.within(text, alone=place[0] in _TEXTS)
        ]
        for start, stop, leaf, others in self._known.within(text, place):
            if all(stop <= begin or end <= start for begin, end, *_ in spans):
                if (start, stop) == (0, len(text)) and place[0] not in _TEXTS and not isinstance(leaf.value, str):
                    self._doubt(place, text, leaf)  # a reference alone keeps its type: it would become a number
                    return text
                spans.append((start, stop, "", _why(leaf.value, others), others, leaf))
        built, at = "", 0
        for start, stop, found, why, others, source in sorted(spans, key=lambda span: span[0]):
            reference = found if source is None else self._reference(source, braces=True)
            self._tell(place, text[start:stop], reference, why, others)
            built += escape(text[at:start]) + _in_braces(reference)
            at = stop
        return built + escape(text[at:])

    def _url(self, url: str) -> str:
        """A URL part by part: each part of its path, and each value of its query, is a value or none."""
        if (whole := self._whole(url, ("url",))) is not None:
            return whole
        begin = _ORIGIN.match(url)
        origin, behind = (begin[0], url[begin.end() :]) if begin else ("", url)
        query = behind.find("?")
        name: str | None = None

        def part(match: re.Match[str]) -> str:
            nonlocal name
            in_query = 0 <= query < match.start()
            said = unquote(match[0].replace("+", " ") if in_query else match[0])
            place: Path = ("url", name or _before(behind, match.start()) or "id")
            is_name = in_query and name is None and behind[match.end() : match.end() + 1] == "="
            name = said if is_name else None
            if not in_query and _is_name_of_things(behind, match):
                whole = self._whole(said, place, asked=False)
                return match[0] if whole is None else _in_braces(whole)
            return match[0] if is_name else self._url_part(match[0], said, place)

        return origin + _URL_PART.sub(part, behind)

    def _url_part(self, written_so: str, said: str, place: Path) -> str:
        whole = self._first_whole(said, place)
        if whole is not None:
            return _in_braces(whole)
        # Between values the text must be encoded as it was.
        safe = "".join({*written_so} - {"%"})
        if quote(said, safe=safe) != written_so:
            return written_so
        return self._text(said, place, lambda text: quote(text, safe=safe))

    def _sql(self, sql: str) -> str:
        """Literals, and numbers that are compared with a column: nothing else of a query can be a reference."""
        built = ""
        for piece in pieces(sql):
            if piece.kind is Kind.CODE:
                built += self._compared(piece.text, built)
                continue
            quotes = _quotes(piece.kind, piece.text) if piece.closed else None
            if quotes is None:
                built += piece.text
                continue
            before, value, after = quotes
            filled = self._literal(value, ("sql", _column(built)))
            built += piece.text if filled is None else f"{before}{filled}{after}"
        return built

    def _literal(self, value: str, place: Path) -> str | None:
        """What stands between the quotes then; None if it stays."""
        if not value:
            return None
        if (whole := self._first_whole(value, place)) is not None:
            return _in_braces(whole)
        inner = value.strip("%")  # LIKE '%Konya%'
        if inner and inner != value and (whole := self._whole(inner, place)) is not None:
            before, _, after = value.partition(inner)
            return f"{before}{_in_braces(whole)}{after}"
        filled = self._text(value, place, lambda part: part.replace("'", "''"))
        return None if filled == value.replace("'", "''") else filled

    def _compared(self, code: str, before: str) -> str:
        """Code in which a number that is compared with a column and came from elsewhere is a literal of its own."""

        def number(match: re.Match[str]) -> str:
            there = before[-_BEFORE:] + code[max(0, match.start() - _BEFORE) : match.start()]
            values = _numbers(match[0])
            if not values or not _COLUMN.search(there[-_BEFORE:]):
                return match[0]
            whole = self._whole(values[0], ("sql", _column(there)))
            if whole is None:
                return match[0]
            return f"'{_in_braces(whole)}'" + ("::DOUBLE" if isinstance(values[0], float) else "")

        return _NUMBER.sub(number, code)


def _quotes(kind: Kind, text: str) -> tuple[str, str, str] | None:
    """The quotes of a literal that may hold references, and the text in them; None for all others."""
    if kind is Kind.LITERAL:
        return "'", text[1:-1].replace("''", "'"), "'"
    if kind is Kind.ESCAPED and "\\" not in text:
        return text[:2], text[2:-1].replace("''", "'"), "'"
    if kind is Kind.OTHER_TEXT and text[0] == "$":
        tag = text.index("$", 1) + 1
        return "'", text[tag:-tag], "'"
    return None


def _column(before: str) -> str:
    column = _COLUMN.search(before[-_BEFORE:])
    return column[1] if column else "value"


def _numbers(said: str) -> list[int | float]:
    """The number that a text is, if it is written in the one usual way."""
    if re.fullmatch(r"-?[0-9]{1,18}", said):
        return [int(said)] if str(int(said)) == said else []
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", said):
        return [float(said)] if repr(float(said)) == said else []
    return []


def reads_as_more(value: Any) -> bool:
    """Whether an automation would take for a reference or a mark what is a plain value here."""
    if not isinstance(value, str):
        return isinstance(value, dict) and value.get("kind") in _MARKS
    return value.startswith("$/") or any(root in value for root in _ROOTS) or _BRACES.search(value) is not None


def as_fixed(value: Any, place: Path = ()) -> Any:
    """What a tool has fixed, as a step says it: the organisation's names stay names, all other text stays text.

    Raises `Unwritable` for a text that holds a name and what only an automation takes for a reference.
    """
    if reads_as_more(value):
        named, others = _references_of(value)
        if named and others:
            told = f"{_place(place)} of a tool holds {_short(value)!r}: a name, and what an automation would look up"
            raise Unwritable(f"{told}. Put the name into a field of its own")
        if named:
            return value
        if place in (("sql",), ("url",)):
            raise Unwritable(f"{place[0]} holds {_short(value)!r}, which an automation would read as a reference")
        return value if isinstance(value, dict) and value["kind"] in _OF_ALL else {"kind": "static", "values": value}
    if isinstance(value, Mapping):
        return {name: as_fixed(one, (*place, name)) for name, one in value.items()}
    return [as_fixed(one, (*place, at)) for at, one in enumerate(value)] if isinstance(value, list) else value


def _references_of(value: Any) -> tuple[bool, bool]:
    """Whether a value names variables or secrets, as a run of its own takes them; and whether an automation would find
    something else in it.
    """
    if isinstance(value, dict) and value.get("kind") == "static":
        return may_name(value.get("values")), False  # around a name it means the same in both
    named = next(references_in(value, plain=True, strict=False), None) is not None
    try:
        return named, any(not one.is_named for _, one in references_in(value))
    except BadReference:
        return named, True


def _why(value: Any, others: int) -> str:
    if not is_telling(value):
        return "the same value under the same name"
    return "the only place that has this value" if not others else "the nearest of the places that have this value"


def _place(place: Path) -> str:
    return ".".join(map(str, place))


def _short(value: Any) -> Any:
    return f"{value[:_SHOWN]}…" if isinstance(value, str) and len(value) > _SHOWN else value


def _in_braces(reference: str) -> str:
    """A reference that anything may follow."""
    return f"${{{reference.removeprefix('$')}}}" if reference.startswith("$/") else reference


def _is_name_of_things(path: str, part: re.Match[str]) -> bool:
    """Whether a part of a path says what is asked for, and not which one: a word that stands first, or behind an id.
    `shops` and `refresh` of `/shops/501/refresh` do, and `konya` of `/cities/konya` does not.
    """
    before = [one for one in path[: part.start()].split("/") if one]
    return part[0].isalpha() and (not before or any(letter.isdigit() for letter in before[-1]))


def _before(text: str, at: int) -> str:
    """The part of a path before this one: `orders` for `/orders/7`."""
    parts = [part for part in re.split(r"[/?]", text[:at]) if part]
    return f"{parts[-1]}_id" if parts and _PLAIN_NAME.fullmatch(parts[-1]) else ""
