"""file_sync from and to Google Drive, on a server that speaks its API."""

from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sync import drive_api
from vai_testkit.vendors.google_drive import DOCUMENT, Drive
from vai_worker.children.job import ConnectionSecret


def test_a_folder_is_mirrored_with_what_is_below_it(syncing: Any, drive: Drive) -> None:
    top = drive.folder("Invoices")
    inner = drive.folder("2026", top)
    for number in range(5):
        drive.put(f"{number}.pdf", b"%d" % number, inner)
    drive.put("it's a \\ test.txt", b"no", top)
    drive.put("Ärger.txt", b"a", top)
    drive.put("elsewhere", b"no")
    result = syncing.run(path=f"gdrive://{top}")
    expected = {f"2026/{number}.pdf": b"%d" % number for number in range(5)} | {"Ärger.txt": b"a"}
    assert syncing.content() == expected
    assert [one["path"] for one in result["failed_files"]] == ["it's a \\ test.txt"]
    assert syncing.run(path="gdrive://root/Invoices/2026", folder="in")["counts"]["added"] == 5


def test_only_what_changed_is_read_again_and_what_is_gone_is_removed(syncing: Any, drive: Drive) -> None:
    kept, changed, gone = (drive.put(name, name.encode()) for name in ("kept", "changed", "gone"))
    syncing.run(path="gdrive://root")
    drive.change(changed, b"another")
    drive.files[gone]["trashed"] = True
    drive.asked.clear()
    result = syncing.run(path="gdrive://root", delete=True)
    assert (result["changed"], result["removed"]) == (["changed"], ["gone"])
    assert syncing.content() == {"kept": b"kept", "changed": b"another"}
    assert f"GET /drive/v3/files/{kept}" not in drive.asked


def test_googles_documents_become_office_files(syncing: Any, drive: Drive) -> None:
    drive.put("Plan", b"exported", kind=DOCUMENT)
    drive.put("Form", b"", kind="application/vnd.google-apps.form")
    result = syncing.run(path="gdrive://root")
    assert syncing.content() == {"Plan.docx": b"exported"}
    assert [one["error"]["code"] for one in result["failed_files"]] == ["DATA_ERROR"]
    assert syncing.run(path="gdrive://root")["counts"]["changed"] == 0


