"""Sample answers for the OpenAPI document, drawn from the schemas; the shapes that people meet most are written out."""

from typing import Any

from vai_api_gateway.reference.automation_samples import AUTOMATION_SAMPLES
from vai_records.runs import runs

Json = dict[str, Any]

_USER_ID = "019a9b4e-0a1b-7c2d-8e3f-405162738495"
_RUN_ID = "019a9b4e-5b1c-7c3e-8a51-2f0d6f3c9e10"
_ACTION_ID = "019a9b4d-77aa-7b11-9c22-d33e44f55a66"
_WHEN = "2026-01-22T14:30:00Z"
_LATER = "2026-01-22T14:32:15Z"

_RUN: Json = runs.EMPTY | {
    "actionId": _ACTION_ID,
    "completedAt": _LATER,
    "createdAt": _WHEN,
    "definition": {"source": "sample", "rows": 1250},
    "displayStatus": "completed",
    "durationSeconds": 135.0,
    "id": _RUN_ID,
    "kind": "dlt_extract",
    "progress": {"schema_version": 2, "overall_percent": 100},
    "result": {"recordsProcessed": 1250, "bytesTransferred": 2100000, "tables": ["orders", "order_line_items"]},
    "startedAt": _WHEN,
    "status": "completed",
    "triggerMethod": "api",
    "triggerSourceId": _USER_ID,
    "triggerSourceType": "user",
    "updatedAt": _LATER,
}
_LATEST_KEYS = ("completedAt", "definition", "id", "progress", "startedAt", "status")

_SHAPES: dict[str, Any] = {
    **AUTOMATION_SAMPLES,
    "RunShape": _RUN,
    "LatestRunShape": {key: _RUN[key] for key in _LATEST_KEYS},
    "LogEntryShape": {
        "attempt": 1,
        "data": {"lease_seconds": 90},
        "event": "lease_acquired",
        "id": f"{_RUN_ID}-1",
        "level": "info",
        "message": "Lease acquired by extract-worker-7d9f",
        "occurredAt": _WHEN,
        "workerId": "extract-worker-7d9f",
    },
    "LogsShape": None,
    "UserShape": {"firstName": "Ada", "id": _USER_ID, "lastName": "Lovelace", "profilePictureUrl": None},
    "ProblemBody": {"detail": [{"loc": ["body", "kind"], "msg": "what is wrong, and what to do", "type": "word"}]},
    "BatchShape": {
        "results": [
            {"status": 201, "run": _RUN},
            {"status": 422, "detail": [{"loc": ["body", "kind"], "msg": "is required", "type": "missing"}]},
        ]
    },
}
_WORDS: Json = {
    "actionId": _ACTION_ID,
    "category": "Data Syncs",
    "config": {"base_url": "https://api.example.com"},
    "createdBy": _USER_ID,
    "definition": {"source": "sample", "rows": 1250},
    "definitionSchema": {"type": "object", "properties": {"source": {"type": "string"}}},
    "description": "Extract data from a source to bronze",
    "email": "ada@example.com",
    "error": None,
    "firstName": "Ada",
    "hasNext": False,
    "key": "vai_kT3…",
    "lastError": None,
    "lastName": "Lovelace",
    "limit": 100,
    "message": "api.example.com answered 200",
    "name": "Nightly orders",
    "nextCursor": None,
    "hasMore": False,
    "offset": 0,
    "prefix": "vai_kT3xQ9ab",
    "profilePictureUrl": None,
    "provider": "shopify",
    "revokedAt": None,
    "service": "extract-worker",
    "slug": "nightly-orders",
    "templateId": None,
    "token": "eyJhbGciOi…",
    "total": 1,
    "types": ["action.completed"],
    "updatedBy": _USER_ID,
}
_FORMATS = {"uuid": _USER_ID, "date-time": _WHEN}
_TYPES: Json = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}


def sample(schema: Json, components: Json, name: str = "") -> Any:
    """A value that the schema allows; `name` is the key under which it stands."""
    if "$ref" in schema:
        shape = schema["$ref"].rsplit("/", 1)[1]
        written = _SHAPES.get(shape)
        return sample(components[shape], components, name) if written is None else written
    if "enum" in schema or "const" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    if name in _WORDS:
        return _WORDS[name]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], components, name)
    return _of_type(schema, components)


def _of_type(schema: Json, components: Json) -> Any:
    if "properties" in schema:
        return {key: sample(inner, components, key) for key, inner in schema["properties"].items()}
    if schema.get("type") == "array":
        return [sample(schema.get("items", {}), components)]
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        names = schema.get("propertyNames", {})
        name = sample(names, components) if "$ref" in names or "enum" in names else _USER_ID
        return {name: sample(inner, components)} if isinstance(inner, dict) else {}
    return _FORMATS.get(schema.get("format", ""), _TYPES.get(schema.get("type", "string")))
