"""file_sync and a Google Drive that breaks off, refuses, and answers nonsense."""

from typing import Any, Literal

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sync import drive_api
from vai_testkit.vendors import google_drive as server
from vai_testkit.vendors.google_drive import DOCUMENT, Drive

MEBI = 1 << 20
ROOT = "gdrive://root"


def failed(result: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["error"]["code"] for one in result["failed_files"]}


def names_of(drive: Drive) -> list[str]:
    return sorted(one["name"] for one in drive.files.values() if not one["trashed"] and one["id"] != "root")


# Uploads that break off -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "middle", "after"])
@pytest.mark.parametrize("size", [0, 1, 3 * MEBI // 2])
@pytest.mark.parametrize("piece", [1, 2, 5])
def test_an_upload_that_breaks_off_goes_on_and_is_there_once(
    syncing: Any,
    drive: Drive,
    monkeypatch: pytest.MonkeyPatch,
    when: Literal["before", "middle", "after"],
    size: int,
    piece: int,
) -> None:
    monkeypatch.setattr(drive_api, "_PIECE", 256 * 1024)
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    syncing.take(a=data)
    seen = 0

    def meanwhile(method: str, path: str) -> None:
        nonlocal seen
        seen += method == "PUT"
        if method == "PUT" and seen == piece:
            drive.cuts.append(("PUT", "files", when))

    drive.meanwhile = meanwhile
    assert syncing.run(path=ROOT, direction="push")["added"] == ["a"]
    assert (drive.tree(), names_of(drive)) == ({"a": data}, ["a"])


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (404, "notFound", ErrorCode.CONNECTION_ERROR),
        (410, "gone", ErrorCode.CONNECTION_ERROR),
        (403, "userRateLimitExceeded", ErrorCode.RATE_LIMITED),
        (429, "", ErrorCode.RATE_LIMITED),
        (403, "storageQuotaExceeded", ErrorCode.CONNECTION_ERROR),
    ],
)
@pytest.mark.parametrize("piece", [1, 2])
def test_an_upload_that_is_refused_in_the_middle_is_sent_again_later(
    syncing: Any,
    drive: Drive,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    reason: str,
    code: ErrorCode,
    piece: int,
) -> None:
    monkeypatch.setattr(drive_api, "_PIECE", 256 * 1024)
    syncing.take(a=b"x" * 400_000)
    seen = 0

    def meanwhile(method: str, path: str) -> None:
        nonlocal seen
        seen += method == "PUT"
        if method == "PUT" and seen == piece:
            drive.refusals.append(("files", status, reason))

    drive.meanwhile = meanwhile
    with pytest.raises(Retryable) as raised:
        syncing.run(path=ROOT, direction="push")
    assert raised.value.code is code
    assert syncing.attempt(path=ROOT, direction="push")["added"] == ["a"]
    assert names_of(drive) == ["a"]


def test_a_server_error_in_the_middle_of_an_upload_costs_no_attempt(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"1")
    made: list[str] = []

    def meanwhile(method: str, path: str) -> None:
        if method == "PUT" and not made:
            made.append(path)
            drive.refusals.append(("files", 503, "backendError"))

    drive.meanwhile = meanwhile
    assert syncing.run(path=ROOT, direction="push")["added"] == ["a"]


def test_a_connection_that_always_breaks_ends_the_attempt(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"1")
    drive.cuts.extend([("PUT", "files", "before")] * 50)
    with pytest.raises(Retryable, match="failed"):
        syncing.run(path=ROOT, direction="push")
    assert len(drive.cuts) > 30


def test_an_upload_whose_answer_is_lost_at_the_end_of_the_attempt_is_not_made_again(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"1")
    drive.cuts.extend([("PUT", "files", "after")] * 2)
    with pytest.raises(Retryable):
        syncing.run(path=ROOT, direction="push")
    assert syncing.attempt(path=ROOT, direction="push")["added"] == ["a"]
    assert names_of(drive) == ["a"]


# What Google refuses --------------------------------------------------------------------------------------------------


def test_a_document_that_is_too_large_to_export_is_told(syncing: Any, drive: Drive) -> None:
    drive.put("Book", b"1", kind=DOCUMENT)
    drive.put("good", b"1")
    drive.refusals.append(("/export", 403, "exportSizeLimitExceeded"))
    result = syncing.run(path=ROOT)
    assert failed(result) == {"Book.docx": "DATA_ERROR"}
    assert "10 MB" in str(result["failed_files"])


