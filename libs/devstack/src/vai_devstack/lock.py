"""The lock of a stack's folder: its supervisor holds it as long as it lives."""

import contextlib
import fcntl
import os
from types import TracebackType

from vai_devstack.home import Home
from vai_devstack.servers.process import started_at


class FolderLock:
    """An flock on a file of the folder. The kernel frees it when the holder ends, for whatever reason."""

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
        os.pwrite(descriptor, f"{os.getpid()} {started_at(os.getpid())}".encode(), 0)
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


def is_held(home: Home) -> bool:
    """Whether somebody runs the folder's stack, starting and stopping included."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(home.lock, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def holder(home: Home) -> int | None:
    """The supervisor's pid; None when nobody holds the folder, or has only just begun to."""
    if not is_held(home):
        return None
    pid, _, started = home.lock.read_text().partition(" ")
    return int(pid) if started and str(started_at(int(pid))) == started else None
