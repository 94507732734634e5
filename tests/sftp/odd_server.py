"""An SFTP server by asyncssh in a process of its own, which can be made to fail: `python -m tests.sftp.odd_server`.

usage: odd_server ROOT HOST_KEY FAULTS        it prints its port

FAULTS is a file of JSON that is read before each answer: {"cut_after": bytes, "refuse_write": "failure", …}.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.constants import FXF_WRITE

USER, PASSWORD = "shop", "an open secret"


class Accounts(asyncssh.SSHServer):  # type: ignore[misc]  # asyncssh need not be installed
    def __init__(self, faults: Path) -> None:
        self._faults = faults

    def connection_made(self, conn: Any) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        known = json.loads(self._faults.read_text()).get("keys", [])
        return username == USER and key.export_public_key().decode().split()[1] in known


class Odd(asyncssh.SFTPServer):  # type: ignore[misc]
    def __init__(self, chan: Any, root: Path, faults: Path) -> None:
        self._faults, self._sent, self._conn = faults, 0, chan.get_connection()
        super().__init__(chan, chroot=os.fsencode(root))

    @property
    def faults(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._faults.read_text())
        return found

    async def scandir(self, path: bytes) -> AsyncIterator[Any]:
        faults = self.faults
        if (hidden := faults.get("forbid")) and hidden.encode() in path:
            raise asyncssh.SFTPPermissionDenied("no")
        if faults.get("deeper") and path.rstrip(b"/").endswith(b"d" * 100):
            yield asyncssh.SFTPName(b"d" * 100, attrs=asyncssh.SFTPAttrs(permissions=0o040755))
            return
        async for one in super().scandir(path):
            if faults.get("no_modes"):
                one.attrs.permissions = None
            yield one
        file = asyncssh.SFTPAttrs(permissions=0o100644, size=3, mtime=1, atime=1)
        for name in faults.get("listed", []):
            yield asyncssh.SFTPName(os.fsencode(name), attrs=file)
        for number in range(faults.get("names", 0)):
            yield asyncssh.SFTPName(b"f%d" % number, attrs=file)
        if faults.get("deeper"):
            yield asyncssh.SFTPName(b"d" * 100, attrs=asyncssh.SFTPAttrs(permissions=0o040755))

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        self._check(path, "open")
        if pflags & FXF_WRITE and self.faults.get("read_only"):
            raise asyncssh.SFTPPermissionDenied("read-only")
        return super().open(path, pflags, attrs)

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        faults = self.faults
        if faults.get("hang"):
            await asyncio.Event().wait()
        if grows := faults.get("grows"):
            _grow(Path(grows))
        found: bytes = super().read(file_obj, offset, size)
        self._sent += len(found)
        if self._sent > faults.get("cut_after", 1 << 60):
            self._conn.abort()
        return found

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        match self.faults.get("refuse_write"):
            case "failure":
                raise asyncssh.SFTPFailure("Failure")
            case "quota":
                raise asyncssh.SFTPQuotaExceeded("the quota is used up")
            case "denied":
                raise asyncssh.SFTPPermissionDenied("Permission denied")
        written: int = super().write(file_obj, offset, data)
        return written

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if self.faults.get("no_posix_rename"):
            raise asyncssh.SFTPOpUnsupported("not supported")
        return super().posix_rename(oldpath, newpath)

    def mkdir(self, path: bytes, attrs: Any) -> Any:
        if self.faults.get("read_only"):
            raise asyncssh.SFTPPermissionDenied("read-only")
        return super().mkdir(path, attrs)

    def remove(self, path: bytes) -> Any:
        if self.faults.get("read_only"):
            raise asyncssh.SFTPPermissionDenied("read-only")
        return super().remove(path)

    def _check(self, path: bytes, what: str) -> None:
        if (hidden := self.faults.get("forbid")) and hidden.encode() in path:
            raise asyncssh.SFTPPermissionDenied("no")


def _grow(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


async def main(root: Path, key: Path, faults: Path) -> None:
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[str(key)],
        server_factory=lambda: Accounts(faults),
        sftp_factory=lambda chan: Odd(chan, root, faults),
        login_timeout=20,
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(*map(Path, sys.argv[1:4])))