def test_a_file_that_may_not_be_removed_or_changed_does_not_stop_the_others(syncing: Any, drive: Drive) -> None:
    syncing.take(a=b"new", z=b"1")
    theirs, changed = drive.put("b", b"1"), drive.put("a", b"old")
    drive.put("c", b"1")
    drive.refusals.append((f"/drive/v3/files/{theirs}", 403, "insufficientFilePermissions"))
    drive.refusals.append((f"/upload/drive/v3/files/{changed}", 403, "insufficientFilePermissions"))
    result = syncing.run(path=ROOT, direction="push", delete=True)
    assert (result["added"], result["removed"]) == (["z"], ["c"])
    assert failed(result) == {"a": "AUTH_ERROR", "b": "AUTH_ERROR"}
    assert drive.tree() == {"a": b"old", "b": b"1", "z": b"1"}


def test_nothing_is_pushed_into_a_folder_that_cannot_be_listed(syncing: Any, drive: Drive) -> None:
    syncing.take(inner__a=b"1", b=b"1")
    inner = drive.folder("inner")
    drive.put("a", b"old", inner)
    asked = 0

    def meanwhile(method: str, path: str) -> None:
        nonlocal asked
        asked += method == "GET" and path == "/drive/v3/files"
        if asked == 2 and not drive.refusals:
            asked += 1
            drive.refusals.append(("/drive/v3/files", 403, "forbidden"))

    drive.meanwhile = meanwhile
    result = syncing.run(path=ROOT, direction="push", delete=True)
    assert failed(result) == {"inner": "AUTH_ERROR", "inner/a": "AUTH_ERROR"}
    assert drive.tree() == {"inner/a": b"old", "b": b"1"}


# Nonsense -------------------------------------------------------------------------------------------------------------

FILE = {"id": "i", "name": "n", "mimeType": "text/plain", "size": "1", "modifiedTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "page",
    [
        b"<html>Sign in</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"files": {}}',
        b'{"files": [5]}',
        b'{"files": [{}]}',
        b"[" * 100_000,
        FILE | {"size": "-1"},
        FILE | {"size": 5},
        FILE | {"size": "\u0665"},
        FILE | {"name": None},
        FILE | {"mimeType": []},
        FILE | {"md5Checksum": 5},
        FILE | {"id": 5},
        FILE | {"modifiedTime": 5},
    ],
)
def test_a_server_that_is_no_drive_is_told(
    syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch, page: bytes | dict[str, Any]
) -> None:
    def answer(handler: Any) -> None:
        handler._say(200, page if isinstance(page, bytes) else {"files": [page]})

    monkeypatch.setattr(server._Handler, "_list", answer)
    with pytest.raises(Retryable, match="What answers is not Google Drive's API") as raised:
        syncing.run(path=ROOT)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR


@pytest.mark.parametrize("tokens", [["a"], ["a", "b"], ["a", "b", "c"], [{"x": 1}]])
def test_pages_that_come_again_end(
    syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch, tokens: list[Any]
) -> None:
    asked = 0

    def answer(handler: Any) -> None:
        nonlocal asked
        asked += 1
        handler._say(200, {"files": [], "nextPageToken": tokens[asked % len(tokens)]})

    monkeypatch.setattr(server._Handler, "_list", answer)
    with pytest.raises(Retryable, match="without an end"):
        syncing.run(path=ROOT)
    assert asked < 10


def test_a_search_that_is_not_whole_is_no_list(syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    syncing.folder["kept"] = {"location": "x", "byte_count": 1, "sha256": "", "mark": {}, "path": "kept"}
    monkeypatch.setattr(
        server._Handler, "_list", lambda handler: handler._say(200, {"files": [], "incompleteSearch": True})
    )
    with pytest.raises(Retryable, match="did not search all"):
        syncing.run(path=ROOT, delete=True, delete_all=True)
    assert list(syncing.folder) == ["kept"]


@pytest.mark.parametrize("where", ["http://169.254.169.254/upload", "https://evil.example/u", "//x", "/here", ""])
def test_an_upload_goes_to_the_origin_of_the_connection_alone(
    syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    syncing.take(a=b"1")
    monkeypatch.setattr(server._Handler, "_upload", lambda handler, file_id: handler._say(200, b"", Location=where))
    with pytest.raises(Retryable, match="did not say where"):
        syncing.run(path=ROOT, direction="push")


def test_a_redirect_is_not_followed(syncing: Any, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    drive.put("a", b"1")

    def answer(handler: Any) -> None:
        handler._say(302, b"", Location=f"{drive.url}/elsewhere")

    monkeypatch.setattr(server._Handler, "_list", answer)
    with pytest.raises(Permanent):
        syncing.run(path=ROOT)
    assert not [asked for asked in drive.asked if "elsewhere" in asked]
