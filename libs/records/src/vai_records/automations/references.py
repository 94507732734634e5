"""References of a step to the automation's inputs and to earlier steps (document 002, "Reference Resolution").

`$/inputs/…`, `$/steps/<key>/status`, `…/result/…` and `…/error/…` stand for a value (`reference_text` says how they are
written): alone in a string they keep its type, within a longer string they become text, in a URL they are encoded, in
SQL they stand inside literals only. `{"kind": "reference", "ref": "$/…"}` is the same as the string, with a `default`
if there is one, and `{"kind": "static", "values": …}` stands for its values as they are, in which nothing is looked up.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vai_common.nesting import DEEPEST_MADE, is_deeper
from vai_records.automations.reference_text import (
    IN_URL,
    REFERENCE,
    BadReference,
    Lookup,
    Reference,
    as_text,
    parse,
    refuse_cut,
    refuse_slip,
)
from vai_records.automations.url_places import fill_url
from vai_records.definitions.create_flashboard import is_tile_sql
from vai_records.definitions.sql_text import fill_literals, literal_matches
from vai_records.definitions.transform_checks import is_sql as is_check_sql
from vai_records.validation.masking import WITH_SECRETS, as_it_is

__all__ = [
    "SQL_KINDS",
    "BadReference",
    "Reference",
    "holds_reference",
    "is_reference",
    "references_in",
    "resolve",
    "without_static",
]

Place = tuple[str | int, ...]

MOST_BYTES: Final = 8 << 20
"""Of a definition once its references are filled, as JSON."""

SQL_KINDS: Final = frozenset(("duckdb_transform", "generate_query", "create_flashboard"))
"""Kinds whose `sql` takes references inside its literals only (decision 44)."""

_URLS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "http_request": (("url",), ("url", "value")),
    "fetch_page": (("url",),),
    "agent_fetch_page": (("url",),),
    "dlt_extract": (("base_url",), ("resources", "path")),
}
"""Where definitions have URLs; positions in lists are left out."""


def references_in(
    value: Any, place: Place = (), *, kind: str = "", strict: bool = True
) -> Iterator[tuple[Place, Reference]]:
    """Every reference in a definition, with its place. Raises `BadReference` for one that cannot be one.

    Without `strict` what only looks like a slip is taken as the text that it may be.
    """
    yield from _Finder(_Styles(kind, value), strict).found(value, place, ())


def holds_reference(value: Any) -> bool:
    """Whether something in the value is only known when its step starts, be it a reference that cannot be one."""
    try:
        return next(references_in(value), None) is not None
    except BadReference:
        return True


def without_static(value: Any) -> Any:
    """The value with each `static` object replaced by what it stands for."""
    if isinstance(value, Mapping):
        if _is_static(value):
            return value["values"]
        return {key: without_static(inner) for key, inner in value.items()}
    return [without_static(inner) for inner in value] if isinstance(value, list) else value


def resolve(kind: str, definition: Mapping[str, Any], look_up: Callable[[Reference], Any]) -> dict[str, Any]:
    """The definition with each reference replaced by what it looks up. Raises `BadReference`.

    SQL takes references inside string literals only, escaped: what a webhook sends must not become SQL (decision 44).
    What is filled has a bound, counted before it is put together (rule 24).
    """
    filler = _Filler(_Styles(kind, definition), look_up)
    filled = {key: filler.filled(inner, (key,)) for key, inner in definition.items()}
    if filler.sizes and is_deeper(filled, DEEPEST_MADE):
        message = f"with all its references filled the step would be nested deeper than {DEEPEST_MADE} levels"
        raise BadReference(f"{next(iter(filler.sizes))}: {message}; hand on a part of it")
    return filled


def is_reference(value: Any) -> bool:
    """Whether the whole value is a reference, as a string or as an object."""
    if isinstance(value, str):
        return value.startswith("$/") or REFERENCE.fullmatch(value) is not None
    return isinstance(value, Mapping) and _is_object(value)


@dataclass(frozen=True)
class _Styles:
    """How the strings of a definition are filled, by their place."""

    kind: str
    definition: Any

    def is_sql(self, place: Place) -> bool:
        return self.kind in SQL_KINDS and (place == ("sql",) or is_check_sql(place) or is_tile_sql(place))

    def pattern(self, place: Place) -> re.Pattern[str]:
        return IN_URL if self.is_url(place) else REFERENCE

    def is_url(self, place: Place) -> bool:
        names = tuple(part for part in place if isinstance(part, str))
        if names not in _URLS.get(self.kind, ()):
            return False
        return self.kind != "dlt_extract" or self.definition.get("source") == "rest_api"


@dataclass(frozen=True)
class _Finder:
    styles: _Styles
    strict: bool

    def found(self, value: Any, place: Place, inner: Place) -> Iterator[tuple[Place, Reference]]:
        """`inner` is the place within the definition, `place` the one that is told."""
        if isinstance(value, str):
            for text in self._texts(value, inner):
                for reference in parse(text).references:
                    yield place, reference
        elif isinstance(value, Mapping) and _is_object(value):
            for reference in parse(value["ref"]).references:
                yield (*place, "ref"), reference
            yield from self.found(value.get("default"), (*place, "default"), (*inner, "default"))
        elif isinstance(value, Mapping) and not _is_static(value):
            for key, one in value.items():
                yield from self.found(one, (*place, key), (*inner, key))
        elif isinstance(value, list):
            for position, one in enumerate(value):
                yield from self.found(one, (*place, position), (*inner, position))

    def _texts(self, value: str, inner: Place) -> list[str]:
        if self.styles.is_sql(inner):
            return literal_matches(value, REFERENCE)
        pattern = self.styles.pattern(inner)
        if self.strict:
            refuse_slip(value, pattern)
        return pattern.findall(value)


@dataclass
class _Filler:
    styles: _Styles
    look_up: Callable[[Reference], Any]
    left: int = MOST_BYTES
    sizes: dict[str, int] = field(default_factory=dict)

    def filled(self, value: Any, place: Place) -> Any:
        if isinstance(value, str):
            return self._text_filled(value, place)
        if isinstance(value, Mapping):
            if _is_object(value):
                return self._object_filled(value, place)
            if _is_static(value):
                return value["values"]
            return {key: self.filled(inner, (*place, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner, (*place, position)) for position, inner in enumerate(value)]
        return value

    def _text_filled(self, value: str, place: Place) -> Any:
        if "$" not in value:
            return value
        if self.styles.is_sql(place):
            return fill_literals(value, REFERENCE, self._matched_in_sql)
        pattern = self.styles.pattern(place)
        if pattern.fullmatch(value):
            return self._as_it_is(self._value(value, parse(value)), place)
        if self.styles.is_url(place):
            return fill_url(value, pattern, self._matched)
        return pattern.sub(self._matched, value)

    def _object_filled(self, value: Mapping[str, Any], place: Place) -> Any:
        lookup = parse(value["ref"])
        if "default" not in value:
            return self._as_it_is(self._value(value["ref"], lookup), place)
        found = Lookup(lookup.references, None).value(self.look_up)
        if found is None:
            return self.filled(value["default"], place)
        self._take(value["ref"], found)
        return self._as_it_is(found, place)

    def _as_it_is(self, value: Any, place: Place) -> Any:
        return as_it_is(value, place) if self.styles.kind in WITH_SECRETS else value

    def _matched(self, match: re.Match[str]) -> str:
        return self._text(match[0], match.string[match.end() : match.end() + 64])

    def _matched_in_sql(self, match: re.Match[str]) -> str:
        rest = match.string[match.end() : -1][:128]  # the literal's own end is no part of a name
        return self._text(match[0], rest.replace("''", "'"))

    def _text(self, text: str, tail: str) -> str:
        lookup = parse(text)
        value = self._value(text, lookup)
        refuse_cut(text, lookup.references[-1], tail, self.look_up)
        return as_text(value)

    def _value(self, text: str, lookup: Lookup) -> Any:
        value = lookup.value(self.look_up)
        self._take(text, value)
        return value

    def _take(self, text: str, value: Any) -> None:
        """Counts what is put in; of each reference the size is measured once."""
        if text not in self.sizes:
            self.sizes[text] = len(orjson.dumps(value))
        self.left -= self.sizes[text]
        if self.left < 0:
            size = f"{MOST_BYTES >> 20} MiB"
            raise BadReference(f"{text}: with all its references filled the step would have more than {size}")


def _is_object(value: Mapping[str, Any]) -> bool:
    is_one = value.keys() - {"default"} == {"kind", "ref"} and value["kind"] == "reference"
    return is_one and isinstance(value["ref"], str)


def _is_static(value: Mapping[str, Any]) -> bool:
    return value.keys() == {"kind", "values"} and value["kind"] == "static"
