"""The source `sample`, and with it the loop over resources and slices."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.loading import loading
from vai_worker.children.link import Stop


def test_the_same_seed_gives_the_same_rows(bench: Any) -> None:
    bench.extract("sample", resources=["a", {"name": "b", "seed": 7}, {"name": "c", "slices": 3}], rows=100)
    a, b, c = (bench.table(name).drop_columns(["_extracted_at"]) for name in "abc")
    assert a.equals(c.combine_chunks())
    assert a["id"].equals(b["id"])
    assert not a["name"].equals(b["name"])


def test_without_resources_the_smallest_comes_first(bench: Any) -> None:
    result = bench.extract("sample")
    assert result["per_resource_rows"] == {"sample_xs": 10, "sample_s": 1000, "sample_m": 10_000}
    assert list(result["per_resource_rows"]) == bench.link.progresses[0]["resources_order"]
    bench.next_run()
    assert bench.extract("sample", rows=5)["per_resource_rows"] == {"sample": 5}


def test_resources_keep_the_order_in_which_they_were_named(bench: Any) -> None:
    resources = [{"name": "large", "rows": 100}, {"name": "small", "rows": 1}]
    bench.extract("sample", resources=resources)
    assert bench.link.progresses[0]["resources_order"] == ["large", "small"]


def test_files_are_named_by_slice_and_epoch_and_say_whose_they_are(bench: Any) -> None:
    bench.epoch = 4
    bench.extract("sample", resources=["a"], rows=10, slices=2)
    prefix = f"{bench.commits[0]['files'][0]['path'].split('/')[0]}/bronze/sample/a/connection=none"
    assert [file["path"] for commit in bench.commits for file in commit["files"]] == [
        f"{prefix}/run={bench.run_id}/slice=000001/e4-0.parquet",
        f"{prefix}/run={bench.run_id}/slice=000002/e4-0.parquet",
    ]
    assert [file.stat().st_size for file in sorted(bench.folder.rglob("*.parquet"))] == [
        file["bytes"] for commit in bench.commits for file in commit["files"]
    ]
    assert not [file for file in bench.folder.rglob("*") if file.is_file() and file.suffix != ".parquet"]


def test_the_log_tells_what_document_004_shows(bench: Any) -> None:
    bench.extract("sample", source_name="klaviyo", resources=["profiles", {"name": "events", "slices": 2}], rows=1500)
    assert [message for _, message, *_ in bench.link.logs] == [
        "Starting extraction from klaviyo",
        "Extracting profiles (1/2)",
        "Extracting events (2/2), sliced",
        "Slice 1/2 for events",
        "Slice 2/2 for events",
        "Extraction from klaviyo completed: 3,000 rows, 2 resources",
    ]
    assert [entry["message"] for commit in bench.commits for entry in commit["logs"]] == [
        "Completed profiles: 1,500 rows, 1 file",
        "Slice 1/2: 750 rows",
        "Slice 2/2: 750 rows",
        "Completed events: 1,500 rows, 2 files",
    ]
    assert bench.link.logs[1][2] == {"resource": "profiles", "completed_count": 0, "total_count": 2}
    completed = bench.commits[0]["logs"][0]["data"]
    assert completed | {"duration_seconds": 0} == {
        "resource": "profiles",
        "rows": 1500,
        "files": 1,
        "duration_seconds": 0,
    }


def test_progress_counts_slices_of_the_resource_at_work(bench: Any) -> None:
    bench.extract("sample", resources=["a", {"name": "b", "slices": 3}], rows=30)
    cursor = bench.commits[2]["progress"]["resource_cursors"]["b"]
    assert (cursor.pop("estimated_seconds_left") >= 0, cursor.pop("bytes") > 0) == (True, True)
    assert bench.commits[2]["progress"] == {
        "schema_version": 2,
        "resources_order": ["a", "b"],
        "completed_resources": ["a"],
        "failed_resources": [],
        "in_progress_resource": "b",
        "resource_cursors": {"b": {"slices_completed": 2, "slices_total": 3, "rows": 20}},
    }
    assert bench.commits[3]["progress"]["in_progress_resource"] is None
    assert bench.commits[3]["progress"]["completed_resources"] == ["a", "b"]


def test_the_slices_of_an_attempt_tell_about_how_long_the_others_take(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit takes ten seconds here; nothing is told of the first slice of an attempt before it is over."""
    monkeypatch.setattr(loading, "steady_seconds", lambda: 10.0 * len(bench.commits))

    def left() -> list[int | None]:
        told = [commit["progress"]["resource_cursors"].get("a", {}) for commit in bench.commits]
        return [cursor.get("estimated_seconds_left") for cursor in told]

    bench.extract("sample", resources=[{"name": "a", "slices": 4}], rows=40)
    assert left() == [0, 10, 7, None]
    first = bench.link.progresses[0]["resource_cursors"]["a"]
    assert (first["rows"], "estimated_seconds_left" in first) == (0, False)


def test_another_worker_goes_on_after_the_last_committed_slice(bench: Any) -> None:
    resources = [{"name": "a", "rows": 10, "slices": 5, "fail": {"after_slices": 2, "retryable": True, "attempts": 1}}]
    with pytest.raises(Retryable):
        bench.extract("sample", resources=resources)
    bench.attempt, bench.epoch = 2, 2
    result = bench.extract("sample", resources=resources)
    assert bench.column("a", "id") == list(range(1, 11))
    assert result["recordsProcessed"] == 10
    assert ("slice_started", "Slice 3/5 for a") in bench.entries
    assert bench.link.logs[0][1] == "Starting extraction from sample"


def test_a_run_that_is_told_to_stop_stops_between_pages(bench: Any) -> None:
    def stop(payload: dict[str, Any]) -> dict[str, Any]:
        bench.link.stopping = True
        return commit(payload)

    commit, bench._commit = bench._commit, stop
    with pytest.raises(Stop):
        bench.extract("sample", resources=[{"name": "a", "rows": 10, "slices": 5, "rows_per_second": 10_000}])
    assert bench.column("a", "id") == [1, 2]


def test_a_rehearsed_failure_has_the_code_that_was_asked_for(bench: Any) -> None:
    with pytest.raises(Permanent) as raised:
        bench.extract("sample", resources=[{"name": "a", "fail": {"code": "AUTH_ERROR"}}])
    assert raised.value.code is ErrorCode.AUTH_ERROR


def test_an_incremental_table_grows_by_what_each_run_adds(bench: Any) -> None:
    bench.extract("sample", resources=["a"], rows=10, incremental=True)
    bench.next_run()
    bench.extract("sample", resources=["a"], rows=5, incremental=True)
    assert bench.column("a", "id") == [11, 12, 13, 14, 15]
    assert bench.commits[-1]["replace"] is False


def test_nothing_is_written_before_the_worker_says_that_it_may(bench: Any) -> None:
    bench.extract("sample", resources=["a"], rows=10)
    assert [question for question, _ in bench.link.asked] == ["may_write", "commit_slice", "announce"]
    assert bench.asked("announce")[0] | {"checkpoint": None} == {"tables": ["a"], "rows": 10, "checkpoint": None}
