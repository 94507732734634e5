"""What is read and written when others write at the same time, and when a run's answer was lost after its commit."""

from dataclasses import replace
from typing import Any

import pytest


def test_tables_that_changed_until_the_lock_was_given_are_read_as_they_are_then(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"id": 1, "v": "old"}])
    sql = "SELECT id, v, (SELECT count(*) FROM {{ this }} t WHERE t.id = b.id) AS n FROM {{ bronze_orders }} b"
    job = workshop.job(sql, orders)

    def lock(payload: dict[str, Any]) -> dict[str, Any]:
        workshop.perform(replace(job, run_id="faster"))
        workshop.bronze("shop.orders", [{"id": 1, "v": "new"}, {"id": 2, "v": "new"}])
        now = workshop.job(sql, orders).prepared
        return {"write_epoch": 9, "inputs": now["inputs"], "output": now["output"]}

    workshop.perform(job, lock=lock)
    assert workshop.rows() == [(1, "new", 1), (2, "new", 0)]


LOST = {
    "adds to itself": (
        "SELECT id, n FROM {{ this }} UNION ALL SELECT 2, 5",
        {},
        [(1, 10), (2, 5)],
        2,
    ),
    "counts": (
        "SELECT i.id, coalesce(t.n, 0) + 1 AS n FROM (VALUES (1), (2)) i(id) LEFT JOIN {{ this }} t USING (id)",
        {"mode": "incremental_merge", "merge_keys": ["id"]},
        [(1, 11), (2, 1)],
        2,
    ),
    "has its rows twice by now": (
        "SELECT id, n FROM {{ this }} UNION ALL SELECT 2, 5",
        {"mode": "incremental_merge", "merge_keys": ["id"]},
        [(1, 10), (2, 5)],
        2,
    ),
}


@pytest.mark.parametrize("case", LOST)
@pytest.mark.parametrize("later", [False, True])
def test_a_run_that_was_lost_after_its_commit_does_not_write_again(workshop: Any, case: str, later: bool) -> None:
    sql, fields, rows, processed = LOST[case]
    workshop.perform(replace(workshop.job("SELECT 1 AS id, 10 AS n"), run_id="before"))
    lost = workshop.job(sql, **fields)
    workshop.perform(lost)
    if later:  # another run came in between
        more = "SELECT 3 AS id, 7 AS n"
        merged = {"mode": "incremental_merge", "merge_keys": ["id"]}
        workshop.perform(replace(workshop.job(more, **merged), run_id="between"))
        rows = [*rows, (3, 7)]
    version = workshop.table().version()
    result = workshop.perform(replace(workshop.job(sql, **fields), epoch=2))
    assert "transform_repeated" in workshop.link.events
    assert (workshop.rows(), workshop.table().version()) == (rows, version)
    assert workshop.asked("wrote")[0]["row_count"] == len(rows)
    assert result["recordsProcessed"] == (processed if fields or not later else result["recordsProcessed"])
