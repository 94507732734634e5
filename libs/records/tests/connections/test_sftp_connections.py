"""What a connection of the provider sftp says: the keys of its server, where it is, and who may read that."""

import pytest

from vai_records.connections.config import BadConfig, address, checked_config
from vai_records.connections.host_keys import host_key_of
from vai_records.connections.sftp import SftpServer
from vai_records.connections.sftp_paths import folder_of

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
"""GitHub's, whose fingerprint is on GitHub's own page."""
FINGERPRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@pytest.mark.parametrize(
    "line",
    [
        f"ssh-ed25519 {KEY}",
        f"github.com ssh-ed25519 {KEY}",
        f"[github.com]:22,140.82.121.3 ssh-ed25519 {KEY} a comment",
        f"  ssh-ed25519\t{KEY}  root@host ",
    ],
)
def test_a_key_is_taken_as_tools_print_it(line: str) -> None:
    found = host_key_of(line)
    assert (found.kind, found.fingerprint) == ("ssh-ed25519", FINGERPRINT)
    assert host_key_of(FINGERPRINT).fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    "line",
    [
        "",
        KEY,
        f"ssh-rsa {KEY}",
        "ssh-ed25519 AAAA",
        f"@cert-authority * ssh-ed25519 {KEY}",
        f"# ssh-ed25519 {KEY}",
        FINGERPRINT[:-1],
        "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="ssh-keyscan"):
        host_key_of(line)


def test_host_keys_are_no_secrets_but_other_things_in_their_place_are() -> None:
    config = {"host": "files.example.com", "host_keys": [f"ssh-ed25519 {KEY}", FINGERPRINT]}
    assert checked_config(config) == config
    for other in ("-----BEGIN OPENSSH PRIVATE KEY-----\nx", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"):
        with pytest.raises(BadConfig, match="credentials"):
            checked_config({"host_keys": [other]})
    assert address(config) != address(config | {"host_keys": [FINGERPRINT]})


def test_where_a_folder_is() -> None:
    assert folder_of("sftp://Files.Example.com/a/b/") == ("files.example.com", 22, "/a/b")
    assert folder_of("sftp://[::1]:2222/~/in") == ("::1", 2222, "/~/in")
    assert folder_of("sftp://h/") == ("h", 22, "/")
    assert SftpServer.of({"host": "[::1]", "port": 2222}, {}).place == "::1:2222"