def test_names_that_no_folder_can_have_and_names_twice_are_left_out(syncing: Any, drive: Drive) -> None:
    drive.put("a/b", b"1")
    drive.put("twice", b"1")
    drive.put("twice", b"2")
    drive.put("..", b"1")
    drive.put("good", b"1")
    drive.put("inside", b"1", drive.folder("x/y"))
    result = syncing.run(path="gdrive://root", delete=True)
    assert syncing.content() == {"good": b"1"}
    assert len(result["failed_files"]) == 4
    assert {one["error"]["code"] for one in result["failed_files"]} == {"DATA_ERROR"}


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1_000])
def test_a_push_arrives_whole_in_pieces(syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(drive_api, "_PIECE", 256 * 1024)
    data = b"x" * (size * 2_622)
    syncing.put("src/a/b/c.bin", data)
    syncing.put("src/top.txt", b"1")
    syncing.take()
    top = drive.folder("Out")
    result = syncing.run(path=f"gdrive://{top}/new/er", direction="push")
    assert result["added"] == ["a/b/c.bin", "top.txt"]
    assert drive.tree(top) == {"new/er/a/b/c.bin": data, "new/er/top.txt": b"1"}
    drive.asked.clear()
    assert syncing.run(path=f"gdrive://{top}/new/er", direction="push")["counts"]["added"] == 0
    assert [asked for asked in drive.asked if "upload" in asked] == []


def test_a_push_changes_files_in_their_place_and_bins_what_is_gone(syncing: Any, drive: Drive) -> None:
    syncing.put("src/a", b"new")
    syncing.take()
    old, gone, plan = drive.put("a", b"old"), drive.put("gone", b"1"), drive.put("Plan", b"", kind=DOCUMENT)
    result = syncing.run(path="gdrive://root", direction="push", delete=True)
    assert (result["changed"], result["removed"]) == (["a"], ["gone"])
    assert drive.files[old]["data"] == b"new"
    assert drive.files[gone]["trashed"]
    assert not drive.files[plan]["trashed"]


def test_folders_are_made_once_however_many_files_need_them(syncing: Any, drive: Drive) -> None:
    for number in range(20):
        syncing.put(f"src/one/two/{number}", b"%d" % number)
    syncing.take()
    syncing.run(path="gdrive://root", direction="push")
    assert len([one for one in drive.files.values() if one["name"] in ("one", "two")]) == 2


@pytest.mark.parametrize(
    ("status", "reason", "error", "code"),
    [
        (403, "userRateLimitExceeded", Retryable, ErrorCode.RATE_LIMITED),
        (429, "rateLimitExceeded", Retryable, ErrorCode.RATE_LIMITED),
        (500, "backendError", Retryable, ErrorCode.CONNECTION_ERROR),
        (403, "accessNotConfigured", Permanent, ErrorCode.AUTH_ERROR),
        (403, "insufficientPermissions", Permanent, ErrorCode.AUTH_ERROR),
    ],
)
def test_an_error_of_googles_is_told_by_its_reason(
    syncing: Any, drive: Drive, status: int, reason: str, error: type[Exception], code: ErrorCode
) -> None:
    drive.put("a", b"1")
    drive.refusals.append(("/drive/v3/files", status, reason))
    with pytest.raises(error) as raised:
        syncing.run(path="gdrive://root")
    assert raised.value.code is code  # type: ignore[attr-defined]
    assert syncing.folder == {}


def test_one_file_that_may_not_be_read_is_left_out(syncing: Any, drive: Drive) -> None:
    refused = drive.put("a", b"1")
    drive.put("b", b"2")
    drive.refusals.append((refused, 403, "cannotDownloadFile"))
    result = syncing.run(path="gdrive://root")
    assert [(one["path"], one["error"]["code"]) for one in result["failed_files"]] == [("a", "AUTH_ERROR")]
    assert syncing.content() == {"b": b"2"}


def test_a_drive_that_is_read_only_or_full_is_told(syncing: Any, drive: Drive) -> None:
    syncing.put("src/a", b"1")
    syncing.take()
    drive.refusals.append(("/upload/drive/v3/files", 403, "storageQuotaExceeded"))
    with pytest.raises(Retryable, match="no room"):
        syncing.run(path="gdrive://root", direction="push")
    drive.read_only = True
    with pytest.raises(Permanent, match="as an editor"):
        syncing.run(path="gdrive://root", direction="push")


@pytest.mark.parametrize("path", ["gdrive://nowhere", "gdrive://root/nowhere", "gdrive://id-0001"])
def test_a_folder_that_is_none_is_told(syncing: Any, drive: Drive, path: str) -> None:
    drive.put("file", b"1")
    with pytest.raises(Permanent, match=r"There is no folder") as raised:
        syncing.run(path=path)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR


def test_a_token_that_ends_in_the_middle_is_renewed(syncing: Any, drive: Drive) -> None:
    for number in range(6):
        drive.put(f"{number}", b"%d" % number)
    assert syncing.connection is not None
    syncing.connection = ConnectionSecret(
        "c", "drive", "google_drive", drive.config, {"access_token": "first"}, renew_at=9e9
    )
    drive.tokens.clear()
    drive.tokens.add("second")
    syncing.answers["access_token"] = lambda payload: {"access_token": "second", "renew_at": 9e9}
    assert syncing.run(path="gdrive://root")["counts"]["added"] == 6
    drive.tokens.clear()
    with pytest.raises(Permanent, match="refuses the account") as raised:
        syncing.run(path="gdrive://root")
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert "second" not in str(raised.value)


def test_without_a_connection_it_says_what_to_make(syncing: Any) -> None:
    with pytest.raises(Permanent, match="provider google_drive"):
        syncing.run(path="gdrive://root")
