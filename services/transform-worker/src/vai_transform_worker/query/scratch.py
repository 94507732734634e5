"""The folder for a query's temporary files. A killed child cannot remove its folder, so the next child does."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def scratch_folder(base: Path | None = None) -> Iterator[Path]:
    """An empty folder for this process, removed at the end. Folders that dead processes left behind are removed
    first.
    """
    base = base or Path(tempfile.gettempdir()) / f"vai-transform-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    with _locked(base):
        for left in base.iterdir():
            _remove_if_left(left)
        folder = Path(tempfile.mkdtemp(dir=base))
        own = os.open(folder, os.O_RDONLY)
        fcntl.flock(own, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(own)


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError), _locked(folder, fcntl.LOCK_NB):  # the kernel drops a lock with the process that held it
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)
