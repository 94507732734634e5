"""file_sync and a Google Drive with odd names, that others write to at the same time."""

import threading
from typing import Any

import pytest

from vai_common.errors import Permanent, Retryable
from vai_extract_worker.sync import google_drive
from vai_testkit.vendors.google_drive import DOCUMENT, FOLDER, Drive

ROOT = "gdrive://root"
SHORTCUT = "application/vnd.google-apps.shortcut"


def failed(result: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["error"]["code"] for one in result["failed_files"]}


def names_of(drive: Drive) -> list[str]:
    return sorted(one["name"] for one in drive.files.values() if not one["trashed"] and one["id"] != "root")


# Names and kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x00b", "a\x7fb", ".", "..", "a\\b", "/etc/passwd", "x" * 1_025, "a\ud800b"]
)
def test_a_name_that_no_file_may_have_costs_that_file_alone(syncing: Any, drive: Drive, name: str) -> None:
    drive.put(name, b"1")
    drive.put("inside", b"2", drive.folder(name))
    drive.put("good", b"3")
    result = syncing.run(path=ROOT)
    assert syncing.content() == {"good": b"3"}
    assert set(failed(result).values()) == {"DATA_ERROR"}
    assert "rename" in result["failed_files"][0]["error"]["message"] or "shorter" in str(result["failed_files"])


def test_names_of_other_letters_or_cases_are_files_of_their_own(syncing: Any, drive: Drive) -> None:
    names = [
        "Plan.txt",
        "plan.txt",
        "Überblick",
        "x" * 300,
        "日本 🙂.pdf",
        "%2e%2e",
        "a'b",
        " lead",
        "trail ",
        "a;b?c#d",
    ]
    for number, name in enumerate(names):
        drive.put(name, b"%d" % number)
    assert syncing.run(path=ROOT)["counts"]["failed"] == 0
    assert syncing.content() == {name: b"%d" % number for number, name in enumerate(names)}


def test_a_name_that_is_there_twice_is_told_as_that(syncing: Any, drive: Drive) -> None:
    drive.put("Plan", b"exported", kind=DOCUMENT)
    drive.put("Plan.docx", b"1")
    for composed in ("\u00e9", "e\u0301"):
        drive.put(composed, b"1")
    drive.put("good", b"1")
    result = syncing.run(path=ROOT)
    assert failed(result) == {"Plan.docx": "DATA_ERROR", "\u00e9": "DATA_ERROR"}
    assert "Plan.docx is there 2 times: rename all but one" in str(result["failed_files"])


def test_shortcuts_and_forms_are_left_out_of_a_pull_and_alone_by_a_push(syncing: Any, drive: Drive) -> None:
    inner = drive.folder("inner")
    drive.put("loop", b"", inner, SHORTCUT)
    drive.put("a", b"1", inner)
    result = syncing.run(path=ROOT)
    assert failed(result) == {"inner/loop": "DATA_ERROR"}
    result = syncing.run(path=ROOT, direction="push", delete=True)
    assert result["failed_files"] == []
    assert names_of(drive) == ["a", "inner", "loop"]


def test_a_push_makes_its_file_beside_a_form_of_that_name(syncing: Any, drive: Drive) -> None:
    drive.put("a", b"", kind="application/vnd.google-apps.form")
    syncing.take(a=b"1")
    assert syncing.run(path=ROOT, direction="push")["added"] == ["a"]
    assert names_of(drive) == ["a", "a"]


class Both(list[str]):
    """The parents of a folder that is also in itself."""

    def __eq__(self, other: object) -> bool:
        return other in (["root"], [self[0]])

    __hash__ = None  # type: ignore[assignment]


def test_folders_that_lead_in_a_circle_end(syncing: Any, drive: Drive) -> None:
    circle = drive.folder("c" * 100)
    drive.files[circle]["parents"] = Both([circle])
    drive.put("a", b"1", circle)
    drive.put("good", b"1")
    result = syncing.run(path=ROOT)
    assert len(syncing.content()) == 11
    assert "1,024 letters" in result["failed_files"][-1]["error"]["message"]


def test_what_is_in_the_bin_is_not_there(syncing: Any, drive: Drive) -> None:
    gone = drive.put("gone", b"1")
    drive.files[gone]["trashed"] = True
    drive.put("good", b"1")
    syncing.run(path=ROOT)
    assert syncing.content() == {"good": b"1"}


# Others write at the same time ----------------------------------------------------------------------------------------


