"""The source `filesystem`: formats, types, order, what changed, and where it may not look."""

import gzip
import io
import os
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files import csv_records, json_files
from vai_extract_worker.loading import parts
from vai_worker.children.link import Stop


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
        "2,10001,9.75,false,,,1,2026-01-02\n",
    )
    bench.extract("filesystem", resources=one("items.csv"))
    rows = bench.table("items").drop_columns(["_connection_id", "_extracted_at"]).to_pylist()
    names = ("id", "zip", "price", "flag", "note", "gap", "big", "day")
    first = (1, "00501", Decimal("12.50"), True, 'a, "b"\nc', None, "12345678901234567890", "2026-01-01")
    second = (2, "10001", Decimal("9.75"), False, None, None, "1", "2026-01-02")
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


def test_an_old_file_that_arrives_late_is_new_and_so_is_one_that_has_changed(bench: Any, root: Path) -> None:
    write(root, "m.csv", "id\n1\n", modified=5000)
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    write(root, "z.csv", "id\n2\n", modified=1000)
    write(root, "a.csv", "id\n3\n", modified=5000)
    bench.next_run()
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    assert bench.column("items", "id") == [2, 3]
    write(root, "m.csv", "id\n1\n4\n", modified=5000)
    bench.next_run()
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    assert bench.column("items", "id") == [1, 4]
    assert any("changed" in message for event, message in bench.entries if event == "resource_note")


def test_a_cursor_of_version_0_1_is_taken_up(bench: Any, root: Path) -> None:
    write(root, "a.csv", "id\n1\n", modified=1000)
    write(root, "b.csv", "id\n2\n", modified=2000)
    write(root, "c.csv", "id\n3\n", modified=2000)
    bench.cursors["items"] = {"value": {"modified": 2000.0, "path": "b.csv"}, "run_id": "r"}
    bench.extract("filesystem", resources=one("*.csv", incremental=True))
    assert bench.column("items", "id") == [3]


@pytest.mark.parametrize("count", [3, 250])
def test_a_file_that_cannot_be_read_does_not_stop_a_feed(bench: Any, root: Path, count: int) -> None:
    for number in range(count):
        write(
            root,
            f"{number:03d}.csv",
            f"id\n{number}\n" if number != 1 else "id\nsecret,ragged\n",
            modified=1000 + number,
        )
    result = bench.extract("filesystem", resources=one("*.csv", incremental=True))
    good = [number for number in range(count) if number != 1]
    assert bench.column("items", "id") == good
    assert result["failed_resources"] == ["items"]
    assert result["per_resource_rows"] == {"items": count - 1}
    assert "secret" not in str(result)
    assert "001.csv, line 2" in result["resource_errors"]["items"]["message"]
    write(root, "001.csv", "id\n1\n", modified=9000)
    bench.next_run()
    assert bench.extract("filesystem", resources=one("*.csv", incremental=True))["per_resource_rows"] == {"items": 1}
    assert len(bench.commits) == 1


def test_rows_that_cannot_be_read_go_to_a_table_of_their_own(bench: Any, root: Path) -> None:
    write(root, "a.csv", "id,v\n1,a\n2,b,c\n")
    write(root, "b.jsonl", '{"id": 3}\n{"id": \n{"id": 4}\n')
    result = bench.extract("filesystem", resources=one("*", on_bad_row="reject"))
    assert result["rejected_rows"] == {"items": 2}
    assert sorted(bench.column("items", "id")) == [1, 3, 4]
    assert any("2 rows of items could not be read" in message for event, message in bench.entries)
    rejects = [commit["rejects"] for commit in bench.commits]
    paths = [file["path"] for each in rejects for file in each["files"]]
    rows = [row for path in paths for row in pq.ParquetFile(root.parent / "lake" / path).read().to_pylist()]
    assert {(row["file"], row["line"], row["row"]) for row in rows} == {
        ("a.csv", 3, "2,b,c"),
        ("b.jsonl", 2, '{"id": '),
    }
    assert {each["table"] for each in rejects} == {"items_rejects"}


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_long_file_goes_on_where_it_was_committed_unless_it_has_changed(
    bench: Any, root: Path, monkeypatch: pytest.MonkeyPatch, form: str, changes: bool
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 300)
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(json_files, "_ROWS", 50)

    def store(first: int) -> None:
        numbers = range(first, first + 600)
        if form == "parquet":
            pq.write_table(pa.table({"id": list(numbers)}), root / "big.parquet", row_group_size=100)
            os.utime(root / "big.parquet", (1000, 1000 + first))
        else:
            lines = [f"{number},x" if form == "csv" else f'{{"id": {number}}}' for number in numbers]
            write(root, f"big.{form}", "\n".join(["id,v", *lines] if form == "csv" else lines), modified=1000 + first)

    store(1000)
    keep = bench._commit

    def killed(payload: dict[str, Any]) -> Any:
        if len(bench.commits) == 4:
            raise Stop
        return keep(payload)

    bench._commit = killed
    with pytest.raises(Stop):
        bench.extract("filesystem", resources=one("big.*", incremental=True))
    bench._commit = keep
    assert not any(commit["visible"] or commit["complete"] or commit["cursor"] for commit in bench.commits)
    if changes:
        store(2000)
    result = bench.extract("filesystem", resources=one("big.*", incremental=True))
    assert result["recordsProcessed"] == 600
    abandoned = {name for commit in bench.commits for name in commit.get("abandoned", ())}
    found = [
        file for commit in bench.commits for file in commit["files"] if file["slice"] not in abandoned or not changes
    ]
    ids = [id for file in found for id in pq.ParquetFile(root.parent / "lake" / file["path"]).read()["id"].to_pylist()]
    assert ids == list(range(2000, 2600)) if changes else ids == list(range(1000, 1600))
    assert bool(abandoned) is changes
    assert bench.commits[-1]["publish"] is not None


