"""Tests for strict models, made from their own JSON schemas: values are never cast, and everything has a bound."""

import importlib
import math
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from vai_records.strict import Strict

Json = dict[str, Any]

WRONG: tuple[Any, ...] = (
    *("30", "true", "", "1_000", "NaN", 30, 1, 0, -1, 1.5, True, False, None),
    *([], ["x"], [1], {}, {"a": 1}, math.nan, math.inf, -math.inf, 1e308),
)
"""One of everything that somebody may send for something else."""

_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_ALL = {*_NAMES.values(), "null"}
_FORMATS = ("uuid", "date", "date-time")


def models(package: str, base: type[BaseModel] = Strict) -> list[type[BaseModel]]:
    """Every model of a package, each once, by name; generic ones by their kinds.

    All modules are imported first: what other tests have imported must not count, else each process finds others.
    """
    _import_all(package)
    seen: set[type[BaseModel]] = set()
    rest = [base]
    while rest:
        for model in rest.pop().__subclasses__():
            if model not in seen:
                seen.add(model)
                rest.append(model)
    here = (model for model in seen if model.__module__.startswith(f"{package}."))
    known = (model for model in here if not getattr(model, "__pydantic_generic_metadata__", {}).get("parameters"))
    return sorted(known, key=lambda model: (model.__qualname__, model.__module__))


def _import_all(package: str) -> None:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if ".migrations." not in module.name and not module.name.endswith(".__main__"):
            importlib.import_module(module.name)


def cast_fields(model: type[BaseModel]) -> list[str]:
    """`field: value` for each wrong value that a field takes although its schema does not name that type."""
    schema = model.model_json_schema()
    taken = []
    for name, field in schema.get("properties", {}).items():
        accepted = _types(field, schema)
        wrong = [value for value in WRONG if _type(value) not in accepted]
        taken += [f"{name}: {value!r}" for value in wrong if not _is_refused(model, name, value)]
    return taken


def unbounded_fields(model: type[BaseModel]) -> list[str]:
    """The fields whose schema gives a number, a string, a list or an object no greatest size."""
    schema = model.model_json_schema()
    return [name for name, field in schema.get("properties", {}).items() if not _is_bounded(field)]


@cache
def values_of(model: type[BaseModel]) -> st.SearchStrategy[Json]:
    """JSON objects after the model's schema; what it says besides in code, some of them do not fulfil."""
    schema = model.model_json_schema()
    return _values(schema, schema.get("$defs", {}), 3)


def _is_refused(model: type[BaseModel], name: str, value: Any) -> bool:
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        places = [fault["loc"] for fault in error.errors(include_url=False) if fault["type"] != "missing"]
        return any(not place or name in place for place in places)
    return False


def _type(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    return "null" if value is None else _NAMES[type(value)]


def _types(field: Json, schema: Json) -> set[str]:
    if "$ref" in field:
        return _types(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    for union in ("anyOf", "oneOf"):
        if union in field:
            return {name for one in field[union] for name in _types(one, schema)}
    if "type" not in field and "enum" not in field and "const" not in field:
        return _ALL | {"not finite"}
    found = {field["type"]} if "type" in field else {_type(one) for one in field.get("enum", [field.get("const")])}
    return found | {"integer"} if "number" in found else found


def _is_bounded(field: Json) -> bool:
    inner = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if inner or "$ref" in field or "enum" in field or "const" in field:
        return all(map(_is_bounded, inner))
    match field.get("type"):
        case "string":
            return "maxLength" in field or field.get("format") in _FORMATS or "}$" in field.get("pattern", "")
        case "integer":
            return bool({"minimum", "exclusiveMinimum"} & field.keys() and "maximum" in field)
        case "array":
            return "maxItems" in field and _is_bounded(field.get("items", {}))
        case "object":
            values: Any = field.get("additionalProperties")
            free = not isinstance(values, Mapping) or not values or values == {"$ref": "#/$defs/JsonValue"}
            return free or ("maxProperties" in field and _is_bounded(dict(values)))
    return True


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _values(field: Json, defs: Json, depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in field:
        return _values(defs[field["$ref"].rpartition("/")[2]], defs, depth)
    for union in ("anyOf", "oneOf"):
        if union in field:
            return st.one_of([_values(one, defs, depth) for one in field[union]])
    if "enum" in field or "const" in field:
        return st.sampled_from(field.get("enum", [field.get("const")]))
    match field.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(field.get("minimum", -(2**63)), field.get("maximum", 2**63 - 1))
        case "number":
            least = float(field.get("minimum") or field.get("exclusiveMinimum") or 0)
            return st.floats(least, field.get("maximum", 1e9), exclude_min="exclusiveMinimum" in field) | st.integers(
                math.floor(least) + 1, int(field.get("maximum", 10**9))
            )
        case "string":
            return _texts(field)
        case "array":
            most = min(2 if depth else field.get("minItems", 0), field.get("maxItems", 2))
            return st.lists(
                _values(field.get("items", {}), defs, depth - 1), min_size=field.get("minItems", 0), max_size=most
            )
        case "object":
            return _objects(field, defs, depth)
    return _ANY


def _texts(field: Json) -> st.SearchStrategy[str]:
    match field.get("format"):
        case "uuid":
            return st.uuids().map(str)
        case "date":
            return st.dates().map(str)
        case "date-time":
            return st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
    if "pattern" in field:
        return st.from_regex(str(field["pattern"]), fullmatch=True).filter(
            lambda text: len(text) <= field.get("maxLength", 64)
        )
    usual = st.sampled_from(("https://a.example/x", "a", "bronze.shop.orders", "SELECT 1", "200-204"))
    words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=min(field.get("maxLength", 20), 20))
    return (usual | words).filter(lambda text: field.get("minLength", 0) <= len(text) <= field.get("maxLength", 64))


def _objects(field: Json, defs: Json, depth: int) -> st.SearchStrategy[Any]:
    if "properties" not in field:
        inner = field.get("additionalProperties")
        values = _values(dict(inner), defs, depth - 1) if isinstance(inner, Mapping) else _ANY
        return st.dictionaries(st.from_regex(r"[a-z-]{1,8}", fullmatch=True), values, max_size=2)
    needed: dict[Any, st.SearchStrategy[Any]] = {}
    rest: dict[Any, st.SearchStrategy[Any]] = {}
    for name, one in field["properties"].items():
        (needed if name in field.get("required", ()) else rest)[name] = _values(one, defs, depth - 1)
    return st.fixed_dictionaries(needed, optional=rest if depth > 0 else {})
