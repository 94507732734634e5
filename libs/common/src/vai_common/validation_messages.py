"""Turns pydantic's error messages into plain words for users who do not know pydantic."""

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_MOST_NAMES = 20
"""How many known names a message lists."""

_UNKNOWN: Final = "Extra inputs are not permitted"

# Tried in this order. Our own messages match none of them.
_WORDS: Final = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"^(?:Value error|Assertion failed), ", ""),
        (r"^Field required", "is required"),
        (rf"^{_UNKNOWN}", "there is no such field"),
        (r"^(?:Input|Value) should be a valid string$", "must be a string"),
        (r"^Input should be a valid (?:dictionary|mapping|object).*", "must be an object"),
        (r"^Input should be a valid (?:list|array|tuple|set)$", "must be a list"),
        (r"^Input should be a valid boolean.*", "must be true or false"),
        (r"^Input should be a valid integer.*", "must be a whole number"),
        (r"^Input should be (?:a valid|a finite) number.*", "must be a number"),
        (r"^Input should be (?:a valid UUID.*|an instance of UUID)$", "must be an id (a UUID)"),
        (r"^UUID input should be .*", "must be an id (a UUID)"),
        (r"^Input should (?:be a valid date|have timezone info).*", "must be a time, as 2026-11-22T00:00:00Z"),
        (r"^Input should be an instance of .*", "must be an object"),
        (r"^Input should be greater than or equal to (.*)$", r"must be at least \1"),
        (r"^Input should be less than or equal to (.*)$", r"must be at most \1"),
        (r"^Input should be greater than (.*)$", r"must be more than \1"),
        (r"^Input should be ", "must be "),
        (r"^Input tag '(.*)' found using .* does not match any of the expected tags: (.*)$", r"'\1' is none of \2"),
        (r"^Unable to extract tag using discriminator '?([^']*)'?$", r"\1 is required: it says what this is"),
        (r"^[A-Z]\w* should have (at least|at most) (\d+) (\w+).*$", r"must have \1 \2 \3"),
        (r"^String should match pattern '\\S'$", "must not be blank"),
        (r"^String should match pattern '\^\[\\t\\x20-\\x7e\]\*\$'$", "must be one line of ASCII characters"),
        (r"^String should match pattern (.*)$", r"must match \1"),
    )
)  # fmt: skip


def in_words(message: str) -> str:
    """A message of pydantic in plain words; any other message unchanged."""
    for pattern, plain in _WORDS:
        message, found = pattern.subn(plain, message, count=1)
        if found:
            break
    return message


def told(message: str, place: Sequence[str | int], model: Any) -> str:
    """The same. For an unknown field it also lists the known ones, found in `model` at `place`."""
    if message != _UNKNOWN or not place:
        return in_words(message)
    known = names_at(model, place[:-1])
    if str(place[-1]) in known:
        return "there is no such field for this type; leave it out, or choose another type"
    return f"there is no such field; {nearest(str(place[-1]), known)}" if known else in_words(message)


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean max_running? There are …`."""
    names = sorted(known)
    plain = {one.lower().replace("_", ""): one for one in names}
    word = name[:100].lower().replace("_", "").removesuffix("[]")
    near = get_close_matches(word, plain, 1, 0.6) or [one for one in plain if word and (one in word or word in one)][:1]
    listed = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    return f"did you mean {plain[near[0]]}? There are {listed}" if near else f"there are {listed}"


def names_at(model: Any, place: Sequence[str | int]) -> frozenset[str]:
    """The fields that an object at this place may have, of all its possible types; empty if any field is allowed."""
    here = _leaves(model)
    for part in place:
        # A part that leads nowhere is a union's member, which pydantic puts into the place: by its name, or by its tag.
        inner = [leaf for one in here for inner in _within(one, part) for leaf in _leaves(inner)]
        here = inner or [one for one in here if _is_called(one, part)] or here
    models = [one for one in here if _is_model(one)]
    return frozenset(field.alias or name for one in models for name, field in one.model_fields.items())


def _leaves(annotation: Any) -> list[Any]:
    """The types of a union; an annotation without what is annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [leaf for one in get_args(annotation) for leaf in _leaves(one)]
    return [annotation]


def _within(annotation: Any, part: str | int) -> list[Any]:
    if _is_model(annotation):
        return [field.annotation for name, field in annotation.model_fields.items() if part in (name, field.alias)]
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(part, int) and isinstance(origin, type) and issubclass(origin, Sequence):
        return list(inner[:1])
    if isinstance(part, str) and isinstance(origin, type) and issubclass(origin, Mapping):
        return list(inner[1:])
    return []


def _is_called(annotation: Any, part: str | int) -> bool:
    """Whether it is the member of a union that pydantic calls so: by the name of the class, or by a word of its tag."""
    if not _is_model(annotation):
        return False
    fields = [field.annotation for field in annotation.model_fields.values()]
    tags = [get_args(one) for one in fields if get_origin(one) is Literal]
    return part == annotation.__name__ or any(part in words for words in tags)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
