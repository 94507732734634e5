"""The lock that says who runs a folder's stack: held by its supervisor for as long as it lives."""

import contextlib
import fcntl
import os
from types import TracebackType

from devstack.home import Home


class FolderLock:
    """An flock on a file of the folder; the kernel frees it when its holder is gone, however it went."""

    def __init__(self, home: Home) -> None:
        self._path = home.lock
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether the lock is ours now; the file then names this process."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> bool:
        return self.take()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def holder(home: Home) -> int | None:
    """The supervisor's pid while it runs; None when nobody holds the folder."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(home.lock, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            content = os.pread(descriptor, 32, 0)
            return int(content) if content.isdigit() else None
        finally:
            os.close(descriptor)
    return None
