"""A session with an SFTP server: what a sync asks of it, from any thread, each with a bound of time.

asyncssh works in a loop of its own, in one thread. What fails comes out as Python's own errors of files
(FileNotFoundError, PermissionError, OSError with ENOSPC, `Refused`), or as the `RunError` of a connection that is gone.
"""

import asyncio
import errno
import stat
import threading
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from vai_common.egress.addresses import Policy
from vai_common.egress.asyncssh_guard import connect, library
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.sync.names import shown
from vai_records.connections.sftp import SftpServer

T = TypeVar("T")

_CONNECT_SECONDS: Final = 30.0
_SECONDS: Final = 60.0
"""For one answer of the server."""

_SPARE_SECONDS: Final = 5.0
_NAMES_AT_ONCE: Final = 500
_FAILURE, _UNSUPPORTED = 4, 8
_MOST_SAID: Final = 200


class Refused(OSError):
    """The server does not do it, and says no more than a word. `is_unknown`: it does not know how."""

    def __init__(self, said: str, is_unknown: bool = False) -> None:
        super().__init__(said)
        self.said, self.is_unknown = said, is_unknown


@dataclass(frozen=True)
class Facts:
    """What the server says of a name. `kind` is that of `stat.S_IFMT`; a name without one is taken for a file."""

    kind: int
    size: int | None
    modified: int | None

    @property
    def is_folder(self) -> bool:
        return self.kind == stat.S_IFDIR

    @property
    def is_link(self) -> bool:
        return self.kind == stat.S_IFLNK

    @property
    def is_file(self) -> bool:
        return self.kind == stat.S_IFREG


class SftpSession:
    """Paths are bytes: names need not be UTF-8."""

    def __init__(self, server: SftpServer, policy: Policy) -> None:
        """Sign in. Raises AUTH_ERROR, CONNECTION_ERROR, and `HostKeyUnknown`."""
        self._ssh = library()
        self._place = server.place
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()
        self._connection: Any = None
        self._is_closed = False
        try:
            self._sftp = self._now(self._opened(server, policy))
        except BaseException:
            self.close()
            raise

    async def _opened(self, server: SftpServer, policy: Policy) -> Any:
        self._connection = await connect(policy, server, _CONNECT_SECONDS)
        try:
            return await self._connection.start_sftp_client(path_encoding=None)
        except self._ssh.Error as error:
            text = f"{self._place} has signed {server.user} in, but gives no SFTP: ask its operator for it."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"host": server.host}) from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._loop.call_soon_threadsafe(self._connection.abort)
                self._now(self._connection.wait_closed(), 5.0)
        self._is_closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._loop.close()

    def names(self, folder: bytes) -> Generator[tuple[bytes, Facts], None, None]:
        """What a folder has, without itself and the one above."""
        found = self._sftp.scandir(folder)
        try:
            while page := self._now(_some(found)):
                for one in page:
                    if one.filename not in (b".", b".."):
                        yield one.filename, _facts(one.attrs)
        finally:
            with suppress(RunError, OSError):
                self._now(found.aclose())

    def facts(self, path: bytes, follow: bool = False) -> Facts:
        """Of the name itself, or with `follow` of what a link leads to."""
        return _facts(self._now(self._sftp.stat(path) if follow else self._sftp.lstat(path)))

    def real(self, path: bytes) -> bytes:
        """The path without links, as far as the server tells."""
        found: bytes = self._now(self._sftp.realpath(path))
        return found

    @contextmanager
    def opened(self, path: bytes, mode: str) -> Iterator["SftpFile"]:
        """`rb`, or `xb` for a file that must not be there yet."""
        file = self._now(self._sftp.open(path, mode))
        try:
            yield SftpFile(self, file)
        except BaseException:
            with suppress(RunError, OSError):
                self._now(file.close())
            raise
        self._now(file.close())

    def make_folder(self, path: bytes) -> None:
        self._now(self._sftp.mkdir(path))

    def remove(self, path: bytes) -> None:
        self._now(self._sftp.remove(path))

    def rename(self, path: bytes, new: bytes) -> None:
        """Most servers refuse it where `new` is there already."""
        self._now(self._sftp.rename(path, new))

    def replace(self, path: bytes, new: bytes) -> None:
        """Rename, also over a file that is there, in one step. Raises `Refused` where the server does not know how."""
        self._now(self._sftp.posix_rename(path, new))

    def _now(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        most = seconds or _SECONDS

        async def bounded() -> T:
            async with asyncio.timeout(most):
                return await work

        with self._in_our_words():
            if self._is_closed:  # a file that nobody reads to its end is closed late
                work.close()
                raise ConnectionError("it was closed")
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result(most + _SPARE_SECONDS)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        ssh = self._ssh
        try:
            yield
        except RunError:
            raise
        except (ssh.SFTPNoSuchFile, ssh.SFTPNoSuchPath) as error:
            raise FileNotFoundError(errno.ENOENT, _said(error)) from error
        except (ssh.SFTPPermissionDenied, ssh.SFTPWriteProtect, ssh.SFTPCannotDelete) as error:
            raise PermissionError(errno.EACCES, _said(error)) from error
        except (ssh.SFTPNoSpaceOnFilesystem, ssh.SFTPQuotaExceeded) as error:
            raise OSError(errno.ENOSPC, _said(error)) from error
        except (ssh.SFTPConnectionLost, ssh.SFTPNoConnection, ssh.SFTPBadMessage) as error:
            raise self._gone(error) from error
        except ssh.SFTPError as error:
            raise Refused(_said(error), isinstance(error, ssh.SFTPOpUnsupported)) from error
        except (ssh.Error, OSError, TimeoutError) as error:
            raise self._gone(error) from error

    def _gone(self, error: BaseException) -> Retryable:
        said = _said(error) or type(error).__name__
        text = f"The connection to {self._place} broke off ({said}); the sync goes on later."
        return Retryable(ErrorCode.CONNECTION_ERROR, text, {"place": self._place})


class SftpFile:
    """An open file."""

    def __init__(self, session: SftpSession, file: Any) -> None:
        self._session, self._file = session, file

    def read(self, size: int, offset: int) -> bytes:
        found: bytes = self._session._now(self._file.read(size, offset))
        return found

    def write(self, data: bytes, offset: int) -> None:
        self._session._now(self._file.write(data, offset))

    def keep(self) -> None:
        """Have it written to the disk, where the server knows how."""
        with suppress(Refused):
            self._session._now(self._file.fsync())

    def facts(self) -> Facts:
        return _facts(self._session._now(self._file.stat()))


async def _some(found: Any) -> list[Any]:
    page: list[Any] = []
    async for one in found:
        page.append(one)
        if len(page) == _NAMES_AT_ONCE:
            break
    return page


def _facts(attributes: Any) -> Facts:
    mode = attributes.permissions
    kind = stat.S_IFMT(mode) if mode is not None else 0
    return Facts(kind or stat.S_IFREG, attributes.size, attributes.mtime)


def _said(error: BaseException) -> str:
    """What the server says, as one short line: it may write anything into it."""
    return shown(str(getattr(error, "reason", "") or error)[:_MOST_SAID]).strip()
