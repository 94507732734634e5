"""Removes a query's filters: WHERE, HAVING and QUALIFY choose rows and do not change types."""

import json
from collections.abc import Mapping
from typing import Any

import duckdb

from vai_transform_worker.query import warm

_FILTERS = ("where_clause", "having", "qualify")


def unfiltered(tree: Mapping[str, Any]) -> str | None:
    """The SQL for the query's tree without filters. None if DuckDB cannot write it. It is only bound, never run."""
    try:
        text = json.dumps({"error": False, "statements": [_without_filters(tree)]})
        with warm.parser() as parser:
            row = parser.execute("SELECT json_deserialize_sql(?::JSON)", [text]).fetchone()
    except (duckdb.Error, RecursionError):
        return None
    return row[0] if row else None


def _without_filters(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_filters(each) for each in node]
    if isinstance(node, dict):
        return {key: None if key in _FILTERS else _without_filters(value) for key, value in node.items()}
    return node
