"""Rewrites the OpenAPI document such that generators of clients understand it, without changing its meaning.

`make clients` tests it: several generators make clients, which are compiled and used (tools/clients).
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_STREAM = "text/event-stream"
_KEPT = "KeptSecret"
_KEPT_SCHEMA: Json = {
    "type": "object",
    "title": _KEPT,
    "description": "Stands where a secret is kept, which is never shown again; sent back, it keeps the secret.",
    "properties": {"secret": {"type": "boolean", "enum": [True]}},
    "required": ["secret"],
    "additionalProperties": False,
}


def made_portable(document: Json) -> Json:
    """Change the document in place, and return it."""
    schemas = document["components"]["schemas"]
    schemas[_KEPT] = _KEPT_SCHEMA
    for schema in list(_schemas(document)):
        _without_object_default(schema)
        _with_required_discriminator(schema, schemas)
        _with_named_marker(schema)
        _without_required_alternatives(schema)
        _with_plain_map(schema)
    for path in document["paths"].values():
        for operation in path.values():
            _with_plain_body(operation)
            _with_text_streams(operation)
    return document


def _schemas(node: Any) -> Iterator[Json]:
    """Every object of the document that may be a schema."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key == "properties":  # properties may have any name, also that of a keyword
                yield from (found for field in value.values() for found in _schemas(field))
            elif key not in ("example", "examples"):
                yield from _schemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value)


def _without_object_default(schema: Json) -> None:
    """A default that is an object moves into the description: Go, Java and Python have no literal for it."""
    if isinstance(schema.get("default"), dict):
        del schema["default"]


def _with_required_discriminator(schema: Json, schemas: Json) -> None:
    """The discriminator becomes required in each variant."""
    discriminator = schema.get("discriminator")
    told_by = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if not isinstance(told_by, str):
        return
    for variant in schema.get("oneOf", ()):
        named = schemas[variant["$ref"].rpartition("/")[2]]
        if told_by not in named.setdefault("required", []):
            named["required"].append(told_by)
        named["properties"][told_by].pop("default", None)


def _with_named_marker(schema: Json) -> None:
    """The marker of a kept secret becomes a schema of its own: Java cannot express a map whose only value is true."""
    if schema.get("propertyNames") == {"const": "secret"}:
        schema.clear()
        schema["$ref"] = f"#/components/schemas/{_KEPT}"


def _without_required_alternatives(schema: Json) -> None:
    """ "One of these fields" is left to the description: generators take such a schema for one without fields."""
    variants = schema.get("anyOf")
    if "properties" in schema and isinstance(variants, list) and all(each.keys() == {"required"} for each in variants):
        del schema["anyOf"]
    if schema.get("required") == []:
        del schema["required"]


def _with_plain_map(schema: Json) -> None:
    """The pattern of a map's keys moves to `propertyNames`, which generators ignore."""
    patterns = schema.get("patternProperties")
    if isinstance(patterns, dict) and len(patterns) == 1 and "additionalProperties" not in schema:
        ((pattern, value),) = schema.pop("patternProperties").items()
        schema["additionalProperties"] = value
        schema["propertyNames"] = {**schema.get("propertyNames", {}), "pattern": pattern}


def _with_plain_body(operation: Json) -> None:
    """An optional body is not required, and not null."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        variants = content.get("schema", {}).get("anyOf", [])
        given = [variant for variant in variants if variant.get("type") != "null"]
        if len(given) == 1 and len(variants) == 2:
            content["schema"] = given[0]
            operation["requestBody"]["required"] = False


def _with_text_streams(operation: Json) -> None:
    """A stream is text. Its events are in the description and the example."""
    for response in operation["responses"].values():
        if _STREAM in response.get("content", {}):
            response["content"][_STREAM]["schema"] = {"type": "string"}
