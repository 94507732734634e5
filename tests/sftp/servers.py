"""SFTP servers in processes of their own: asyncssh's, which can be made to fail, and Debian's OpenSSH."""

import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.sftp.odd_server import PASSWORD, USER
from vai_testkit.wait import wait_for
from vai_worker.children.job import ConnectionSecret

SSHD = Path("/usr/sbin/sshd")
_ROOT = Path(__file__).parents[2]

Json = dict[str, Any]


@dataclass
class Key:
    """An SSH key: `private` and `public` are texts as ssh-keygen writes them."""

    private: str
    public: str

    @classmethod
    def fresh(cls) -> "Key":
        made = Ed25519PrivateKey.generate()
        private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        return cls(private, made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


@dataclass
class Server:
    """`folder` is what `path` of a sync means. `odd` changes what asyncssh's server does wrong."""

    port: int
    folder: Path
    url: str
    host_key: Key
    user: str
    credentials: Json
    faults: Path | None = None
    config: Json = field(init=False)

    def __post_init__(self) -> None:
        self.config = {"host": "127.0.0.1", "port": self.port, "host_keys": [self.host_key.public]}

    @property
    def connection(self) -> ConnectionSecret:
        return ConnectionSecret("c", "files", "sftp", self.config, self.credentials)

    def odd(self, **faults: Any) -> None:
        assert self.faults is not None
        self.faults.write_text(json.dumps(faults))

    def put(self, path: str | bytes, data: bytes) -> Path:
        file = self.folder / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        for one in (file, *file.parents):
            if one.is_relative_to(self.folder):
                self.own(one)
        return file

    def own(self, path: Path) -> None:
        """Give it to the account."""
        with suppress(LookupError, PermissionError):
            shutil.chown(path, self.user)

    def tree(self) -> dict[str, bytes]:
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}


@contextmanager
def asyncssh_server(home: Path, host_key: Key | None = None) -> Iterator[Server]:
    host_key = host_key or Key.fresh()
    folder, key, faults = home / "sftp/data", home / "host_key", home / "faults.json"
    folder.mkdir(parents=True, exist_ok=True)
    key.write_text(host_key.private)
    faults.write_text("{}")
    command = [sys.executable, "-m", "tests.sftp.odd_server", str(home / "sftp"), str(key), str(faults)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            credentials = {"username": USER, "password": PASSWORD}
            yield Server(port, folder, f"sftp://127.0.0.1:{port}/data", host_key, USER, credentials, faults)
        finally:
            process.kill()


@contextmanager
def openssh_server() -> Iterator[Server]:
    """Root's server signs in `nobody`, so that rights count; anybody else's signs in who runs it."""
    is_root = os.geteuid() == 0
    user = "nobody" if is_root else pwd.getpwuid(os.geteuid()).pw_name
    home = Path(tempfile.mkdtemp(prefix="vai-sshd-"))
    try:
        home.chmod(0o755)
        folder, host_key, account, port = home / "data", Key.fresh(), Key.fresh(), _free_port()
        folder.mkdir()
        for name, text in (("host_key", host_key.private), ("keys", account.public)):
            (home / name).write_text(text)
            (home / name).chmod(0o644 if name == "keys" else 0o600)
        lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {home}/host_key", "UsePAM no", "StrictModes no"]
        lines += [f"AuthorizedKeysFile {home}/keys", "Subsystem sftp internal-sftp", "ForceCommand internal-sftp"]
        lines += [f"PidFile {home}/pid", "PasswordAuthentication no", "LogLevel ERROR"]
        (home / "config").write_text("\n".join(lines) + "\n")
        if is_root:
            Path("/run/sshd").mkdir(exist_ok=True)
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(home / "config")])
        try:
            asyncio.run(wait_for(lambda: _listens(port), 10))
            credentials = {"username": user, "private_key": account.private}
            server = Server(port, folder, f"sftp://127.0.0.1:{port}{folder}", host_key, user, credentials)
            server.own(folder)
            yield server
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
