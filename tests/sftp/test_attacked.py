"""file_sync over SFTP with servers that fail, lie or are somebody else, and accounts that may not."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.sftp.servers import Key, Server, asyncssh_server
from vai_common.egress.addresses import EgressRefused
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.sync import sftp_folder, sftp_session
from vai_worker.children.job import ConnectionSecret


def failed(result: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["error"]["code"] for one in result["failed_files"]}


def given(server: Server, **credentials: str) -> ConnectionSecret:
    """The server's connection with other credentials."""
    return ConnectionSecret("c", "files", "sftp", server.config, credentials)


def knowing(server: Server, *keys: str) -> ConnectionSecret:
    """The server's connection with other host keys."""
    return ConnectionSecret("c", "files", "sftp", server.config | {"host_keys": [*keys]}, server.credentials)


# Who answers, and who asks --------------------------------------------------------------------------------------------


def test_a_server_whose_key_is_not_known_is_refused_with_the_key_it_showed(syncing: Any, server: Server) -> None:
    server.put("a", b"1")
    fingerprint = asyncssh.import_public_key(server.host_key.public).get_fingerprint()
    syncing.connection = knowing(server)
    with pytest.raises(Permanent, match="does not know") as raised:
        syncing.run(path=server.url)
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
    assert raised.value.details["fingerprint"] == fingerprint
    assert fingerprint in raised.value.message
    syncing.connection = knowing(server, fingerprint)
    assert syncing.run(path=server.url)["added"] == ["a"]
    syncing.connection = knowing(server, f"[127.0.0.1]:{server.port} {server.host_key.public} comment")
    assert syncing.run(path=server.url)["counts"]["files"] == 1


