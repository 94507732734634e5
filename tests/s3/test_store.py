"""The lake on a real S3 server: files, bronze, Delta tables, writers at once, and what a store refuses."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from vai_common.errors import ErrorCode, Retryable, RunError
from vai_devstack.servers.s3 import READER, S3Server
from vai_transform_worker.upkeep import bronze, tables
from vai_worker.lake import delta_log
from vai_worker.lake import rights as lake_rights
from vai_worker.lake.places import Lake
from vai_worker.lake.storage import NotThere, Unread, open_lake
from vai_worker.reading.desk import CannotRead, Desk
from vai_worker.reading.request import Request

MERGE = {"mode": "incremental_merge", "merge_keys": ["id"]}


def _arrow() -> pa.Buffer:
    sink = pa.BufferOutputStream()
    sink.write(b"\x00\xffarrow")
    return sink.getvalue()


def test_a_file_is_there_whole_whatever_its_bytes_come_in(lake: Lake) -> None:
    """Bytes, a view of them, the buffer in which Arrow writes a file; in parts, less and more than one request."""
    storage = open_lake(lake.url)
    large = [bytes([n]) * (3 << 20) for n in range(5)]
    storage.put("a/bytes", b"b")
    storage.put("a/view", memoryview(b"view"))
    storage.put("a/arrow", _arrow())
    storage.put_parts("a/small", iter([b"s", b"m"]))
    storage.put_parts("a/large", iter(large))
    found = {file.path: file.size for file in storage.files("a")}
    assert found == {"a/bytes": 1, "a/view": 4, "a/arrow": 7, "a/small": 2, "a/large": 15 << 20}
    assert b"".join(storage.parts("a/arrow")) == b"\x00\xffarrow"
    assert b"".join(storage.parts("a/large")) == b"".join(large)
    storage.delete(["a/bytes", "a/view", "a/none"])
    assert sorted(file.path for file in storage.files()) == ["a/arrow", "a/large", "a/small"]
    with pytest.raises(NotThere):
        list(storage.parts("a/bytes"))


def test_a_file_whose_parts_fail_is_not_there(lake: Lake) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * (20 << 20)
        raise Unread("the source is gone")

    storage = open_lake(lake.url)
    with pytest.raises(Exception, match="the source is gone"):
        storage.put_parts("half", broken())
    assert list(storage.files()) == []


WRONG: list[Any] = [
    pytest.param({"AWS_ACCESS_KEY_ID": READER}, "", "its keys may not", id="may only read"),
    pytest.param({"AWS_SECRET_ACCESS_KEY": "wrong"}, "", "its secret key is wrong", id="secret"),
    pytest.param({"AWS_ACCESS_KEY_ID": "nobody"}, "", "its access key is not known there", id="key"),
    pytest.param({}, "s3://elsewhere/lake", "there is no such bucket", id="bucket"),
]


@pytest.mark.parametrize(("keys", "url", "words"), WRONG)
async def test_what_a_store_refuses_is_said_in_a_sentence(
    s3: S3Server, lake: Lake, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], url: str, words: str
) -> None:
    """By readiness and doctor, by what writes a file, and by what lists or deletes them."""
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    wrong = Lake(url or lake.url)
    fault = await lake_rights.fault(wrong.url)
    assert fault is not None
    assert f"({words}): see VAI_LAKE_URL" in fault
    assert len(fault) < 250
    storage = open_lake(wrong.url)
    with pytest.raises(Retryable, match=words) as refused:
        storage.put("x", b"x")
    assert refused.value.code == ErrorCode.CONNECTION_ERROR
    with pytest.raises(Retryable, match=words):
        storage.delete(["x"])
    if "AWS_ACCESS_KEY_ID" not in keys or keys["AWS_ACCESS_KEY_ID"] != READER:
        with pytest.raises(Unread, match=words):
            list(storage.files())
        with pytest.raises(Unread, match=words) as unread:
            list(storage.parts("x"))
        assert not isinstance(unread.value, NotThere)


async def test_a_store_that_is_well_has_no_fault_and_keeps_nothing_of_the_question(lake: Lake) -> None:
    assert await lake_rights.fault(lake.url) is None
    assert list(open_lake(lake.url).files()) == []


def test_an_extraction_writes_bronze_and_a_refused_one_loses_nothing(
    bench: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt goes on where the first one was refused: nothing twice, nothing missing."""
    result = bench.extract("sample", resources=["orders"])
    assert result["recordsProcessed"] == 1000
    committed = [file["path"] for commit in bench.commits for file in commit["files"]]
    assert sorted(file.path for file in open_lake(lake.url).files()) == sorted(committed)
    bench.next_run()
    with monkeypatch.context() as keys:
        keys.setenv("AWS_ACCESS_KEY_ID", READER)
        with pytest.raises(RunError, match=r"its keys may not"):
            bench.extract("sample", resources=["orders"])
        assert bench.commits == []
    assert bench.extract("sample", resources=["orders"])["recordsProcessed"] == 1000


def _table(lake: Lake, workshop: Any, name: str = "out") -> DeltaTable:
    return DeltaTable(f"{lake.url}/{workshop.org_id}/silver/{name}", storage_options=lake.options())


