"""The source `filesystem`: formats, types, order, what changed, and where it may not look."""

import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import ErrorCode, Permanent


@pytest.fixture
def root(tmp_path: Path, bench: Any) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    bench.files_root = str(folder)
    return folder


def write(root: Path, name: str, text: str | bytes, modified: int = 1_000_000) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (modified, modified))


def one(path: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"name": "items", "path": path} | fields]


def test_csv_columns_get_a_type_only_where_no_text_is_lost(bench: Any, root: Path) -> None:
    write(
        root,
        "items.csv",
        "id,zip,price,flag,note,gap,big,day\n"
        '1,00501,12.50,true,"a, ""b""\nc",,12345678901234567890,2026-01-01\n'
        "2,10001,NA,false,,,1,2026-01-02\n",
    )
    bench.extract("filesystem", resources=one("items.csv"))
    rows = bench.table("items").drop_columns(["_connection_id", "_extracted_at"]).to_pylist()
    names = ("id", "zip", "price", "flag", "note", "gap", "big", "day")
    first = (1, "00501", 12.5, True, 'a, "b"\nc', None, "12345678901234567890", "2026-01-01")
    second = (2, "10001", None, False, None, None, "1", "2026-01-02")
    assert rows == [
        dict(zip(names, first, strict=True)),
        dict(zip(names, second, strict=True)),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.csv", b"id,v\n1,a\n2,b\n"),
        ("items.csv.gz", gzip.compress(b"id,v\n1,a\n2,b\n", mtime=0)),
        ("items.tsv", b"id\tv\n1\ta\n2\tb\n"),
        ("items.jsonl", b'{"id": 1, "v": "a"}\n\n{"v": "b", "id": 2}'),
        ("items.jsonl.gz", gzip.compress(b'{"id": 1, "v": "a"}\n{"id": 2, "v": "b"}\n', mtime=0)),
    ],
)
def test_each_format_is_told_by_the_suffix(bench: Any, root: Path, name: str, content: bytes) -> None:
    write(root, name, content)
    result = bench.extract("filesystem", resources=one(name))
    assert (bench.column("items", "id"), bench.column("items", "v")) == ([1, 2], ["a", "b"])
    assert result["bytesTransferred"] == len(content)


def test_parquet_comes_in_bronze_types(bench: Any, root: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, 2], pa.int16()),
            "f": pa.array([1.5, 2.5], pa.float32()),
            "s": pa.array(["x", "y"]).dictionary_encode(),
            "l": pa.array([[1], [2, 3]]),
        }
    )
    pq.write_table(table, root / "items.parquet")
    bench.extract("filesystem", resources=one("*.parquet"))
    types = {column["name"]: column["type"] for column in bench.commits[-1]["columns"]}
    assert [types[name] for name in "nfsl"] == ["BIGINT", "DOUBLE", "VARCHAR", "VARCHAR"]
    assert bench.column("items", "l") == ["[1]", "[2,3]"]


def test_a_path_makes_a_resource_of_each_name_and_the_smallest_comes_first(bench: Any, root: Path) -> None:
    write(root, "in/large.csv", "id\n" + "1\n" * 500)
    write(root, "in/small.csv", "id\n1\n")
    write(root, "in/Medium Sized.csv", "id\n" + "1\n" * 50)
    result = bench.extract("filesystem", path="in/*.csv")
    assert result["per_resource_rows"] == {"small": 1, "medium_sized": 50, "large": 500}
    assert bench.link.progresses[0]["resources_order"] == ["small", "medium_sized", "large"]


def test_each_file_is_a_slice_and_a_later_run_takes_only_new_ones(bench: Any, root: Path) -> None:
    write(root, "b.csv", "id\n1\n", modified=1000)
    write(root, "a.csv", "id\n2\n", modified=2000)
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    assert bench.column("items", "id") == [1, 2]
    assert [commit["visible"] for commit in bench.commits] == [True, True]
    write(root, "c.csv", "id\n3\n", modified=2000)
    bench.next_run()
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    assert bench.column("items", "id") == [3]
    bench.next_run()
    assert bench.extract("filesystem", resources=one("*.csv", incremental=True))["recordsProcessed"] == 0


def test_a_broken_file_fails_its_resource_and_the_next_attempt_goes_on_with_it(bench: Any, root: Path) -> None:
    write(root, "1.jsonl", '{"id": 1}\n', modified=1000)
    write(root, "2.jsonl", '{"id": 2}\n{"id": \n', modified=2000)
    with pytest.raises(Permanent, match=r"2\.jsonl.*line 2") as raised:
        bench.extract("filesystem", resources=one("*.jsonl"))
    assert raised.value.code is ErrorCode.DATA_ERROR
    write(root, "2.jsonl", '{"id": 2}\n', modified=3000)
    bench.extract("filesystem", resources=one("*.jsonl"))
    assert bench.column("items", "id") == [1, 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [("items.parquet", "no parquet"), ("items.csv", "a,b\n1,2,3\n"), ("items.csv.gz", "no gzip"), ("items.xls", "?")],
)
def test_a_file_that_is_not_of_its_format_is_a_data_error(bench: Any, root: Path, name: str, content: str) -> None:
    write(root, name, content)
    with pytest.raises(Permanent, match=name) as raised:
        bench.extract("filesystem", resources=one(name))
    assert raised.value.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "file:///etc/passwd", "in/../../secret.csv"])
def test_nothing_outside_of_the_folder_is_read(bench: Any, root: Path, path: str) -> None:
    (root.parent / "secret.csv").write_text("id\n1\n")
    with pytest.raises(Permanent, match="outside of the folder"):
        bench.extract("filesystem", resources=one(path))


def test_a_link_that_leads_out_is_not_followed(bench: Any, root: Path) -> None:
    (root.parent / "secret.csv").write_text("id\n1\n")
    (root / "items.csv").symlink_to(root.parent / "secret.csv")
    with pytest.raises(Permanent, match="No file matches"):
        bench.extract("filesystem", resources=one("*.csv"))


def test_without_a_folder_there_are_no_local_files(bench: Any) -> None:
    with pytest.raises(Permanent, match="VAI_FILES_ROOT"):
        bench.extract("filesystem", resources=one("items.csv"))


def test_a_glob_that_matches_nothing_does_not_empty_the_table(bench: Any, root: Path) -> None:
    with pytest.raises(Permanent, match="No file matches"):
        bench.extract("filesystem", resources=one("*.csv"))
    assert bench.commits == []


def test_a_bucket_on_a_private_address_is_refused(bench: Any) -> None:
    from worker.job import ConnectionSecret

    bench.addresses = ""
    bench.connection = ConnectionSecret("c", "s3", "s3", {"endpoint_url": "http://127.0.0.1:9"}, {})
    with pytest.raises(Permanent, match="not public"):
        bench.extract("filesystem", resources=one("s3://bucket/*.csv"))
