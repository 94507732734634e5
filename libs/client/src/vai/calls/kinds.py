"""The calls about kinds of work, sources, language models and templates of actions."""

from collections.abc import Callable
from typing import Any, TypeVar

from vai.call import Call, get_call, segment
from vai.errors import UnexpectedAnswer
from vai.models.answers import Answer
from vai.models.languages import Models
from vai.models.people import Kind, Source, Template

A = TypeVar("A", bound=Answer)


def listing() -> Call[list[Kind]]:
    """All kinds of work, with the JSON Schema of the definition where this version runs it."""
    return get_call("/kinds", _all(Kind, "kinds"))


def sources() -> Call[list[Source]]:
    """The sources of extractions, with the tables that each has by itself."""
    return get_call("/sources", _all(Source, "sources"))


def source(name: str) -> Call[Source]:
    """One source, with the JSON Schemas of its definition and of its connection's config and credentials."""
    return get_call(f"/sources/{segment(name)}", Source.read)


def models() -> Call[Models]:
    """The language models that the organisation's connections lead to, their prices, and what the day has used."""
    return get_call("/models", Models.read)


def templates() -> Call[list[Template]]:
    """The templates of actions."""
    return get_call("/templates", _all(Template, "templates"))


def _all(item: type[A], key: str) -> Callable[[Any], list[A]]:
    def read(data: Any) -> list[A]:
        try:
            return [item.read(each) for each in data[key]]
        except (KeyError, TypeError) as error:
            raise UnexpectedAnswer(f"this is not a list of {key}: {error!r}") from error

    return read
