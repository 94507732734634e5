"""A declared column that the source does not have is said, and is an error where that is asked for."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vai_common.errors import ErrorCode, Permanent
from vai_testkit.servers.json_api import FakeApi

DECLARED = {"PRICE": "text", "prize": "bigint"}
EVENT = "columns_missing"


def warnings(bench: Any) -> list[str]:
    return [message for event, message, _, level in bench.link.logs if event == EVENT and level == "warning"]


@pytest.fixture
def files(tmp_path: Path, bench: Any) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    bench.files_root = str(folder)
    return folder


def write(folder: Path, kind: str) -> None:
    if kind == "parquet":
        pq.write_table(pa.table({"id": [1], "price": ["5"]}), folder / "a.parquet")
    else:
        text = {"csv": "id,price\n1,5\n", "jsonl": '{"id": 1, "price": "5"}\n', "json": '[{"id": 1, "price": "5"}]'}
        (folder / f"a.{kind}").write_text(text[kind])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_a_file_without_a_declared_column_is_told_of(bench: Any, files: Path, kind: str) -> None:
    write(files, kind)
    (files / f"b.{kind}").write_bytes((files / f"a.{kind}").read_bytes())
    resource = {"name": "a", "path": f"*.{kind}", "columns": DECLARED}
    bench.extract("filesystem", resources=[resource])
    assert warnings(bench) == [f"a.{kind} has no prize, which columns of a declares"]
    with pytest.raises(Permanent, match="has no prize") as raised:
        bench.extract("filesystem", resources=[resource | {"name": "b", "on_missing_column": "fail"}])
    assert raised.value.code is ErrorCode.DATA_ERROR


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_a_file_with_all_of_them_is_not(bench: Any, files: Path, kind: str) -> None:
    write(files, kind)
    resource = {"name": "a", "path": f"*.{kind}", "columns": {"PRICE": "text"}, "on_missing_column": "fail"}
    bench.extract("filesystem", resources=[resource])
    assert warnings(bench) == []


def test_a_resource_without_a_declared_field_is_told_of(bench: Any, api: FakeApi) -> None:
    api.rows("/things", [{"id": i, "price": "5" if i == 7 else None} for i in range(9)], size=2)
    api.paths["/nothing"] = lambda ask: {"data": [], "page": 1, "total_pages": 1}
    resource = {"name": "things", "columns": DECLARED}
    given = {"base_url": api.url, "resources": [resource, {"name": "nothing", "columns": DECLARED}]}
    bench.extract("rest_api", **given)
    assert warnings(bench) == ["No row has prize, which columns of things declares"]
    bench.next_run()
    given["resources"] = [resource | {"on_missing_column": "fail"}]
    with pytest.raises(Permanent, match="prize"):
        bench.extract("rest_api", **given)
    assert not any(commit["complete"] for commit in bench.commits)
