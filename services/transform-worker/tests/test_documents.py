"""The SQL of docs/transforms.md runs as it stands there."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "transforms.md").read_text()
EXAMPLES = re.findall(r"```sql\n-- (\w+) ?(\w*)\n(.*?)```", PAGE, re.DOTALL)
ORDERS = [
    {"id": n, "customer_id": n % 2, "amount": 1.5 * n, "quantity": n, "country": "de", "details": '{"gift": true}'}
    | {"updated_at": datetime(2024, 1, n)}  # noqa: DTZ001 as most sources give it
    for n in (1, 2, 3)
]


@pytest.mark.parametrize(("mode", "keys", "sql"), EXAMPLES, ids=[f"example-{n}" for n in range(len(EXAMPLES))])
def test_an_example_runs_twice(workshop: Any, mode: str, keys: str, sql: str) -> None:
    orders = workshop.bronze("shop.orders", ORDERS)
    inputs = [orders] if "{{ bronze_orders }}" in sql else []
    for _ in range(2):
        workshop.run(sql, *inputs, mode=mode, merge_keys=[keys] if keys else [])
    assert workshop.rows("SELECT count(*) > 0 FROM out") == [(True,)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