def test_a_file_that_another_run_makes_meanwhile_is_not_made_twice(syncing: Any, drive: Drive) -> None:
    syncing.take(one__a=b"mine", b=b"mine")

    def other(method: str, path: str) -> None:
        if method == "POST" and path.startswith("/upload"):
            drive.meanwhile = lambda method, path: None
            drive.put("b", b"mine")

    drive.meanwhile = other
    syncing.run(path=ROOT, direction="push")
    assert drive.tree() == {"one/a": b"mine", "b": b"mine"}
    assert names_of(drive) == ["a", "b", "one"]


def test_a_folder_that_another_run_makes_meanwhile_is_not_made_twice(syncing: Any, drive: Drive) -> None:
    syncing.take(one__a=b"1", one__b=b"2")

    def other(method: str, path: str) -> None:
        if method == "POST" and path == "/drive/v3/files":
            drive.meanwhile = lambda method, path: None
            drive.folder("one")

    drive.meanwhile = other
    syncing.run(path=ROOT, direction="push")
    assert names_of(drive) == ["a", "b", "one"]


def test_what_somebody_else_has_made_meanwhile_is_written_by_the_next_attempt(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"mine")

    def other(method: str, path: str) -> None:
        if method == "POST" and path.startswith("/upload"):
            drive.meanwhile = lambda method, path: None
            drive.put("a", b"theirs")

    drive.meanwhile = other
    with pytest.raises(Retryable, match="somebody else writes there"):
        syncing.run(path=ROOT, direction="push")
    syncing.attempt(path=ROOT, direction="push")
    assert (drive.tree(), names_of(drive)) == ({"a": b"mine"}, ["a"])


def test_two_pushes_into_one_folder_at_once_leave_each_file_once(
    syncing: Any, drive: Drive, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = type(syncing)(tmp_path_factory.mktemp("other"), syncing.connection)
    for one in (syncing, other):
        one.take(**{f"d{number % 3}__{number}": b"%d" % number for number in range(24)})
    together = threading.Barrier(2, timeout=30)
    drive.meanwhile = lambda method, path: None
    faults: list[Exception] = []

    def push(one: Any) -> None:
        together.wait()
        try:
            one.run(path=ROOT, direction="push")
        except Retryable as fault:
            faults.append(fault)
            one.attempt(path=ROOT, direction="push")

    threads = [threading.Thread(target=push, args=(one,)) for one in (syncing, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert drive.tree() == {f"d{number % 3}/{number}": b"%d" % number for number in range(24)}
    assert len(names_of(drive)) == 27


def test_a_file_that_goes_to_the_bin_during_its_upload_is_told(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"new", b=b"1")
    old = drive.put("a", b"old")

    def other(method: str, path: str) -> None:
        if method == "PUT" and path.endswith(old):
            drive.files[old]["trashed"] = True

    drive.meanwhile = other
    result = syncing.run(path=ROOT, direction="push")
    assert failed(result) == {"a": "DATA_ERROR"}
    drive.meanwhile = lambda method, path: None
    assert syncing.run(path=ROOT, direction="push")["added"] == ["a"]


def test_a_file_that_changes_or_goes_while_it_is_read(syncing: Any, drive: Drive) -> None:
    changing, gone = drive.put("changing", b"old"), drive.put("gone", b"1")
    drive.put("good", b"1")

    def other(method: str, path: str) -> None:
        if path.endswith(changing) and drive.files[changing]["data"] == b"old":
            drive.change(changing, b"new one")
        if path.endswith(gone):
            del drive.files[gone]

    drive.meanwhile = other
    result = syncing.run(path=ROOT)
    assert syncing.content() == {"changing": b"new one", "good": b"1"}
    assert failed(result) == {"gone": "DATA_ERROR"}


def test_a_checksum_that_is_not_that_of_the_bytes_is_no_file(syncing: Any, drive: Drive) -> None:
    drive.files[drive.put("bad", b"1")]["md5Checksum"] = "0" * 32
    drive.put("good", b"1")
    result = syncing.run(path=ROOT)
    assert (syncing.content(), failed(result)) == ({"good": b"1"}, {"bad": "DATA_ERROR"})


def test_the_folder_of_other_letters_is_taken_not_made_again(syncing: Any, drive: Drive) -> None:
    syncing.take(é__new=b"1")
    drive.put("old", b"1", drive.folder("e\u0301"))
    syncing.run(path=ROOT, direction="push")
    assert names_of(drive) == ["e\u0301", "new", "old"]


def test_a_folder_of_many_folders_ends(syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_drive, "_MOST_FOLDERS", 3)
    for number in range(4):
        drive.put(f"{number}", b"", kind=FOLDER)
    with pytest.raises(Permanent, match="more than 3 folders"):
        syncing.run(path=ROOT)