def _rows(lake: Lake, workshop: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _table(lake, workshop).to_pyarrow_table().sort_by("id").to_pylist()
    return found


def test_a_table_is_replaced_merged_read_and_read_as_it_was(workshop: Any, lake: Lake) -> None:
    workshop.run("SELECT i AS id, 'a' AS t FROM range(3) t(i)")
    workshop.run("SELECT i AS id, 'b' AS t FROM range(2, 5) t(i)", **MERGE)
    assert [(row["id"], row["t"]) for row in _rows(lake, workshop)] == [
        *((0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "b"))
    ]
    workshop.inputs["out"] = {"location": f"{workshop.org_id}/silver/out", "version": 0}
    sql = "SELECT count(*) AS id, 'then' AS t FROM {{ out }}"
    job = workshop.job(sql, {"silver_dataset": "out"}, output_layer="gold", transform_name="counted")
    workshop.perform(job)
    found = DeltaTable(f"{lake.url}/{workshop.org_id}/gold/counted", storage_options=lake.options())
    assert found.to_pyarrow_table().to_pylist() == [{"id": 3, "t": "then"}]


def test_writers_at_once_lose_nothing_and_an_old_turn_writes_nothing(workshop: Any, lake: Lake) -> None:
    """Each has a turn of its own, as Postgres gives them; whoever comes late with an old one is refused."""
    workshop.run("SELECT -1 AS id, 'first' AS t", **MERGE)
    turn = workshop.write_epoch

    def write(number: int) -> str:
        job = workshop.job(f"SELECT {number} AS id, 'w' AS t", **MERGE)
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        try:
            _other(workshop, turn + number + 1).perform(job, **answers)
        except Retryable:
            return "late"
        return "written"

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(write, range(4)))
    there = {row["id"] for row in _rows(lake, workshop)} - {-1}
    assert there == {number for number, how in enumerate(ended) if how == "written"}
    assert 3 in there, "whoever has the newest turn is never refused"
    storage = open_lake(lake.url)
    log = delta_log.of_table(storage, f"{workshop.org_id}/silver/out")
    epochs = [delta_log.epoch_of(storage, log.commits[version]) for version in sorted(log.commits)]
    assert epochs == sorted(epochs, key=lambda epoch: epoch or 0), "no older turn wrote after a newer one"


def test_small_files_are_put_together_and_old_ones_go(bench: Any, workshop: Any, lake: Lake) -> None:
    bench.extract("sample", resources=["orders"], rows=80, slices=8)
    files = [
        {"path": file["path"], "rows": file["rows"], "bytes": file["bytes"]}
        for commit in bench.commits
        for file in commit["files"]
    ]
    (made,) = bronze.put_together(open_lake(lake.url), [files])
    data = b"".join(open_lake(lake.url).parts(made["path"]))
    assert pa.parquet.read_table(pa.BufferReader(data))["id"].to_pylist() == list(range(1, 81))
    assert (len(made["of"]), made["bytes"]) == (8, len(data))
    for number in range(8):
        workshop.run(f"SELECT {number} AS id, 'x' AS t", **MERGE)
    location = f"{workshop.org_id}/silver/out"
    assert tables.compact(lake, location)["into"] == 1
    assert tables.remove_old(lake, location, 24)["removed"] == 0
    assert tables.remove_old(lake, location, 0)["removed"] == 8
    assert [row["id"] for row in _rows(lake, workshop)] == list(range(8))


def _other(workshop: Any, epoch: int) -> Any:
    """Another worker with its turn."""
    other = type(workshop)(workshop.folder)
    other.url, other.inputs, other.write_epoch = workshop.url, workshop.inputs, epoch - 1
    return other


@pytest.mark.parametrize(("keys", "url", "words"), WRONG)
def test_a_table_that_the_store_refuses_is_an_error_that_says_why(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], url: str, words: str
) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    workshop.url = url or workshop.url
    with pytest.raises(Retryable, match=rf"the lake refuses it \({words}\)") as refused:
        workshop.run("SELECT 1 AS id")
    assert refused.value.code == ErrorCode.CONNECTION_ERROR


async def test_a_table_is_previewed_profiled_and_downloaded(workshop: Any, lake: Lake) -> None:
    workshop.run("SELECT i AS id, i / 2 AS half FROM range(1000) t(i)")
    where = {"location": f"{workshop.org_id}/silver/out"}
    asked = {"lake_url": lake.url, "org_id": workshop.org_id, "dataset": "silver.out", **where}
    desk = Desk()
    assert len((await desk.look(Request(what="preview", rows=5, **asked)))["rows"]) == 5
    csv = b"".join([part async for part in desk.download(Request(what="csv", **asked))])
    assert len(csv.splitlines()) == 1001
    parquet = b"".join([part async for part in desk.download(Request(what="parquet", **asked))])
    assert pa.parquet.read_table(pa.BufferReader(parquet)).num_rows == 1000
    with pytest.raises(CannotRead, match="take a newer one"):
        await desk.look(Request(what="preview", rows=5, version=7, **asked))
