"""What a transform may take: rows, disk and time; and that nothing is left of one that took more."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_transform_worker.query.bounds import Bounds
from vai_worker.children.link import Stop

MANY = "SELECT range AS n, md5(range::VARCHAR) AS t FROM range({rows})"


def bounded(job: Any, **bounds: Any) -> Any:
    return replace(job, prepared=job.prepared | {"bounds": {**Bounds().prepared(), **bounds}})


def files_of(workshop: Any) -> set[str]:
    folder = workshop.folder / workshop.org_id / "silver" / "out"
    return {str(path) for path in folder.rglob("*") if path.is_file() and "_delta_log" not in str(path)}


@pytest.mark.parametrize("fields", [{}, {"mode": "incremental_merge", "merge_keys": ["n"]}])
@pytest.mark.parametrize("exists", [True, False])
def test_more_rows_than_a_transform_may_write_fail_it_and_leave_nothing(
    workshop: Any, fields: dict[str, Any], exists: bool
) -> None:
    if exists:
        workshop.run(MANY.format(rows=3), **fields)
    before = files_of(workshop)
    job = bounded(workshop.job(MANY.format(rows=400_000), **fields), output_mb=2)
    with pytest.raises(Permanent, match=r"more than 2 MB of rows.*VAI_OUTPUT_MB") as caught:
        workshop.perform(job)
    assert caught.value.code == ErrorCode.DATA_ERROR
    assert files_of(workshop) == before
    assert len(before) == (1 if exists else 0)


def test_a_write_that_is_stopped_leaves_no_rows_behind(workshop: Any) -> None:
    workshop.run(MANY.format(rows=3))
    before = files_of(workshop)

    def stop(payload: dict[str, Any]) -> dict[str, Any]:
        raise Stop

    with pytest.raises(Stop):
        workshop.perform(workshop.job(MANY.format(rows=300_000)), permit_commit=stop)
    assert files_of(workshop) == before
    assert workshop.rows("SELECT count(*) FROM out") == [(3,)]


def test_a_query_that_spills_more_than_it_may_is_a_data_error(workshop: Any) -> None:
    wide = "SELECT md5(range::VARCHAR) || md5((range + 1)::VARCHAR) AS t FROM range(500000)"
    sql = f"SELECT max(place) AS n FROM (SELECT row_number() OVER (ORDER BY t) AS place FROM ({wide}))"
    with pytest.raises(Permanent, match=r"more disk than it may use \(1 MB\).*VAI_SPILL_MB") as caught:
        workshop.perform(bounded(workshop.job(sql, memory_mb=64), spill_mb=1))
    assert caught.value.code == ErrorCode.DATA_ERROR


def test_a_transform_without_a_limit_has_the_workers(workshop: Any) -> None:
    endless = "WITH RECURSIVE t(n) AS (SELECT 1::BIGINT UNION ALL SELECT n + 1 FROM t) SELECT max(n) AS n FROM t"
    with pytest.raises(Permanent, match="longer than its time limit") as caught:
        workshop.perform(bounded(workshop.job(endless), seconds=0.5))
    assert caught.value.code == ErrorCode.TIMEOUT


def test_rows_that_weigh_much_are_written_in_little_memory(workshop: Any) -> None:
    """150,000 rows of 20 kB took 2 GB at once; here fewer ones, and what is held is counted."""
    held: list[int] = []

    def look(payload: dict[str, Any]) -> dict[str, Any]:
        held.append(pa.total_allocated_bytes())
        return {}

    sql = "SELECT range AS i, repeat(md5(range::VARCHAR), 640) AS payload FROM range(12000)"
    workshop.perform(workshop.job(sql), permit_commit=look)
    assert max(held) < 200 << 20
    assert workshop.rows("SELECT count(*), sum(length(payload)) FROM out") == [(12_000, 12_000 * 20_480)]
