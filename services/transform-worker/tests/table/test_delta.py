"""Who may write a Delta table, and what becomes of those who come too late (rule 14)."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from vai_common.errors import ErrorCode, Retryable
from vai_transform_worker.table.delta import DeltaOutput
from vai_worker.children.link import Stop

MODES: list[dict[str, Any]] = [{"mode": "full_refresh"}, {"mode": "incremental_merge", "merge_keys": ["id"]}]
SQL = "SELECT 1 AS id, 'late' AS t"


def write_aside(workshop: Any, epoch: int | None, text: str) -> None:
    """Another process writes the table: with a write epoch, or as a stranger that knows nothing of epochs."""
    rows = pa.table({"id": pa.array([1], pa.int32()), "t": [text]})
    transactions = None if epoch is None else [Transaction("vai", epoch)]
    folder = workshop.folder / workshop.org_id / "silver" / "out"
    folder.parent.mkdir(parents=True, exist_ok=True)
    properties = CommitProperties(app_transactions=transactions)

    def write() -> None:
        write_deltalake(folder, rows, mode="overwrite", schema_mode="overwrite", commit_properties=properties)

    # a thread of its own: the question comes from within deltalake's runtime
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()


def once(action: Callable[[], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An answer that does something the first time that it is asked."""
    done: list[bool] = []

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        if not done:
            done.append(True)
            action()
        return {}

    return answer


@pytest.mark.parametrize("fields", MODES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_writer_that_is_overtaken_between_permit_and_commit_writes_nothing(
    workshop: Any, fields: dict[str, Any], exists: bool
) -> None:
    if exists:
        workshop.run("SELECT 1 AS id, 'first' AS t", **fields)
    job = workshop.job(SQL, **fields)
    with pytest.raises(Retryable, match="write epoch 9, this run has") as caught:
        workshop.perform(job, permit_commit=once(lambda: write_aside(workshop, 9, "newer")))
    assert caught.value.code == ErrorCode.INTERNAL_ERROR
    assert workshop.rows() == [(1, "newer")]
    assert workshop.asked("permit_commit")[-1]["table_epoch"] == 9


@pytest.mark.parametrize("fields", MODES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_writer_whose_commit_took_place_while_its_answer_was_lost_does_not_write_again(
    workshop: Any, fields: dict[str, Any], exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds its own write epoch: whoever wrote with it has had its turn."""
    if exists:
        workshop.run("SELECT 1 AS id, 'first' AS t", **fields)
    committing, lost = DeltaOutput._committed, []

    def commits_and_loses_the_answer(*arguments: Any) -> DeltaTable:
        committing(*arguments)
        lost.append(True)
        raise CommitFailedError("the connection broke off")

    monkeypatch.setattr(DeltaOutput, "_committed", commits_and_loses_the_answer)
    with pytest.raises(Retryable, match="write epoch"):
        workshop.run(SQL, **fields)
    assert len(lost) == 1
    assert workshop.rows() == [(1, "late")]
    assert workshop.table().version() == (1 if exists else 0)


@pytest.mark.parametrize("fields", MODES)
def test_a_writer_that_finds_a_later_epoch_asks_whether_it_may_go_on_and_writes_nothing(
    workshop: Any, fields: dict[str, Any]
) -> None:
    write_aside(workshop, 9, "newer")

    def lost(payload: dict[str, Any]) -> dict[str, Any]:
        raise Stop

    with pytest.raises(Stop):
        workshop.perform(workshop.job(SQL, **fields), permit_commit=lost)
    assert workshop.rows() == [(1, "newer")]
    assert workshop.table().version() == 0


@pytest.mark.parametrize("fields", MODES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_writer_that_gets_no_permit_writes_nothing(workshop: Any, fields: dict[str, Any], exists: bool) -> None:
    if exists:
        workshop.run("SELECT 1 AS id, 'first' AS t", **fields)

    def lost(payload: dict[str, Any]) -> dict[str, Any]:
        raise Stop

    with pytest.raises(Stop):
        workshop.perform(workshop.job(SQL, **fields), permit_commit=lost)
    location = workshop.folder / workshop.org_id / "silver" / "out"
    assert DeltaTable.is_deltatable(str(location)) is exists
    assert not exists or workshop.rows() == [(1, "first")]


@pytest.mark.parametrize("fields", MODES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_stranger_in_between_makes_the_writer_begin_again(
    workshop: Any, fields: dict[str, Any], exists: bool
) -> None:
    if exists:
        workshop.run("SELECT 1 AS id, 'first' AS t", **fields)
    job = workshop.job(SQL, **fields)
    workshop.perform(job, permit_commit=once(lambda: write_aside(workshop, None, "stranger")))
    assert workshop.rows() == [(1, "late")]
    assert len(workshop.asked("permit_commit")) == 2


@pytest.mark.parametrize("fields", MODES)
def test_the_table_remembers_the_write_epoch_and_the_run(workshop: Any, fields: dict[str, Any]) -> None:
    for _ in range(3):
        workshop.run(SQL, **fields)
    assert workshop.table().transaction_version("vai") == 3
    assert workshop.table().history(1)[0]["vai.run_id"] == "run-1"


def test_the_permit_is_asked_for_after_the_last_row(workshop: Any) -> None:
    files: list[int] = []

    def look(payload: dict[str, Any]) -> dict[str, Any]:
        files.append(len(list((workshop.folder / workshop.org_id / "silver" / "out").glob("*.parquet"))))
        return {}

    workshop.perform(workshop.job("SELECT n, md5(n::VARCHAR) AS m FROM range(300000) r(n)"), permit_commit=look)
    assert len(files) == 1
    assert workshop.rows("SELECT count(*) FROM out") == [(300_000,)]


@pytest.mark.parametrize("fields", MODES)
def test_a_table_of_many_versions_is_opened_by_a_checkpoint_that_knows_its_last_writer(
    workshop: Any, fields: dict[str, Any]
) -> None:
    for number in range(12):
        workshop.run(f"SELECT {number} AS id, 'x' AS t", **fields)
    log = workshop.folder / workshop.org_id / "silver" / "out" / "_delta_log"
    checkpoint = json.loads((log / "_last_checkpoint").read_text())["version"]
    assert workshop.table().version() - checkpoint < 10
    assert workshop.table().transaction_version("vai") == 12
    with pytest.raises(Retryable, match="write epoch 12, this run has 3"):
        workshop.perform(workshop.job(SQL, **fields), lock=lambda payload: {"write_epoch": 3})


@pytest.mark.parametrize("fields", MODES)
def test_a_run_opens_the_table_that_it_writes_once(
    workshop: Any, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.run(SQL, **fields)
    opened: list[DeltaTable | None] = []
    usual = DeltaOutput._open

    def counted(output: DeltaOutput) -> DeltaTable | None:
        opened.append(usual(output))
        return opened[-1]

    monkeypatch.setattr(DeltaOutput, "_open", counted)
    workshop.run(SQL, **fields)
    assert len(opened) == 1


def test_a_merge_on_a_boolean_key_is_a_merge(workshop: Any) -> None:
    for text in ("a", "b"):
        workshop.run(
            f"SELECT * FROM (VALUES (true, 1, '{text}'), (false, 2, '{text}')) v(flag, id, t)",
            mode="incremental_merge",
            merge_keys=["flag", "id"],
        )
    assert workshop.rows() == [(False, 2, "b"), (True, 1, "b")]
