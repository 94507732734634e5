"""The API's document as types in TypeScript need it: shapes and operations, without examples."""

import json
from types import SimpleNamespace
from typing import Any

from vai_api_gateway.app import create_app
from vai_common.health import Health

_TEXTS = {
    "example",
    "examples",
    "title",
    "default",
    "pattern",
    "format",
    "x-role",
    "x-codeSamples",
}
_OF_NAMES = {"properties", "schemas", "paths", "responses", "parameters"}


def whole_document() -> dict[str, Any]:
    """The OpenAPI document of this version."""
    settings = SimpleNamespace(root_path="", public_url="", console="", guide="")
    return create_app(SimpleNamespace(settings=settings), Health()).openapi()  # type: ignore[arg-type]


def document() -> dict[str, Any]:
    """The same with its good answers only: all problems have one shape.

    An operation's own description has an example by curl, which is none for a program.
    """
    whole = whole_document()
    for operations in whole["paths"].values():
        for operation in operations.values():
            operation.pop("description", None)
            operation["responses"] = {code: each for code, each in operation["responses"].items() if code < "300"}
    shorter: dict[str, Any] = _without_texts(json.loads(json.dumps(whole)))
    return shorter


def _without_texts(part: Any, named: bool = False) -> Any:
    """`named`: the keys are names that somebody chose, so that a field may be called `title`."""
    if isinstance(part, dict):
        kept = {key: value for key, value in part.items() if named or key not in _TEXTS}
        return {key: _without_texts(value, not named and key in _OF_NAMES) for key, value in kept.items()}
    if isinstance(part, list):
        return [_without_texts(each) for each in part]
    return part