def test_a_host_key_that_has_changed_is_refused_before_the_password_is_sent(syncing: Any, tmp_path: Path) -> None:
    with asyncssh_server(tmp_path) as first:
        first.put("a", b"1")
        known = first.config["host_keys"]
    with asyncssh_server(tmp_path) as other:
        syncing.connection = knowing(other, *known)
        with pytest.raises(Permanent, match="shows another key") as raised:
            syncing.run(path=other.url)
        assert "somebody else answers" in raised.value.message
        syncing.connection = knowing(other, *known, other.host_key.public)
        assert syncing.run(path=other.url)["added"] == ["a"]


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "shop", "password": "wrong"},
        {"username": "nobody", "password": "an open secret"},
        {"username": "shop", "private_key": Key.fresh().private},
        {"username": "shop", "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n"},
    ],
)
def test_an_account_that_is_refused(syncing: Any, odd: Server, credentials: dict[str, str]) -> None:
    syncing.connection = given(odd, **credentials)
    with pytest.raises(Permanent) as raised:
        syncing.run(path=odd.url)
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert "nonsense" not in str(raised.value)
    assert "wrong" not in raised.value.message


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256"])
def test_a_private_key_of_another_kind(syncing: Any, odd: Server, kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    odd.odd(keys=[key.export_public_key().decode().split()[1]])
    odd.put("a", b"1")
    syncing.connection = given(odd, username="shop", private_key=key.export_private_key("pkcs8-pem").decode())
    assert syncing.run(path=odd.url)["added"] == ["a"]


def test_a_private_key_with_a_passphrase(syncing: Any, odd: Server) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    odd.odd(keys=[key.export_public_key().decode().split()[1]])
    odd.put("a", b"1")
    locked = key.export_private_key("openssh", "öpen it", rounds=50).decode()
    syncing.connection = given(odd, username="shop", private_key=locked, passphrase="öpen it")
    assert syncing.run(path=odd.url)["added"] == ["a"]
    for passphrase in ({}, {"passphrase": "another"}):
        syncing.connection = given(odd, username="shop", private_key=locked, **passphrase)
        with pytest.raises(Permanent, match="passphrase") as raised:
            syncing.run(path=odd.url)
        assert raised.value.code is ErrorCode.AUTH_ERROR


def test_credentials_go_to_their_own_server_alone(syncing: Any, odd: Server) -> None:
    for path in (f"sftp://localhost:{odd.port}/data", "sftp://127.0.0.1/data"):
        with pytest.raises(Permanent, match="own server alone") as raised:
            syncing.run(path=path)
        assert raised.value.code is ErrorCode.AUTH_ERROR
    for connection in (None, ConnectionSecret("c", "web", "http", {"base_url": "https://h"}, {"token": "t"})):
        syncing.connection = connection
        with pytest.raises(Permanent, match="needs a connection of the provider sftp"):
            syncing.run(path=odd.url)
    syncing.connection = ConnectionSecret("c", "files", "sftp", odd.config, {})
    with pytest.raises(Permanent, match="no credentials"):
        syncing.run(path=odd.url)


def test_an_address_that_is_not_permitted_is_never_connected_to(syncing: Any) -> None:
    with _listening() as (port, came):
        config = {"host": "127.0.0.1", "port": port}
        syncing.connection = ConnectionSecret("c", "files", "sftp", config, {"username": "u", "password": "p"})
        syncing.addresses = ""
        with pytest.raises(EgressRefused):
            syncing.run(path=f"sftp://127.0.0.1:{port}/data")
        assert came == []


def test_nothing_of_this_machine_is_used(
    syncing: Any, odd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, no agent, no settings of whoever runs the worker."""
    own = asyncssh.generate_private_key("ssh-ed25519")
    odd.odd(keys=[own.export_public_key().decode().split()[1]])
    home = tmp_path / "home/.ssh"
    home.mkdir(parents=True)
    own.write_private_key(str(home / "id_ed25519"))
    (home / "config").write_text("Host *\n  ProxyCommand touch proxied\n  User root\n")
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
    monkeypatch.chdir(tmp_path)
    odd.put("a", b"1")
    assert syncing.run(path=odd.url)["added"] == ["a"]
    syncing.connection = given(odd, username="shop", password="wrong")
    with pytest.raises(Permanent, match="refuses the user shop"):
        syncing.run(path=odd.url)
    assert not (tmp_path / "proxied").exists()


# Servers that fail ----------------------------------------------------------------------------------------------------


@contextmanager
def _listening(says: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """A port that accepts, says something and then nothing; and what it was sent."""
    came: list[bytes] = []
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                kept.append(client)
                came.append(b"")
                client.sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for client in kept:
            client.close()


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-slow\r\n", b"220 mail ESMTP\r\n", b"HTTP/1.1 400 Bad\r\n\r\n"])
def test_a_server_that_hangs_in_the_handshake(syncing: Any, monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    monkeypatch.setattr(sftp_session, "_CONNECT_SECONDS", 1.0)
    with _listening(says) as (port, _):
        config = {"host": "127.0.0.1", "port": port}
        syncing.connection = ConnectionSecret("c", "files", "sftp", config, {"username": "u", "password": "p"})
        with pytest.raises((Retryable, Permanent)) as raised:
            syncing.run(path=f"sftp://127.0.0.1:{port}/data")
        assert raised.value.code is ErrorCode.CONNECTION_ERROR
    assert not [thread for thread in threading.enumerate() if thread.name == "sftp"]


def test_a_server_that_hangs_in_a_file(syncing: Any, odd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp_session, "_SECONDS", 1.0)
    odd.put("a", b"1")
    odd.odd(hang=True)
    with pytest.raises(Retryable, match="broke off"):
        syncing.run(path=odd.url)


def test_a_connection_that_is_cut_in_mid_file_goes_on_where_it_was(syncing: Any, odd: Server) -> None:
    files = {f"{number:02}": bytes([number]) * 1_000_000 for number in range(12)}
    for name, data in files.items():
        odd.put(name, data)
    odd.odd(cut_after=5_500_000)
    with pytest.raises(Retryable, match="broke off"):
        syncing.run(path=odd.url)
    before = dict(syncing.folder)
    assert 1 <= len(before) <= 6
    odd.odd()
    syncing.epoch += 1
    result = syncing.attempt(path=odd.url)
    assert syncing.content() == files
    assert result["counts"]["added"] == 12
    assert {path: syncing.folder[path]["location"] for path in before} == {
        path: row["location"] for path, row in before.items()
    }


@pytest.mark.parametrize("refusal", ["failure", "quota"])
def test_a_disk_that_is_full(syncing: Any, odd: Server, refusal: str) -> None:
    syncing.take(a=b"1")
    odd.put("a", b"the old one")
    odd.odd(refuse_write=refusal)
    with pytest.raises(Retryable, match="quota") as raised:
        syncing.run(path=odd.url, direction="push")
    assert raised.value.code is ErrorCode.CONNECTION_ERROR
    assert odd.tree() == {"a": b"the old one"}
    odd.odd()
    assert syncing.attempt(path=odd.url, direction="push")["changed"] == ["a"]
    assert odd.tree() == {"a": b"1"}


def test_a_target_that_is_read_only(syncing: Any, odd: Server) -> None:
    syncing.take(a=b"1", b__c=b"2")
    odd.put("gone", b"1")
    odd.odd(read_only=True)
    with pytest.raises(Permanent, match="right to write") as raised:
        syncing.run(path=odd.url, direction="push", delete=True)
    assert raised.value.code is ErrorCode.AUTH_ERROR
    assert odd.tree() == {"gone": b"1"}


def test_real_rights_count_for_each_file(syncing: Any, server: Server) -> None:
    """asyncssh's server runs as whoever runs the tests, who may be root: there they are made up."""
    server.put("open/a", b"1")
    server.put("closed/b", b"2")
    server.put("c-closed", b"3")
    (server.folder / "closed").chmod(0)
    (server.folder / "c-closed").chmod(0)
    if server.faults:
        server.odd(forbid="closed")
    result = syncing.run(path=server.url, delete=True)
    assert syncing.content() == {"open/a": b"1"}
    assert failed(result) == {"closed": "AUTH_ERROR", "c-closed": "AUTH_ERROR"}


def test_a_rename_over_a_file_that_the_server_refuses(syncing: Any, odd: Server) -> None:
    odd.odd(no_posix_rename=True)
    syncing.take(a=b"new", b=b"1")
    odd.put("a", b"old")
    result = syncing.run(path=odd.url, direction="push")
    assert (result["changed"], result["added"]) == (["a"], ["b"])
    assert odd.tree() == {"a": b"new", "b": b"1"}


def test_a_file_that_grows_while_it_is_read(syncing: Any, odd: Server) -> None:
    growing = odd.put("log", b"x" * 10_000)
    odd.put("still", b"1")
    odd.odd(grows=str(growing))
    result = syncing.run(path=odd.url)
    assert failed(result) == {"log": "DATA_ERROR"}
    assert "changes while it is read" in result["failed_files"][0]["error"]["message"]
    assert syncing.content() == {"still": b"1"}


def test_a_folder_that_is_not_there(syncing: Any, server: Server) -> None:
    server.put("file", b"1")
    for path in (f"{server.url}/nowhere", f"{server.url}/file"):
        with pytest.raises(Permanent, match="There is no folder") as raised:
            syncing.run(path=path)
        assert raised.value.code is ErrorCode.CONNECTION_ERROR


# Servers that lie -----------------------------------------------------------------------------------------------------


def test_names_that_no_file_has_are_never_followed(syncing: Any, odd: Server) -> None:
    odd.put("good", b"1")
    odd.odd(listed=["../good", "a/b", "", "/etc/passwd", "..", "."])
    result = syncing.run(path=odd.url, delete=True)
    assert syncing.content() == {"good": b"1"}
    assert set(failed(result).values()) == {"DATA_ERROR"}
    assert len(result["failed_files"]) == 4
    syncing.take(good=b"1")
    result = syncing.run(path=odd.url, direction="push", delete=True)
    assert odd.tree() == {"good": b"1"}


def test_a_server_that_tells_no_kinds_of_files(syncing: Any, odd: Server) -> None:
    odd.put("a", b"1")
    odd.odd(no_modes=True)
    assert syncing.run(path=odd.url)["added"] == ["a"]


def test_folders_and_names_without_an_end(syncing: Any, odd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    odd.put("a", b"1")
    odd.odd(names=4_000)
    monkeypatch.setattr(sftp_folder, "_MOST_NAMES", 2_000)
    with pytest.raises(Permanent, match="2,000 names"):
        syncing.run(path=odd.url, include=["x"])
    monkeypatch.setattr(sftp_folder, "_MOST_NAMES", 100_000)
    odd.odd(deeper=True)
    result = syncing.run(path=odd.url, delete=True)
    assert syncing.content() == {"a": b"1"}
    assert [one["error"]["code"] for one in result["failed_files"]] == ["DATA_ERROR"]
    assert "have more than 1,024 letters" in result["failed_files"][0]["error"]["message"]


# Where there is no client ---------------------------------------------------------------------------------------------


def test_an_installation_without_the_client_says_how_to_get_it(
    syncing: Any, odd: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(Permanent, match="make image SFTP=1") as raised:
        syncing.run(path=odd.url)
    assert raised.value.details == {"missing": "asyncssh"}
