"""file_sync over SFTP, both directions, on real servers."""

import os
from typing import Any

import pytest

from tests.sftp.servers import Server

LARGE = bytes(range(256)) * 50_000


def test_a_folder_is_mirrored_with_what_is_below_it(syncing: Any, server: Server) -> None:
    files = {f"2026/{number}.pdf": b"%d" % number for number in range(5)} | {"Ärger.txt": b"", "large": LARGE}
    for path, data in files.items():
        server.put(path, data)
    server.put("tmp/left out", b"no")
    result = syncing.run(path=server.url, exclude=["tmp/**"])
    assert syncing.content() == files
    assert result["counts"] == {"added": 7, "changed": 0, "removed": 0, "files": 7, "failed": 0}
    below = syncing.run(path=f"{server.url}/2026/", folder="other")
    assert below["counts"]["files"] == 5


def test_only_what_changed_is_read_again_and_what_is_gone_is_removed(syncing: Any, server: Server) -> None:
    for name in ("kept", "changed", "gone"):
        os.utime(server.put(name, name.encode()), (1_000, 1_000))
    syncing.run(path=server.url)
    os.utime(server.put("changed", b"CHANGED"), (1_001, 1_001))
    (server.folder / "gone").unlink()
    result = syncing.run(path=server.url, delete=True)
    assert (result["changed"], result["removed"]) == (["changed"], ["gone"])
    assert result["bytesTransferred"] == len(b"CHANGED")
    assert syncing.content() == {"kept": b"kept", "changed": b"CHANGED"}


def test_a_change_within_the_second_of_a_fresh_file_is_seen(syncing: Any, server: Server) -> None:
    """Times are seconds here: what was changed just now is read once more."""
    server.put("a", b"one")
    facts = (server.folder / "a").stat()
    syncing.run(path=server.url)
    server.put("a", b"two")
    os.utime(server.folder / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert syncing.run(path=server.url)["changed"] == ["a"]
    assert syncing.content() == {"a": b"two"}


def test_content_is_compared_where_that_is_asked_for(syncing: Any, server: Server) -> None:
    os.utime(server.put("a", b"one"), (1_000, 1_000))
    syncing.run(path=server.url)
    os.utime(server.put("a", b"two"), (1_000, 1_000))
    assert syncing.run(path=server.url)["counts"]["changed"] == 0
    assert syncing.run(path=server.url, compare="content")["changed"] == ["a"]


def test_a_push_arrives_whole_and_the_second_one_writes_nothing(syncing: Any, server: Server) -> None:
    files = {"a/b/c.bin": LARGE, "a/d": b"", "top.txt": b"1", "Ärger": b"2"}
    for path, data in files.items():
        syncing.put(f"src/{path}", data)
    syncing.take()
    url = f"{server.url}/new/er"
    result = syncing.run(path=url, direction="push")
    assert sorted(result["added"]) == sorted(files)
    assert server.tree() == {f"new/er/{path}": data for path, data in files.items()}
    again = syncing.run(path=url, direction="push")
    assert (again["counts"]["added"], again["counts"]["changed"], again["bytesTransferred"]) == (0, 0, 0)
    assert server.tree() == {f"new/er/{path}": data for path, data in files.items()}


def test_a_push_replaces_and_removes(syncing: Any, server: Server) -> None:
    syncing.take(a=b"new", same=b"same")
    for name in ("a", "gone", "same"):
        server.put(name, b"old" if name != "same" else b"same")
    result = syncing.run(path=server.url, direction="push", delete=True)
    assert (result["changed"], result["removed"], result["added"]) == (["a"], ["gone"], [])
    assert server.tree() == {"a": b"new", "same": b"same"}


def test_links_are_read_as_files_only_within_the_folder(syncing: Any, server: Server) -> None:
    server.put("real", b"1")
    outside = server.folder.parent / "secret"
    outside.write_bytes(b"no")
    outside.chmod(0o644)
    (server.folder / "folder").mkdir()
    server.own(server.folder / "folder")
    for name, target in {"in": "real", "out": "../secret", "to": "folder", "nowhere": "none", "loop": "loop"}.items():
        (server.folder / name).symlink_to(target)
    os.mkfifo(server.folder / "pipe")
    result = syncing.run(path=server.url, delete=True)
    assert syncing.content() == {"in": b"1", "real": b"1"}
    failed = {one["path"]: one["error"]["code"] for one in result["failed_files"]}
    assert failed == dict.fromkeys(("out", "to", "nowhere", "loop", "pipe"), "DATA_ERROR")


def test_a_push_goes_through_no_link(syncing: Any, server: Server) -> None:
    elsewhere = server.folder.parent / "elsewhere"
    elsewhere.mkdir()
    server.own(elsewhere)
    (server.folder / "a").symlink_to("../elsewhere")
    server.put("b", b"a file")
    server.put("c/inner", b"in a folder of a file's name")
    syncing.take(a__x=b"1", b__x=b"2", c=b"3", good=b"4")
    result = syncing.run(path=server.url, direction="push")
    assert sorted(one["path"] for one in result["failed_files"] if one["path"] != "a") == ["a/x", "b/x", "c"]
    assert {one["error"]["code"] for one in result["failed_files"]} == {"DATA_ERROR"}
    assert list(elsewhere.iterdir()) == []
    assert server.tree() == {"b": b"a file", "c/inner": b"in a folder of a file's name", "good": b"4"}


def test_names_of_other_letters_are_files_of_their_own(syncing: Any, server: Server) -> None:
    names = ["Plan.txt", "plan.txt", "日本 🙂.pdf", "%2e%2e", "a'b", " lead", "trail ", "a;b?c#d", "-rf", "*", "[x]"]
    for number, name in enumerate(names):
        server.put(name, b"%d" % number)
    assert syncing.run(path=server.url)["counts"]["failed"] == 0
    assert syncing.content() == {name: b"%d" % number for number, name in enumerate(names)}


@pytest.mark.parametrize("name", [b"a\nb", b"a\x7fb", b"a\\b", b"\xff\xfe", b"fold\ner/in", b"\xc3\x28/in"])
def test_a_name_that_is_not_taken_costs_that_file_alone(syncing: Any, server: Server, name: bytes) -> None:
    server.put(name, b"1")
    server.put("good", b"2")
    result = syncing.run(path=server.url)
    assert syncing.content() == {"good": b"2"}
    assert [one["error"]["code"] for one in result["failed_files"]] == ["DATA_ERROR"]
    assert "rename" in result["failed_files"][0]["error"]["message"]


def test_many_files(syncing: Any, server: Server) -> None:
    for number in range(2_000):
        file = server.folder / f"{number % 100:02}" / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"%d" % number)
        os.utime(file, (1_000, 1_000))
    for folder in server.folder.iterdir():
        folder.chmod(0o755)
    result = syncing.run(path=server.url)
    assert result["counts"] == {"added": 2_000, "changed": 0, "removed": 0, "files": 2_000, "failed": 0}
    again = syncing.run(path=server.url)
    assert (again["counts"]["changed"], again["bytesTransferred"]) == (0, 0)


def test_a_folder_of_the_users_own(syncing: Any, odd: Server) -> None:
    odd.put("a", b"1")
    assert syncing.run(path=f"{odd.url.removesuffix('/data')}/~/data")["added"] == ["a"]
    assert syncing.run(path=f"{odd.url.removesuffix('/data')}/~", folder="home")["added"] == ["data/a"]
