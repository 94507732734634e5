"""A lake that is full keeps nothing of what it did not take."""

import os
from pathlib import Path

import pytest

from vai_common.errors import Retryable
from vai_worker.lake.storage import Folder


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_file_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if failing == "fsync" else (Path, "replace", full)))
    with pytest.raises(Retryable, match="No space left"):
        Folder(tmp_path).put("bronze/a.parquet", b"rows")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
