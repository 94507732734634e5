"""The automation, as document 002 writes it.

extract ─▶ enough ─true─▶ approve ─approved─▶ clean ─▶ tell
                                  └rejected─▶ tell_no        (also when nobody answers for an hour)
"""

from typing import Any

Json = dict[str, Any]

SLUG = "orders-every-morning"
TABLE = "orders_by_category"

_CLEAN = """
SELECT category, count(*) AS orders, round(sum(amount), 2) AS amount
FROM {{ bronze_orders }} GROUP BY category ORDER BY amount DESC
"""


def automation(webhook: str) -> Json:
    """Every morning at six in New York; `webhook` is told how it ended."""
    return {
        "name": "Orders every morning",
        "slug": SLUG,
        "description": "Extracts the orders, asks somebody, and makes the table for the day.",
        "trigger": {"type": "schedule", "schedule": "0 6 * * *", "timezone": "America/New_York", "overlap": "skip"},
        "inputs": {"rows": {"type": "integer", "default": 1_000, "description": "How many orders are made up."}},
        "steps": [
            _step("extract", "dlt_extract", _extraction()),
            _step("enough", "conditional_branch", {"conditions": [_more_than_none()]}, "extract"),
            _step("approve", "approval_gate", _question(), {"step": "enough", "port": "true"}),
            _step("clean", "duckdb_transform", _table(), {"step": "approve", "port": "approved"}),
            _step("tell", "http_request", _told(webhook), "clean"),
            _step("tell_no", "http_request", _told_no(webhook), {"step": "approve", "port": "rejected"}),
        ],
    }


def _step(key: str, kind: str, definition: Json, *after: Any) -> Json:
    return {"key": key, "action": {"kind": kind, "definition": definition}, "depends_on": list(after)}


def _extraction() -> Json:
    return {"source": "sample", "source_name": "morning", "resources": ["orders"], "rows": "$/inputs/rows"}


def _more_than_none() -> Json:
    return {"field": "steps.extract.result.recordsProcessed", "operator": "gt", "value": 0}


def _question() -> Json:
    return {
        "title": "May today's orders go on?",
        "message": "$/steps/extract/result/recordsProcessed orders have been extracted.",
        "approval_timeout_seconds": 3_600,
    }


def _table() -> Json:
    inputs = [{"bronze_dataset": "bronze.morning.orders"}]
    return {"transform_name": TABLE, "output_layer": "silver", "mode": "full_refresh", "inputs": inputs, "sql": _CLEAN}


def _told(webhook: str) -> Json:
    body = {
        "text": "the orders are there",
        "orders": "$/steps/extract/result/recordsProcessed",
        "categories": "$/steps/clean/result/recordsProcessed",
    }
    return {"method": "POST", "url": f"{webhook}/orders", "body": body, "idempotent": True}


def _told_no(webhook: str) -> Json:
    body = {"text": "somebody said no, or nobody said anything for an hour"}
    return {"method": "POST", "url": f"{webhook}/orders", "body": body, "idempotent": True}
