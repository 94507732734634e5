"""file_sync from and to a bucket, and what kept an attempt from its end."""

import json
from typing import Any

import pytest

from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sync import child, transfers
from vai_worker.children.job import ConnectionSecret
from vai_worker.children.link import Stop


def connection(s3: Any) -> ConnectionSecret:
    keys = {"access_key_id": "TENANT", "secret_access_key": "x"}
    return ConnectionSecret("c", "bucket", "s3", {"endpoint_url": s3.url}, keys)


def test_a_prefix_is_mirrored_and_pushed_back(syncing: Any, s3: Any) -> None:
    syncing.connection = connection(s3)
    s3.objects |= {"in/a#b%.txt": b"1", "in/x/c": b"2" * 100, "in/x/": b"", "inner": b"no", "other": b"no"}
    assert syncing.run(path="s3://bucket/in")["counts"]["added"] == 2
    assert syncing.content() == {"a#b%.txt": b"1", "x/c": b"2" * 100}
    result = syncing.run(path="s3://bucket/out", direction="push")
    assert result["added"] == ["a#b%.txt", "x/c"]
    assert s3.objects["out/a#b%.txt"] == b"1"
    assert {"TENANT" in asked for asked in s3.asked} == {True}


@pytest.mark.parametrize("prefix", ["a?b", "what?", "a#b", "100%", "a b", "[x]", "a;b"])
def test_a_prefix_is_all_of_what_is_written(syncing: Any, s3: Any, prefix: str) -> None:
    """A sync that deletes must never take another prefix for its own."""
    syncing.connection = connection(s3)
    s3.objects |= {f"{prefix}/good": b"1", "a/other": b"2", "what/other": b"2", "100/other": b"2"}
    others = {name: data for name, data in s3.objects.items() if not name.startswith(prefix)}
    assert syncing.run(path=f"s3://bucket/{prefix}")["added"] == ["good"]
    result = syncing.run(path=f"s3://bucket/{prefix}", include=["none"], direction="push", delete=True, delete_all=True)
    assert result["removed"] == []
    syncing.folder.clear()
    result = syncing.run(path=f"s3://bucket/{prefix}", direction="push", delete=True, delete_all=True)
    assert (result["removed"], s3.objects) == (["good"], others)


def test_a_read_only_bucket_is_told_and_nothing_is_lost(syncing: Any, s3: Any) -> None:
    syncing.connection = connection(s3)
    syncing.put("src/a", b"1")
    syncing.run(path="src")
    s3.read_only = True
    with pytest.raises(Permanent, match="does not let these keys write") as raised:
        syncing.run(path="s3://bucket/out", direction="push")
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert syncing.content() == {"a": b"1"}


def test_keys_that_cannot_be_names_are_told(syncing: Any, s3: Any) -> None:
    syncing.connection = connection(s3)
    s3.objects |= {"in/../../etc": b"1"}
    with pytest.raises(Permanent, match="rename that object") as raised:
        syncing.run(path="s3://bucket/in")
    assert raised.value.code is ErrorCode.DATA_ERROR


def test_an_object_that_these_keys_may_not_read_is_left_out(syncing: Any, s3: Any) -> None:
    syncing.connection = connection(s3)
    s3.objects |= {"refused.csv": b"1", "good": b"2"}
    result = syncing.run(path="s3://bucket")
    assert [(one["path"], one["error"]["code"]) for one in result["failed_files"]] == [("refused.csv", "AUTH_ERROR")]
    assert syncing.content() == {"good": b"2"}


def test_a_stopped_sync_goes_on_and_transfers_nothing_twice(syncing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "_TOGETHER", 1)
    names = [f"f{number:02}" for number in range(20)]
    for name in names:
        syncing.put(f"src/{name}", name.encode())
    commit = syncing._commit

    def stops_after_three(payload: Any) -> Any:
        commit(payload)
        if syncing.commits >= 3:
            raise Stop
        return {}

    syncing._commit = stops_after_three
    with pytest.raises(Stop):
        syncing.run(path="src")
    first = {path: row["location"] for path, row in syncing.folder.items()}
    assert 3 <= len(first) < 20
    syncing._commit, syncing.epoch = commit, 2
    result = syncing.attempt(path="src")
    assert result["counts"]["added"] == 20
    assert {path: syncing.folder[path]["location"] for path in first} == first
    assert syncing.content() == syncing.tree("src")
    lines = (syncing.lake / syncing.link.asked[-1][1]["location"]).read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == names


@pytest.mark.parametrize("together", [1, 3, 100])
def test_a_push_that_dies_at_any_moment_tells_all_that_it_did(
    syncing: Any, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """It dies at its first step, then at the second one of what is left, and so on."""
    monkeypatch.setattr(transfers, "_TOGETHER", together)
    monkeypatch.setattr(child, "_TOGETHER", together)
    for name in ("a", "b", "c", "d", "e/f", "e/g"):
        syncing.put(f"src/{name}", name.encode())
    syncing.run(path="src")
    for name, data in {"a": b"a", "b": b"?", "c": b"old", "gone": b"1", "e/gone": b"2"}.items():
        syncing.put(f"out/{name}", data)
    steps = deaths = 0

    def dies() -> None:
        nonlocal steps
        steps += 1
        if steps > deaths:
            raise Stop

    pushes = {"path": "out", "direction": "push", "delete": True}
    syncing.dies = dies
    for deaths in range(100):
        steps = 0
        try:
            result = syncing.attempt(**pushes) if deaths else syncing.run(**pushes)
        except Stop:
            continue
        break
    assert deaths >= 3
    assert result["counts"] == {"added": 3, "changed": 2, "removed": 2, "files": 6, "failed": 0}
    assert (result["changed"], result["removed"]) == (["b", "c"], ["e/gone", "gone"])
    assert syncing.tree("out") == syncing.content()
    assert syncing.checkpoint == {"intended": {}}


def test_a_store_that_is_away_is_tried_again(syncing: Any) -> None:
    syncing.connection = ConnectionSecret("c", "bucket", "s3", {"endpoint_url": "http://127.0.0.1:1"}, {})
    with pytest.raises(Retryable) as raised:
        syncing.run(path="s3://bucket/in")
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
