"""A connection of the provider `sftp`: where the server is, by which keys it is known, and who signs in.

`config`: `host`, `port` (22), `host_keys`. `credentials`: `username` (or `user`), and `password`, or `private_key` with
its `passphrase`. Without credentials a test tells which key the server shows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vai_records.connections.config import BadConfig
from vai_records.connections.credentials import Unusable
from vai_records.connections.host_keys import HostKey, host_key_of
from vai_records.connections.sftp_paths import HOST, PORT

SFTP: Final = "sftp"
_MOST_KEYS: Final = 50
_KNOWN: Final = ("username", "user", "password", "private_key", "passphrase")
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----")


@dataclass(frozen=True)
class SftpServer:
    """`user` is None where the connection has no credentials."""

    host: str
    port: int
    host_keys: tuple[HostKey, ...] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, config: Mapping[str, Any], credentials: Mapping[str, Any]) -> "SftpServer":
        """The server of a connection. Raises `BadConfig` and `Unusable`, which say what is wrong."""
        host, port = config.get("host"), config.get("port", PORT)
        if not isinstance(host, str) or not HOST.fullmatch(host):
            raise BadConfig("give the name of the SFTP server, without scheme and port: files.example.com", ("host",))
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65_536:
            raise BadConfig("a port is a number from 1 to 65535", ("port",))
        for name in ("base_url", "url", "auth"):
            if config.get(name) is not None:
                raise BadConfig("SFTP has no web address: give host and port", (name,))
        return cls(host.lower().strip("[]"), port, _host_keys(config.get("host_keys")), *_account(credentials))

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset(key.fingerprint for key in self.host_keys)

    @property
    def kinds(self) -> list[str]:
        """Of the keys that are known as a whole."""
        return [key.kind for key in self.host_keys if key.kind]

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def check_sftp(config: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
    """Hold what is to be stored against what it can mean. Raises `BadConfig` and `Unusable`."""
    SftpServer.of(config, credentials)


def _host_keys(given: Any) -> tuple[HostKey, ...]:
    texts = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or len(texts) > _MOST_KEYS or not all(isinstance(one, str) for one in texts):
        raise BadConfig(f"a list of at most {_MOST_KEYS} keys, as ssh-keyscan prints them", ("host_keys",))
    try:
        return tuple(host_key_of(line) for one in texts for line in one.splitlines() if line.strip())
    except ValueError as error:
        raise BadConfig(str(error), ("host_keys",)) from error


def _account(known: Mapping[str, Any]) -> tuple[str | None, str | None, str | None, str | None]:
    if unknown := sorted(known.keys() - {*_KNOWN}):
        raise Unusable(f"SFTP does not know {unknown[0][:60]!r}; known are {', '.join(_KNOWN)}", unknown[0])
    for name, value in known.items():
        if not isinstance(value, str) or not value:
            raise Unusable("give it as text", name)
    user, key = known.get("username") or known.get("user"), known.get("private_key")
    if known and not user:
        raise Unusable("SFTP needs a username", "username")
    if user and not known.get("password") and not key:
        raise Unusable("give a password, or a private_key", "password")
    if key and not _PRIVATE.search(key):
        raise Unusable(
            "a private key begins with -----BEGIN … PRIVATE KEY-----, as ssh-keygen writes it", "private_key"
        )
    if known.get("passphrase") and not key:
        raise Unusable("a passphrase opens a private_key, and there is none", "passphrase")
    return user, known.get("password"), key, known.get("passphrase")