def test_hidden_files_and_marks_are_no_rows_and_brackets_are_letters(bench: Any, root: Path) -> None:
    write(root, "in/a [1].csv", "id\n1\n")
    write(root, "in/.b.csv", "id\n2\n")
    write(root, "in/.old/c.csv", "id\n3\n")
    write(root, "in/_SUCCESS", "")
    bench.extract("filesystem", resources=one("in/**/*"))
    assert bench.column("items", "id") == [1]
    bench.extract("filesystem", resources=one("in/a [1].csv"))
    bench.next_run()
    bench.extract("filesystem", resources=one("in/.b.csv"))
    assert bench.column("items", "id") == [2]


@pytest.mark.parametrize("path", ["in/202?/a.csv", "{root}/in/202?/a.csv", "file://{root}/in/202?/a.csv"])
def test_a_path_is_all_of_what_is_written(bench: Any, root: Path, path: str) -> None:
    for number in (5, 6):
        write(root, f"in/202{number}/a.csv", f"id\n{number}\n")
    bench.extract("filesystem", resources=one(path.format(root=root)))
    assert sorted(bench.column("items", "id")) == [5, 6]


def packed_in_zip(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("inner.csv", content)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.CSV.GZ", gzip.compress(b"id\n1\n2\n", mtime=0)),
        ("items.csv.zst", pa.compress(b"id\n1\n2\n", "zstd", asbytes=True)),
        ("items.csv.zip", packed_in_zip(b"id\n1\n2\n")),
        ("items.json", b'[{"id": 1},\n {"id": 2}]'),
        ("items.json", b'{"id": 1}\n{"id": 2}'),
        ("items.json", '[{"id": 1, "v": "é"}, {"id": 2}]'.encode("utf-16")),
    ],
)
def test_packed_files_and_arrays(bench: Any, root: Path, name: str, content: bytes) -> None:
    write(root, name, content)
    bench.extract("filesystem", resources=one("items.*"))
    assert bench.column("items", "id") == [1, 2]


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz", "items.jsonl", "items.json"])
@pytest.mark.parametrize("content", [b"", b"\n"])
def test_a_file_of_nothing_has_no_rows(bench: Any, root: Path, name: str, content: bytes) -> None:
    write(root, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert bench.extract("filesystem", resources=one(name))["recordsProcessed"] == 0


def test_a_column_can_say_from_which_file_a_row_is(bench: Any, root: Path) -> None:
    write(root, "in/a.csv", "id\n1\n", modified=1000)
    write(root, "in/b.jsonl", '{"id": 2}\n', modified=2000)
    bench.extract("filesystem", resources=one("in/*", file_column="source_file"))
    assert bench.column("items", "source_file") == ["in/a.csv", "in/b.jsonl"]


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
    from vai_worker.children.job import ConnectionSecret

    bench.addresses = ""
    bench.connection = ConnectionSecret("c", "s3", "s3", {"endpoint_url": "http://127.0.0.1:9"}, {})
    with pytest.raises(Permanent, match="not public"):
        bench.extract("filesystem", resources=one("s3://bucket/*.csv"))


def test_folders_are_columns_where_that_is_asked_for(bench: Any, root: Path) -> None:
    for folder, row in (("d=2026-01-01/a%20b=x%2Fy", "1,7"), ("d=__HIVE_DEFAULT_PARTITION__/a%20b=", "2,8")):
        path = root / "hive" / folder / "part.csv"
        path.parent.mkdir(parents=True)
        path.write_text(f"id,D2\n{row}\n")
    bench.extract("filesystem", resources=[{"name": "h", "path": "hive/**/*.csv", "folder_columns": True}])
    rows = sorted(zip(*(bench.column("h", name) for name in ("id", "d", "a b")), strict=True))
    assert rows == [(1, "2026-01-01", "x/y"), (2, None, "")]


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "id\n1\n"), ("a.jsonl", '{"id": 1}\n'), ("a.json", '[{"id": 1}]')]
)
def test_columns_of_folders_have_their_declared_types(bench: Any, root: Path, name: str, text: str) -> None:
    path = root / "typed" / "Day=2026-01-02" / "n=7" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    resource = {"name": "h", "path": f"typed/**/{name}", "folder_columns": True, "on_missing_column": "fail"}
    bench.extract("filesystem", resources=[resource | {"columns": {"day": "date", "n": "bigint"}}])
    assert (bench.column("h", "Day"), bench.column("h", "n")) == ([date(2026, 1, 2)], [7])
    assert not [entry for entry in bench.link.logs if entry[3] == "warning"]
    bench.next_run()
    with pytest.raises(Permanent, match="declared"):
        bench.extract("filesystem", resources=[resource | {"columns": {"day": "bigint"}}])
