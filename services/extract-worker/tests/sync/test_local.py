"""file_sync between a local folder and the lake: what is transferred, what is not, and what is told of it."""

import os
import subprocess
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent


def test_files_come_into_the_lake_and_only_what_changed_comes_again(syncing: Any) -> None:
    for name in ("a.txt", "b/c.txt", "b/ä ö#%.txt", "empty"):
        syncing.put(f"src/{name}", name.encode() * (name != "empty"))
    result = syncing.run(path="src")
    assert syncing.content() == syncing.tree("src")
    assert result["counts"] == {"added": 4, "changed": 0, "removed": 0, "files": 4, "failed": 0}
    assert result["artifacts"][0]["name"] == "changes.jsonl"

    syncing.put("src/a.txt", b"other")
    os.utime(syncing.root / "src/b/c.txt", (1, 1))
    result = syncing.run(path="src")
    assert (result["added"], result["changed"], result["removed"]) == ([], ["a.txt"], [])
    assert result["bytesTransferred"] == 5
    assert syncing.content() == syncing.tree("src")


def test_a_change_that_keeps_size_and_time_is_seen(syncing: Any) -> None:
    file = syncing.put("src/a", b"one")
    os.utime(file, (1_000, 1_000))
    syncing.run(path="src")
    file.write_bytes(b"two")
    os.utime(file, (1_000, 1_000))
    assert syncing.run(path="src")["changed"] == ["a"]
    assert syncing.content() == {"a": b"two"}


def test_globs_choose_and_only_what_they_mean_is_removed(syncing: Any) -> None:
    for name in ("a.csv", "b.csv", "x/c.csv", "d.txt"):
        syncing.put(f"src/{name}", b"1")
    syncing.run(path="src")
    for name in ("a.csv", "d.txt"):
        (syncing.root / "src" / name).unlink()
    result = syncing.run(path="src", include=["**/*.csv"], exclude=["x/**"], delete=True)
    assert result["removed"] == ["a.csv"]
    assert sorted(syncing.folder) == ["b.csv", "d.txt", "x/c.csv"]


def test_an_empty_source_removes_nothing_unless_that_is_said(syncing: Any) -> None:
    syncing.put("src/a", b"1")
    syncing.run(path="src")
    (syncing.root / "src/a").unlink()
    with pytest.raises(Permanent, match="delete would remove all 1 files") as raised:
        syncing.run(path="src", delete=True)
    assert raised.value.code is ErrorCode.DATA_ERROR
    assert syncing.content() == {"a": b"1"}
    assert syncing.run(path="src", delete=True, delete_all=True)["removed"] == ["a"]


def test_what_cannot_be_synced_is_told_and_the_rest_comes(syncing: Any, tmp_path: Any) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    syncing.put("src/good", b"1")
    bad = syncing.root / "src"
    (bad / "out").symlink_to(tmp_path / "secret")
    (bad / "back\\slash").write_bytes(b"1")
    (bad / "e\u0301").write_bytes(b"1")
    (bad / "\u00e9").write_bytes(b"1")
    (bad / os.fsdecode(b"\xff")).write_bytes(b"1")
    os.mkfifo(bad / "pipe")
    (bad / "gone").symlink_to("nowhere")
    result = syncing.run(path="src")
    assert syncing.content() == {"good": b"1"}
    told = {one["path"]: one["error"]["code"] for one in result["failed_files"]}
    assert told == dict.fromkeys(("out", "back\\slash", "\u00e9", "\\xff", "pipe", "gone"), "DATA_ERROR")
    assert result["failed_resources"] == [one["path"] for one in result["failed_files"]]


def test_what_is_excluded_is_neither_looked_into_nor_told(syncing: Any) -> None:
    names = ("lost+found", "links", "bad")
    for name in names:
        syncing.put(f"src/{name}/back\\slash", b"1")
    os.chmod(syncing.root / "src/lost+found", 0)
    syncing.put("src/good", b"1")
    syncing.put("src/gone", b"1")
    (syncing.root / "src/links/all").symlink_to(syncing.root)
    (syncing.root / "src/latest").symlink_to("links")
    exclude = [*(f"{name}/**" for name in names), "late*"]
    assert syncing.run(path="src", exclude=exclude)["counts"]["failed"] == 0
    (syncing.root / "src/gone").unlink()
    result = syncing.run(path="src", exclude=exclude, delete=True)
    assert (result["removed"], result["failed_files"]) == (["gone"], [])
    assert "latest" in {one["path"] for one in syncing.run(path="src", include=["**"])["failed_files"]}
    assert syncing.run(path="src", include=["*.csv"], exclude=["links/**", "latest"])["failed_files"] == []


