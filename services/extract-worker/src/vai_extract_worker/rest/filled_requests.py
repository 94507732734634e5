"""Fills in the placeholders of requests. Each value is encoded for its place; placeholders within values are not
replaced.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from vai_common.errors import ErrorCode, Permanent
from vai_records.definitions.sources.placeholders import Placeholder, parted

Known = Callable[[Placeholder], Any]
"""The value of a placeholder, `UNKNOWN` if there is none yet."""

UNKNOWN = object()
_STEPS = ("", ".", "..")


def filled_path(path: str, known: Known) -> str:
    """Fill in a path. A value is one segment of it, whatever characters it has. Raises `Permanent` if it would change
    the path.
    """
    return "".join(part if isinstance(part, str) else _piece(part, known(part)) for part in parted(path))


def filled_params(params: dict[str, Any], known: Known) -> dict[str, Any]:
    """Fill in parameters. One whose value is not known yet is left out."""
    filled = {name: _filled(value, known) for name, value in params.items()}
    return {name: value for name, value in filled.items() if value is not UNKNOWN}


def filled_body(body: Any, known: Known) -> Any:
    """A filled-in copy of a body. If a text is only a placeholder, the value keeps its type."""
    if isinstance(body, dict):
        return {name: filled_body(value, known) for name, value in body.items()}
    if isinstance(body, list):
        return [filled_body(value, known) for value in body]
    filled = _filled(body, known)
    return None if filled is UNKNOWN else filled


def looked_up(row: Any, field: str) -> Any:
    """The value at a dotted path of a row, `UNKNOWN` if it has none."""
    for name in field.split("."):
        if not isinstance(row, dict) or row.get(name) is None:
            return UNKNOWN
        row = row[name]
    return row


def _filled(value: Any, known: Known) -> Any:
    if isinstance(value, list):
        return [one for one in (_filled(one, known) for one in value) if one is not UNKNOWN]
    parts = parted(value) if isinstance(value, str) else []
    if not any(isinstance(part, Placeholder) for part in parts):
        return value
    if len(parts) == 1:
        return known(parts[0])  # type: ignore[arg-type]
    texts = [part if isinstance(part, str) else _text(part, known(part)) for part in parts]
    return UNKNOWN if any(text is None for text in texts) else "".join(map(str, texts))


def _text(part: Placeholder, value: Any) -> str | None:
    if value is UNKNOWN:
        return None
    if isinstance(value, dict | list):
        raise _unfit(part, "is an object or a list: name a field with one value")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _piece(part: Placeholder, value: Any) -> str:
    text = _text(part, value)
    if text is None:
        raise _unfit(part, "has no value")
    if text in _STEPS:
        raise _unfit(part, f"is {text!r}, which would be another path")
    return quote(text, safe="")


def _unfit(part: Placeholder, why: str) -> Permanent:
    return Permanent(ErrorCode.DATA_ERROR, f"The request cannot be made: {part} {why}.", {"field": str(part)})
