"""What a run of each kind is told to do: one typed schema a kind."""

from functools import cache
from importlib import import_module

from records.definitions.base import Definition
from records.kinds import KINDS


@cache
def definition_model(kind: str) -> type[Definition]:
    """The schema of a kind that this version can run; raises LookupError for any other.

    The module is named like the kind, the class like the module: `http_request.HttpRequest`.
    """
    if kind not in KINDS or not KINDS[kind].available:
        raise LookupError(f"{kind} is not available in this version")
    name = "".join(part.capitalize() for part in kind.split("_"))
    model: type[Definition] = getattr(import_module(f"records.definitions.{kind}"), name)
    return model