def test_globs_mean_names_in_any_composition(syncing: Any) -> None:
    """A Mac writes é as two characters."""
    syncing.put("src/e\u0301.txt", b"1")
    syncing.put("src/\u00fc.txt", b"1")
    assert syncing.run(path="src", include=["\u00e9*", "u\u0308*"])["counts"]["added"] == 2


def test_folders_may_be_as_deep_as_the_system_lets_them(syncing: Any) -> None:
    syncing.put("src/good", b"1")
    there = os.open(syncing.root / "src", os.O_RDONLY)
    for _ in range(1_100):
        os.mkdir("d", dir_fd=there)
        there, above = os.open("d", os.O_RDONLY, dir_fd=there), there
        os.close(above)
    os.close(os.open("deep", os.O_CREAT | os.O_WRONLY, dir_fd=there))
    os.close(there)
    result = syncing.run(path="src")
    assert syncing.content() == {"good": b"1"}
    assert [one["error"]["code"] for one in result["failed_files"]] == ["DATA_ERROR"]
    assert "at most 1,024" in result["failed_files"][0]["error"]["message"]
    subprocess.run(["rm", "-r", syncing.root / "src"], check=True)  # what pytest removes with is not as deep


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_a_link_to_nothing_is_told_as_one(syncing: Any, direction: str) -> None:
    syncing.put("src/good", b"1")
    syncing.run(path="src")
    (syncing.root / "src/gone").symlink_to("nowhere")
    result = syncing.run(path="src", direction=direction)
    assert [one["path"] for one in result["failed_files"]] == ["gone"]
    assert "a link to a file that is not there" in result["failed_files"][0]["error"]["message"]


def test_a_folder_that_is_not_listed_keeps_everything_from_being_removed(syncing: Any, tmp_path: Any) -> None:
    syncing.put("src/a", b"1")
    syncing.put("src/b", b"1")
    syncing.run(path="src")
    (syncing.root / "src/a").unlink()
    (syncing.root / "src/elsewhere").symlink_to(tmp_path)
    result = syncing.run(path="src", delete=True)
    assert (result["removed"], sorted(syncing.folder)) == ([], ["a", "b"])
    assert "sync_nothing_removed" in syncing.link.events


@pytest.mark.parametrize("path", ["../x", "/etc", "src/../../x"])
def test_a_path_out_of_the_root_is_refused(syncing: Any, path: str) -> None:
    with pytest.raises((Permanent, ValueError), match=r"outside|'\.\.'"):
        syncing.run(path=path)


def test_a_folder_that_is_a_link_out_of_the_root_is_refused(syncing: Any, tmp_path: Any) -> None:
    syncing.root.mkdir()
    (syncing.root / "link").symlink_to(tmp_path)
    for direction in ("pull", "push"):
        with pytest.raises(Permanent, match="outside of the folder"):
            syncing.run(path="link", direction=direction)


def test_push_writes_what_differs_and_removes_what_is_asked(syncing: Any) -> None:
    for name in ("a", "b/c", "b/d"):
        syncing.put(f"src/{name}", name.encode())
    syncing.run(path="src")
    syncing.put("out/old", b"old")
    syncing.put("out/b/c", b"b/c")
    result = syncing.run(path="out", direction="push", delete=True)
    assert (result["added"], result["changed"], result["removed"]) == (["a", "b/d"], [], ["old"])
    assert syncing.tree("out") == syncing.content()
    assert syncing.run(path="out", direction="push")["counts"] == {
        "added": 0, "changed": 0, "removed": 0, "files": 3, "failed": 0,
    }  # fmt: skip
    syncing.put("out/a", b"x")
    assert syncing.run(path="out", direction="push")["changed"] == ["a"]
    assert syncing.tree("out") == syncing.content()


def test_push_follows_no_link_and_needs_the_installations_word(syncing: Any, tmp_path: Any) -> None:
    syncing.put("src/b/c", b"1")
    syncing.put("src/a", b"1")
    syncing.run(path="src")
    (syncing.root / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (syncing.root / "out/b").symlink_to(tmp_path / "elsewhere")
    result = syncing.run(path="out", direction="push")
    assert [one["path"] for one in result["failed_files"]] == ["b", "b/c"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    syncing.may_write = False
    with pytest.raises(Permanent, match="VAI_FILES_PUSH"):
        syncing.run(path="out", direction="push")


def test_a_file_that_is_damaged_in_the_lake_is_not_sent(syncing: Any) -> None:
    syncing.put("src/a", b"good")
    syncing.put("src/b", b"good")
    syncing.run(path="src")
    (syncing.lake / syncing.folder["a"]["location"]).write_bytes(b"evil")
    result = syncing.run(path="out", direction="push")
    assert syncing.tree("out") == {"b": b"good"}
    assert "damaged in the lake" in result["failed_files"][0]["error"]["message"]
