"""What a run of each kind is told to do: one typed schema a kind."""

from functools import cache
from importlib import import_module
from typing import Any, Union

from pydantic import TypeAdapter

from vai_records.definitions.base import Definition
from vai_records.definitions.kinds import KINDS


@cache
def definition_model(kind: str) -> type[Definition]:
    """The schema of a kind that this version can run; raises LookupError for any other.

    The module is named like the kind, the class like the module: `http_request.HttpRequest`.
    """
    if kind not in KINDS or not KINDS[kind].available:
        raise LookupError(f"{kind} is not available in this version")
    name = "".join(part.capitalize() for part in kind.split("_"))
    model: type[Definition] = getattr(import_module(f"vai_records.definitions.{kind}"), name)
    return model


def definition_schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a kind's definition; raises LookupError as `definition_model` does.

    Where the definition names a source, it is one of the schemas of the sources.
    """
    model = definition_model(kind)
    whole: Any = Union[tuple(_models_of_sources())] if kind == "dlt_extract" else model  # noqa: UP007
    return {"title": model.__name__, **TypeAdapter(whole).json_schema()}


def _models_of_sources() -> list[type[Definition]]:
    from vai_records.definitions.source_types import source_types

    return [source.model for source in source_types().values()]
