"""asyncssh for a tenant's SFTP server: to permitted addresses only, and to servers whose key is known (decision 71).

It gets a socket and resolves nothing itself. Nothing of this machine is used: no key, no agent, no file of settings.
asyncssh is an extra, which most installations do not have.
"""

import asyncio
import base64
import hashlib
import logging
import os
from collections.abc import Collection
from typing import Any, Protocol

from vai_common.egress.addresses import Policy
from vai_common.egress.checked_socket import checked_socket
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_MOST_SAID = 200


class Server(Protocol):
    """Where to, and who signs in. `private_key` is a text as OpenSSH or PKCS#8 has it, `passphrase` opens it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> str | None: ...
    @property
    def private_key(self) -> str | None: ...
    @property
    def passphrase(self) -> str | None: ...
    @property
    def fingerprints(self) -> Collection[str]:
        """Of the keys by which it is known: `SHA256:…`."""

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of these keys, as far as they are known; the server is asked for them first."""


class HostKeyUnknown(Permanent):
    """The server is not one of those that the connection knows. Nothing was sent to it but the greeting."""

    def __init__(self, host: str, kind: str, fingerprint: str, knows_others: bool) -> None:
        text = f"{host} shows a {kind} key with the fingerprint {fingerprint}, which the connection does not know. "
        if knows_others:
            text = f"{host} shows another key than those that the connection knows: {kind}, fingerprint {fingerprint}. "
            text += "Either the server has a new key, or somebody else answers in its place. "
        text += "Compare it with what the server's operator tells; if it is the same, add it to config.host_keys."
        super().__init__(ErrorCode.CONNECTION_ERROR, text, {"host": host, "kind": kind, "fingerprint": fingerprint})


def library() -> Any:
    """asyncssh. Raises `Permanent` where this installation has none."""
    try:
        import asyncssh
    except ImportError as error:
        text = (
            f"This installation has no client for SFTP ({error.name} is missing): its operator builds the image with "
        )
        text += "`make image SFTP=1`, or installs the extra `sftp` of vai-common (docs/file-sync.md, SFTP)."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"missing": error.name}) from None
    os.environ.setdefault("LOGNAME", "vai")  # it asks who runs this process, and a pod's user may have no name
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL + 1)  # it tells hosts and users
    return asyncssh


async def connect(policy: Policy, server: Server, seconds: float) -> Any:
    """A connection of asyncssh that is signed in. `seconds` for all of it.

    Raises `HostKeyUnknown`, AUTH_ERROR for an account that is refused, `EgressRefused`, `UnknownHost`, and `Retryable`
    for a server that does not answer.
    """
    ssh = library()
    place, details = f"{server.host}:{server.port}", {"host": server.host, "port": server.port}
    shown = _Shown(ssh, server.fingerprints)
    try:
        async with asyncio.timeout(seconds):
            key = await asyncio.to_thread(_key, ssh, server)
            sock = await checked_socket(policy, server.host, server.port, seconds)
            return await _signed_in(ssh, sock, shown, server, key)
    except RunError:
        raise
    except ssh.HostKeyNotVerifiable as error:
        raise HostKeyUnknown(place, shown.kind, shown.fingerprint, bool(server.fingerprints)) from error
    except ssh.PermissionDenied as error:
        text = f"{place} refuses the user {server.user}: correct the connection's username, password or private_key."
        raise Permanent(ErrorCode.AUTH_ERROR, text, details) from error
    except (ssh.ProtocolNotSupported, ssh.KeyExchangeFailed) as error:
        text = f"{place} speaks no SSH that this client knows ({_said(error)}): check host and port."
        raise Permanent(ErrorCode.CONNECTION_ERROR, text, details) from error
    except (ssh.Error, OSError, TimeoutError) as error:
        text = f"{place} did not answer as an SSH server ({_said(error)}): check the address, or try again later."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, details) from error


class _Shown:
    """The host key that the server has shown."""

    def __init__(self, ssh: Any, known: Collection[str]) -> None:
        self.kind, self.fingerprint = "host", "none"
        outer = self

        class Client(ssh.SSHClient):  # type: ignore[misc]  # asyncssh need not be installed
            def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:
                outer.kind, outer.fingerprint = key.get_algorithm(), _fingerprint(key.public_data)
                return outer.fingerprint in known

        self.client = Client


async def _signed_in(ssh: Any, sock: Any, shown: _Shown, server: Server, key: Any) -> Any:
    usual = [name.decode() for name in ssh.public_key.get_default_public_key_algs()]
    first = [name for kind in server.kinds for name in (_RSA if kind == "ssh-rsa" else (kind,)) if name in usual]
    try:
        return await ssh.connect(
            sock=sock,
            config=None,
            client_factory=shown.client,
            known_hosts=([], [], []),  # `client_factory` judges
            server_host_key_algs=list(dict.fromkeys((*first, *usual))),
            x509_trusted_certs=None,
            username=server.user or "",
            password=server.password,
            client_keys=[key] if key else None,
            agent_path=None,
            gss_host=None,
            host_based_auth=False,
            compression_algs=None,
        )
    except BaseException:
        sock.close()
        raise


def _key(ssh: Any, server: Server) -> Any:
    """The private key. Raises AUTH_ERROR where it is none, or the passphrase does not open it."""
    if server.private_key is None:
        return None
    try:
        return ssh.import_private_key(server.private_key, server.passphrase)
    except (ssh.KeyImportError, ssh.KeyEncryptionError, ValueError) as error:
        why = "its passphrase does not open it" if server.passphrase else "it is none, or needs a passphrase"
        text = f"The connection's private_key cannot be used: {why}. Give it as ssh-keygen has written it."
        raise Permanent(ErrorCode.AUTH_ERROR, text) from error


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _said(error: BaseException) -> str:
    """What an error says, as one short line: a server may write anything into it."""
    text = str(getattr(error, "reason", "") or error) or type(error).__name__
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MOST_SAID]).strip()
