"""Which Vega-Lite a chart may be: a picture of the rows of its tile, and nothing else.

Nothing in it is run as a program and nothing is loaded: no expressions, signals, data, addresses or images. What an
expression would do to the rows is done in the tile's SQL.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

LARGEST: Final = 100_000
"""Characters of a specification as JSON."""

DEEPEST: Final = 30

_OUTSIDE = frozenset(("url", "href", "src", "image", "lookup", "loader", "usermeta", "baseURL"))
_RUN = frozenset(
    ("expr", "signal", "signals", "calculate", "labelExpr", "formatType", "params", "bind", "on", "update", "selection")
)
_DATA = frozenset(("data", "datasets", "sequence", "graticule", "sphere"))
_MARKS = frozenset(
    ("arc", "area", "bar", "boxplot", "circle", "errorband", "errorbar", "line", "point", "rect", "rule", "square")
) | {"text", "tick", "trail"}
_TRANSFORMS = frozenset(
    ("aggregate", "bin", "density", "flatten", "fold", "impute", "joinaggregate", "loess", "pivot", "quantile")
) | {"regression", "stack", "timeUnit", "window"}
_PREDICATE = frozenset(("field", "timeUnit", "equal", "lt", "lte", "gt", "gte", "range", "oneOf", "valid"))
_VIEWS = ("mark", "layer", "hconcat", "vconcat", "concat", "facet", "repeat", "spec")


def fault_of(spec: Mapping[str, Any]) -> str | None:
    """Why a chart may not be drawn by this specification, with the place; None if it may."""
    if len(json.dumps(spec, ensure_ascii=False)) > LARGEST:
        return f"the specification is larger than {LARGEST:,} characters: leave its data out, the rows come from sql"
    if not any(name in spec for name in _VIEWS):
        return "the specification draws nothing: give it a mark and an encoding"
    return next(_faults(spec), None)


def _faults(spec: Mapping[str, Any]) -> Iterator[str]:
    todo: list[tuple[str, Any, int]] = [("", spec, 0)]
    while todo:
        place, value, depth = todo.pop()
        if depth > DEEPEST:
            yield f"{place[:200]}: nested deeper than {DEEPEST} levels"
            return
        if isinstance(value, Mapping):
            for key, inner in value.items():
                here = f"{place}.{key}" if place else str(key)
                if (fault := _fault(str(key), inner)) is not None:
                    yield f"{here[:200]}: {fault}"
                todo.append((here, inner, depth + 1))
        elif isinstance(value, list):
            todo += [(f"{place}[{position}]", inner, depth + 1) for position, inner in enumerate(value)]
        elif isinstance(value, str) and "url(" in value.replace(" ", "").lower():
            yield f"{place[:200]}: a chart loads nothing from an address"


def _fault(key: str, value: Any) -> str | None:
    if key in _OUTSIDE:
        return "a chart loads nothing from an address, and has no images and no links"
    if key in _RUN:
        return "a chart runs no expressions: compute it in the tile's SQL"
    if key in _DATA:
        return "a chart's data are the rows of the tile's SQL: leave this out"
    if key == "mark":
        kind = value.get("type") if isinstance(value, Mapping) else value
        return None if kind in _MARKS else f"the mark {str(kind)[:50]!r} is not drawn; use one of {_listed(_MARKS)}"
    if key in ("test", "filter"):
        is_plain = isinstance(value, Mapping) and set(value) <= _PREDICATE
        return None if is_plain else f"write it as an object of {_listed(_PREDICATE)}: expressions are not run"
    if key == "transform":
        return _transform_fault(value)
    return None


def _transform_fault(value: Any) -> str | None:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, Mapping) or not set(each) & (_TRANSFORMS | {"filter"}):
            return f"a transform is one of {_listed(_TRANSFORMS)}; all else is done in the tile's SQL"
    return None


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
