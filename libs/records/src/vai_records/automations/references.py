"""References of a step to the automation's inputs and to earlier steps (document 002, "Reference Resolution").

`$/inputs/…`, `$/steps/<key>/status`, `…/result/…` and `…/error/…` stand for a value, as do the organisation's names,
`$/vars/…` and `$/secrets/…`, which a plain run may have, too (`reference_text` says how they are written): alone in a
string they keep its type, within a longer string they become text, in a URL they are encoded, in SQL they stand inside
literals only. `{"kind": "reference", "ref": "$/…"}` is the same as the string, with a `default` if there is one, and
`{"kind": "static", "values": …}` stands for its values as they are, in which nothing is looked up.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vai_common.nesting import DEEPEST_MADE, is_deeper
from vai_records.automations.reference_text import (
    IN_URL,
    NAME,
    NAME_IN_URL,
    NAMED,
    REFERENCE,
    BadReference,
    Lookup,
    Reference,
    as_text,
    may_name,
    parse,
    refuse_cut,
    refuse_slip,
)
from vai_records.automations.url_places import fill_url
from vai_records.definitions.create_flashboard import is_tile_sql
from vai_records.definitions.sql_text import fill_literals, literal_matches
from vai_records.definitions.transform_checks import is_sql as is_check_sql
from vai_records.validation.marking import mark_place, with_marks
from vai_records.validation.masking import WITH_SECRETS, as_it_is

__all__ = [
    "SQL_KINDS",
    "BadReference",
    "Filled",
    "Reference",
    "fill",
    "holds_reference",
    "is_reference",
    "is_secret",
    "is_written",
    "may_name",
    "references_in",
    "resolve",
    "secret_fault",
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


SECRET_PLACES: Final = (
    "a secret stands only where a definition keeps secrets: in the url, headers, query, form or body of an"
    " http_request, or in the headers, params, data or json of a rest_api source. Put it there, or into a connection"
)


def references_in(
    value: Any,
    place: Place = (),
    *,
    kind: str = "",
    strict: bool = True,
    plain: bool = False,
    only: frozenset[Place] | None = None,
) -> Iterator[tuple[Place, Reference]]:
    """Every reference in a definition, with its place. Raises `BadReference` for one that cannot be one.

    Without `strict` what only looks like a slip is taken as the text that it may be. `plain`: of no automation, so that
    only the organisation's names are references. `only`: at these places, and within them.
    """
    yield from _Finder(_Styles(kind, value, plain, only), strict).found(value, place, ())


def holds_reference(value: Any, *, plain: bool = False) -> bool:
    """Whether something in the value is only known when its step starts, be it a reference that cannot be one."""
    try:
        return next(references_in(value, plain=plain), None) is not None
    except BadReference:
        return True


def without_static(value: Any) -> Any:
    """The value with each `static` object replaced by what it stands for."""
    if isinstance(value, Mapping):
        if _is_static(value):
            return value["values"]
        return {key: without_static(inner) for key, inner in value.items()}
    return [without_static(inner) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Filled:
    """A definition with its references replaced, its secrets marked.

    `names`: what stood where an organisation's names alone were replaced, so that it can be filled anew; `secrets`: the
    texts of the secrets that are in it.
    """

    definition: dict[str, Any]
    names: tuple[tuple[Place, Any], ...] = ()
    secrets: tuple[str, ...] = ()


def fill(
    kind: str,
    definition: Mapping[str, Any],
    look_up: Callable[[Reference], Any],
    *,
    plain: bool = False,
    only: frozenset[Place] | None = None,
    secret_inputs: frozenset[str] = frozenset(),
) -> Filled:
    """The definition with each reference replaced by what it looks up, in one pass: what was looked up is a value, in
    which nothing is looked up again. Raises `BadReference`.

    SQL takes references inside string literals only, escaped: what a webhook sends must not become SQL (decision 44).
    What is filled has a bound, counted before it is put together (rule 24). `secret_inputs`: those whose values are
    write-only, too.
    """
    filler = _Filler(_Styles(kind, definition, plain, only), look_up, secret_inputs)
    filled = {key: filler.filled(inner, (key,)) for key, inner in definition.items()}
    if filler.sizes and is_deeper(filled, DEEPEST_MADE):
        message = f"with all its references filled the step would be nested deeper than {DEEPEST_MADE} levels"
        raise BadReference(f"{next(iter(filler.sizes))}: {message}; hand on a part of it")
    marked = {place: _marked_place(kind, place) for place in filler.secret_places}
    names = [_whole_name(definition, marked.get(name[0], name[0]), name) for name in filler.names]
    kept = tuple(name for name in names if name is not None)
    return Filled(with_marks(filled, list(marked.values())), kept, tuple(filler.secrets))


def is_secret(reference: Reference, inputs: frozenset[str]) -> bool:
    """Whether it stands for a secret: one of the organisation, or one of these inputs."""
    return reference.is_secret or (reference.path[0] == "inputs" and not inputs.isdisjoint(reference.path[1:2]))


def secret_fault(kind: str, place: Place, reference: Reference, inputs: frozenset[str] = frozenset()) -> str | None:
    """Why a secret may not stand at a place of a definition; `inputs` are those that are secret."""
    if not is_secret(reference, inputs) or mark_place(kind, place) is not None:
        return None
    return f"{reference.text}: {SECRET_PLACES}"


def _whole_name(definition: Any, place: Place, name: tuple[Place, Any]) -> tuple[Place, Any] | None:
    """What to keep of a name: all of what is marked with it. None where a part of that is of an automation."""
    if len(place) >= len(name[0]):
        return name
    for key in place:
        definition = definition[key]
    others = any(not one.is_named for _, one in references_in(definition, strict=False))
    return None if others else (place, definition)


def _marked_place(kind: str, place: Place) -> Place:
    found = mark_place(kind, place)
    if found is None:
        raise BadReference(f"{'.'.join(map(str, place))}: {SECRET_PLACES}")
    return found


def resolve(kind: str, definition: Mapping[str, Any], look_up: Callable[[Reference], Any]) -> dict[str, Any]:
    """The definition of `fill`."""
    return fill(kind, definition, look_up).definition


def is_reference(value: Any, *, plain: bool = False) -> bool:
    """Whether the whole value is a reference, as a string or as an object."""
    if isinstance(value, str):
        pattern = NAME if plain else REFERENCE
        return (not plain and value.startswith("$/")) or pattern.fullmatch(value) is not None
    return isinstance(value, Mapping) and _is_object(value) and (not plain or NAME.fullmatch(value["ref"]) is not None)


def is_written(definition: Any, place: Sequence[str | int], *, misspelled: bool, plain: bool = False) -> bool:
    """Whether what is wrong at a place is in what is written: neither it, nor what is around it, nor what it holds is a
    reference. A field that is `misspelled` is wrong whatever its value is, once its source is known.
    """
    value = definition
    for key in place:
        if is_reference(value, plain=plain):
            return False
        with suppress(LookupError, TypeError):
            value = value[key]
    if misspelled and not holds_reference(definition.get("source"), plain=plain):
        return True
    return value is definition or not holds_reference(value, plain=plain)


@dataclass(frozen=True)
class _Styles:
    """How the strings of a definition are filled, by their place."""

    kind: str
    definition: Any
    plain: bool = False
    only: frozenset[Place] | None = None

    def looks_at(self, place: Place) -> bool:
        return self.only is None or any(place[:end] in self.only for end in range(1, len(place) + 1))

    def is_sql(self, place: Place) -> bool:
        return self.kind in SQL_KINDS and (place == ("sql",) or is_check_sql(place) or is_tile_sql(place))

    @property
    def in_text(self) -> re.Pattern[str]:
        return NAME if self.plain else REFERENCE

    def pattern(self, place: Place) -> re.Pattern[str]:
        if self.is_url(place):
            return NAME_IN_URL if self.plain else IN_URL
        return self.in_text

    def is_object(self, value: Mapping[str, Any], place: Place) -> bool:
        return (
            self.looks_at(place) and _is_object(value) and (not self.plain or NAME.fullmatch(value["ref"]) is not None)
        )

    def is_static(self, value: Mapping[str, Any], place: Place) -> bool:
        """In a plain run `static` is a word like any other, except around what would be a name."""
        return self.looks_at(place) and _is_static(value) and (not self.plain or may_name(value["values"]))

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
        if not isinstance(value, Mapping | list) and not self.styles.looks_at(inner):
            return
        if isinstance(value, str):
            for text in self._texts(value, inner):
                for reference in parse(text).references:
                    yield place, reference
        elif isinstance(value, Mapping) and self.styles.is_object(value, inner):
            for reference in parse(value["ref"]).references:
                yield (*place, "ref"), reference
            yield from self.found(value.get("default"), (*place, "default"), (*inner, "default"))
        elif isinstance(value, Mapping) and not self.styles.is_static(value, inner):
            for key, one in value.items():
                yield from self.found(one, (*place, key), (*inner, key))
        elif isinstance(value, list):
            for position, one in enumerate(value):
                yield from self.found(one, (*place, position), (*inner, position))

    def _texts(self, value: str, inner: Place) -> list[str]:
        if self.styles.is_sql(inner):
            return literal_matches(value, self.styles.in_text)
        pattern = self.styles.pattern(inner)
        if self.strict:
            refuse_slip(value, pattern, *([NAMED] if self.styles.plain else []))
        return pattern.findall(value)


@dataclass
class _Filler:
    styles: _Styles
    look_up: Callable[[Reference], Any]
    secret_inputs: frozenset[str] = frozenset()
    left: int = MOST_BYTES
    sizes: dict[str, int] = field(default_factory=dict)
    names: list[tuple[Place, Any]] = field(default_factory=list)
    secret_places: list[Place] = field(default_factory=list)
    secrets: dict[str, None] = field(default_factory=dict)
    _roots: set[str] = field(default_factory=set)

    def filled(self, value: Any, place: Place) -> Any:
        if isinstance(value, str):
            return (
                self._noted(self._text_filled, value, place) if "$" in value and self.styles.looks_at(place) else value
            )
        if isinstance(value, Mapping):
            if self.styles.is_object(value, place):
                return self._noted(self._object_filled, value, place)
            if self.styles.is_static(value, place):
                return value["values"]
            return {key: self.filled(inner, (*place, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner, (*place, position)) for position, inner in enumerate(value)]
        return value

    def _noted(self, fill_one: Callable[[Any, Place], Any], value: Any, place: Place) -> Any:
        """What `fill_one` makes of it; noted is where a name of the organisation stood."""
        around, self._roots = self._roots, set()
        filled = fill_one(value, place)
        if "secrets" in self._roots:
            self.secret_places.append(place)
        if self._roots and self._roots <= set(NAMED):
            self.names.append((place, value))
        self._roots |= around
        return filled

    def _text_filled(self, value: str, place: Place) -> Any:
        if self.styles.is_sql(place):
            return fill_literals(value, self.styles.in_text, self._matched_in_sql)
        pattern = self.styles.pattern(place)
        if pattern.fullmatch(value):
            return self._as_it_is(self._value(value, parse(value)), place)
        if self.styles.is_url(place):
            try:
                return fill_url(value, pattern, self._matched)
            except BadReference:
                if "secrets" not in self._roots:
                    raise
                # the message would show the value
                raise BadReference(f"{value}: the value of the secret cannot stand there in a url") from None
        return pattern.sub(self._matched, value)

    def _object_filled(self, value: Mapping[str, Any], place: Place) -> Any:
        lookup = parse(value["ref"])
        if "default" not in value:
            return self._as_it_is(self._value(value["ref"], lookup), place)
        found = Lookup(lookup.references, None).value(self._look_up)
        self._note_roots(lookup)
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
        value = lookup.value(self._look_up)
        self._note_roots(lookup)
        self._take(text, value)
        return value

    def _note_roots(self, lookup: Lookup) -> None:
        self._roots |= {reference.path[0] for reference in lookup.references}
        if any(is_secret(reference, self.secret_inputs) for reference in lookup.references):
            self._roots.add("secrets")

    def _look_up(self, reference: Reference) -> Any:
        value = self.look_up(reference)
        if is_secret(reference, self.secret_inputs) and isinstance(value, str):
            self.secrets[value] = None
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
