"""What a transform says of its columns: reported by the child, and kept by the worker with the write."""

from typing import Any
from uuid import uuid4

from vai_transform_worker.duckdb_transform import DuckdbTransform

KIND = DuckdbTransform()
WROTE: dict[str, Any] = {"row_count": 7, "rows": 7, "columns": [], "bytes": 9, "version": 0}
WROTE |= {"reads_itself": False, "changes": [], "checks": []}


def test_the_sources_of_columns_are_reported(workshop: Any) -> None:
    orders = workshop.bronze("shop.orders", [{"Id": 1, "total": 5}])
    workshop.inputs["bronze.shop.orders"]["ids"] = [identity := str(uuid4())]
    workshop.run("SELECT id, sum(total) AS s, id AS again FROM {{ bronze_orders }} GROUP BY ALL", orders)
    said = workshop.asked("wrote")[0]["columns_from"]
    assert [tuple(each) for each in said["pairs"]] == [
        ("Id", identity, "Id", "identity"),
        ("s", identity, "total", "aggregation"),
        ("again", identity, "Id", "identity"),
    ]
    assert (said["unknown"], said["reason"]) == ([], None)


def test_a_query_whose_columns_nobody_can_tell_is_written_all_the_same(workshop: Any) -> None:
    workshop.run("SELECT * FROM (PIVOT (SELECT 1 AS a, 2 AS b) ON a IN (1) USING sum(b))")
    said = workshop.asked("wrote")[0]["columns_from"]
    assert (said["pairs"], said["unknown"]) == ([], ["1"])
    assert "PIVOT" in said["reason"]
    assert workshop.rows() == [(2,)]


async def test_what_the_query_says_of_columns_is_kept_with_the_write(bench: Any) -> None:
    await bench.bronze("shop.orders", "a.parquet")
    orders = await bench.id_of("bronze", "shop.orders")
    run = await bench.run()
    await KIND.prepare(run)
    await KIND.answer(run, "lock", {})
    said = {"pairs": [["n", orders, 'N "é"', "identity"]], "unknown": ["odd"], "reason": None}
    await KIND.answer(run, "wrote", WROTE | {"inputs": [orders], "columns_from": said})
    kept = await bench.pool.fetchrow(
        """SELECT c.*, w.inputs AS read FROM dataset_writes w JOIN dataset_columns c USING (dataset_id)
           WHERE c.digest = w.columns_digest AND w.run_id = $1""",
        run.id,
    )
    assert (kept["outputs"], kept["inputs"], kept["hows"]) == (["n"], ['N "é"'], ["identity"])
    assert [str(each) for each in kept["input_ids"]] == [orders] == [str(each) for each in kept["read"]]
    assert (kept["unknown"], kept["holds"]) == (["odd"], True)
