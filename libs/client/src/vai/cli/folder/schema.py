"""The JSON Schema of the files, for editors: drawn from the platform's description of its own bodies."""

from typing import Any

from vai.call import Call
from vai.client import Client
from vai.models.answers import Json

from .sorts import SORTS

_BODIES = {
    "variable": "variables",
    "secret": "secrets",
    "connection": "connections",
    "action": "actions",
    "automation": "automations",
    "agent": "agents",
}


def schema_of_files(client: Client) -> Json:
    """One document of a file: which fields each type has, and what they may hold."""
    description = client.send(Call("GET", "/openapi.json", dict, repeatable=True))
    shapes = description["components"]["schemas"]
    types = [_document(name, sort.fields, _body(description, shapes, _BODIES[name])) for name, sort in SORTS.items()]
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "VAI: a file of `vai apply`"}
    return document | {"oneOf": types, "$defs": _moved(shapes)}


def _body(description: Json, shapes: Json, noun: str) -> Json:
    paths = description["paths"]
    named = paths.get(f"/api/v1/{noun}/{{name}}", {}).get("put")
    content = (named or paths[f"/api/v1/{noun}"]["post"])["requestBody"]["content"]
    found: Json = shapes[content["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    return found


def _document(name: str, fields: tuple[str, ...], body: Json) -> Json:
    known = body["properties"]
    own: Json = {
        "connection": {"type": ["string", "null"], "description": "The slug of a connection."},
        "credentials": {"type": ["object", "null"], "description": "Their secrets come from the environment."},
        "status": {"enum": ["active", "disabled"]},
    }
    properties = {field: own.get(field) or _moved(known.get(field, {})) for field in fields}
    for field in ("config", "definition"):
        if field in properties:  # a secret may stand anywhere in them
            properties[field] = {"anyOf": [properties[field], {"type": "object"}]}
    slug = "^[A-Za-z_][A-Za-z0-9_-]*$" if name in ("variable", "secret") else "^[a-z0-9]+(-[a-z0-9]+)*$"
    if name == "secret":
        properties["value"] = {"type": "object", "description": "{from_env: NAME}, or {secret: true}: as it is."}
    first = {"type": {"const": name}, "slug": {"type": "string", "pattern": slug}}
    needed = ["type", "slug", *(field for field in body.get("required", ()) if field in properties and field != "name")]
    return {
        "title": name,
        "type": "object",
        "properties": first | properties,
        "required": needed,
        "additionalProperties": False,
    }


def _moved(part: Any) -> Any:
    """The same with its references into `$defs`."""
    if isinstance(part, list):
        return [_moved(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: f"#/$defs/{value.rpartition('/')[2]}" if name == "$ref" else _moved(value) for name, value in part.items()
    }
