"""What Postgres stores as JSON is read, whatever it is: one odd value takes no other row with it."""

from math import inf
from typing import Any

import pytest

from vai_common import db
from vai_testkit.database import database_url, postgres_server  # noqa: F401

_DEEP = "[" * 3_000 + "]" * 3_000


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1e400}', {"a": inf}),
        ('{"a": -1e400}', {"a": -inf}),
        ('{"a": 123456789012345678901234567890}', {"a": 1.2345678901234568e29}),
        (_DEEP, {"unreadable": "this JSON is nested too deeply, or damaged"}),
    ],
)
async def test_an_odd_value_is_read_beside_others(database_url: str, stored: str, read: Any) -> None:  # noqa: F811
    pool = await db.open_pool(database_url, "migrate", 1)
    try:
        rows = await pool.fetch("SELECT $1::text::jsonb AS odd UNION ALL SELECT '{\"b\": 2}'::jsonb", stored)
    finally:
        await pool.close()
    assert {"b": 2} in [row["odd"] for row in rows]
    assert [row["odd"] for row in rows if row["odd"] != {"b": 2}] == [read]
