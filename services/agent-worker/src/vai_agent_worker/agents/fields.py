"""What a model is told of the fields that it may set, kind by kind (`vai_records.agents.tools.SETTABLE`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_OBJECT: Json = {"type": "object"}
_TRUTH: Json = {"type": "boolean"}

FIELDS: Final[Mapping[str, Mapping[str, Json]]] = {
    "http_request": {
        "method": {"enum": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]},
        "url": _TEXT | {"description": "An absolute address within the allowed domains, or /path of the connection."},
        "query": _OBJECT | {"description": "Parameters of the address."},
        "body": {"description": "Any JSON value."},
        "body_text": _TEXT,
        "form": _OBJECT,
    },
    "dlt_extract": {"resources": _TEXTS | {"description": "Names of the tables that are extracted."}},
    "agent_search": {
        "query": _TEXT | {"description": "What is searched for, at most 400 characters."},
        "include_domains": _TEXTS | {"description": "Only results of these; each within the allowed domains."},
        "topic": {"enum": ["general", "news", "finance"]},
        "days": {"type": "integer", "minimum": 1, "description": "Only what is so many days old at most."},
        "max_results": {"type": "integer", "minimum": 1, "maximum": 20},
        "search_depth": {"enum": ["basic", "advanced", "fast", "ultra-fast"]},
        "include_raw_content": _TRUTH | {"description": "Whether each result has the text of its page."},
    },
    "agent_fetch_page": {
        "url": _TEXT | {"description": "The page's address, within the allowed domains."},
        "max_characters": {"type": "integer", "minimum": 100},
        "include_links": _TRUTH,
        "include_images": _TRUTH,
    },
    "generate_query": {
        "sql": _TEXT
        | {"description": "One SELECT of DuckDB over tables by their full names: SELECT count(*) FROM silver.orders."},
        "question": _TEXT | {"description": "In words, instead of sql."},
        "max_rows": {"type": "integer", "minimum": 1, "maximum": 1000},
        "datasets": _TEXTS | {"description": "Which tables it reads."},
    },
    "explain_schema": {
        "datasets": _TEXTS | {"description": "Which tables: their columns, types, samples, keys and joins are shown."},
        "samples": {"type": "integer", "minimum": 0, "maximum": 20},
    },
    "call_automation": {"inputs": _OBJECT},
    "call_agent": {
        "question": _TEXT | {"description": "What the other agent is to do or to answer."},
        "inputs": _OBJECT | {"description": "Values that belong to the question."},
    },
}

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "http_request": ("url",),
    "agent_search": ("query",),
    "agent_fetch_page": ("url",),
    "explain_schema": ("datasets",),
    "call_agent": ("question",),
}


def schema_of(kind: str, may_set: Sequence[str], has: Sequence[str] = ()) -> Json:
    """The JSON Schema of a tool's arguments; what it `has` already need not be given."""
    known = FIELDS.get(kind, {})
    needed = [name for name in _NEEDED.get(kind, ()) if name in may_set and name not in has]
    properties = {name: known[name] for name in may_set if name in known}
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
