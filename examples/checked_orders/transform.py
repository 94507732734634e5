"""Orders with checks: what breaks one of severity `error` never becomes visible."""

from typing import Any

TABLE = "checked_orders"
SOURCE = "checked"
INPUTS = [{"bronze_dataset": f"bronze.{SOURCE}.orders"}]

CHECKS: list[dict[str, Any]] = [
    {"type": "row_count", "min": 1},
    {"type": "not_null", "columns": ["id", "amount"]},
    {"type": "unique", "columns": ["id"]},
    {
        "type": "accepted_values",
        "column": "category",
        "values": ["books", "garden", "music", "toys"],
        "severity": "warn",
    },
    {"type": "sql", "name": "no_free_order", "sql": "SELECT id, amount FROM {{ rows }} WHERE amount <= 0"},
    {
        "type": "sql",
        "name": "no_order_is_lost",
        "sql": "SELECT b.id FROM {{ bronze_orders }} b ANTI JOIN {{ rows }} r ON b.id = r.id",
    },
]

BAD = """
SELECT id, category, CASE WHEN id % 250 = 0 THEN 0 ELSE amount END AS amount
FROM {{ bronze_orders }} WHERE id <> 7
"""
"""As if a rebate was applied twice, and a filter took an order out."""

GOOD = "SELECT id, category, amount FROM {{ bronze_orders }}"


def definition(sql: str, **fields: Any) -> dict[str, Any]:
    return {"transform_name": TABLE, "sql": sql, "inputs": INPUTS, "checks": CHECKS, **fields}
