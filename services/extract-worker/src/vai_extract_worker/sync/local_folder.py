"""A folder below the one that the installation allows, without following a symbolic link out of it."""

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from vai_common.clock import now
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.sync.names import BadName, Wanted, checked, shown
from vai_extract_worker.sync.odd_files import in_the_way, leads_nowhere, leads_out, linked_folder, no_file, no_room
from vai_extract_worker.sync.places import CHUNK, PART, Changed, Entry, FileFault, LeftOut, Vanished, unreadable

_FRESH_SECONDS = 0.1
_ALLOWED = "that this worker may use"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalFolder:
    """`path` is below `root`. A link to a file within `root` is read as the file; one that leads out is left out."""

    def __init__(self, root: Path, path: str, may_write: bool = False) -> None:
        self._root = root.resolve()
        inside = os.path.relpath(path, self._root) if path.startswith("/") else path
        self._folder = self._root / os.path.normpath(inside)
        self._may_write = may_write
        if ".." in Path(inside).parts or not _is_below(self._folder.resolve(), self._root):
            text = f"{path} is outside of the folder that this worker may use; give a path within it."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": path})
        self._path = path

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        if not self._folder.is_dir():
            if self._may_write and not self._folder.exists():
                return
            text = f"There is no folder {self._path} below the one that this worker may use. Check the path."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"path": self._path})
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                with os.scandir(self._folder / above) as found:
                    items = sorted(found, key=lambda item: item.name)
            except OSError as error:
                name = shown(above.rstrip("/") or ".")
                yield LeftOut(name, unreadable(name, str(error.strerror)), is_folder=True)
                continue
            for item in items:
                if item.name.startswith(PART):
                    continue
                path = above + item.name
                if not item.is_dir(follow_symlinks=False):
                    yield from self._one(item, path, wanted)
                elif not wanted.excludes_all_below(path):
                    folders.append(f"{path}/")

    def _one(self, item: os.DirEntry[str], path: str, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        if item.is_symlink() and Path(item.path).is_dir():
            if not wanted.excludes(path) and not wanted.excludes_all_below(path):
                yield LeftOut(shown(path), linked_folder(shown(path)), is_folder=True)
        elif wanted(path):
            yield from self._file(Path(item.path), path)

    def _file(self, place: Path, path: str) -> Iterator[Entry | LeftOut]:
        try:
            name = checked(path)
        except BadName as bad:
            told = shown(path)
            yield LeftOut(told, FileFault(ErrorCode.DATA_ERROR, f"{told} is left out: {bad}.", {"path": told}))
            return
        try:
            yield self._entry(name, path, self._facts(place, name))
        except Vanished as fault:
            yield LeftOut(name, leads_nowhere(name) if place.is_symlink() else fault)
        except FileFault as fault:
            yield LeftOut(name, fault)

    def look(self, entry: Entry) -> Entry:
        return self._entry(entry.path, entry.name, self._facts(self._folder / entry.name, entry.path))

    def read(self, entry: Entry) -> Iterator[bytes]:
        with self._opened(self._folder / entry.name, entry.path) as file:
            while part := file.read(CHUNK):
                yield part
            if not entry.is_still(self._entry(entry.path, entry.name, os.fstat(file.fileno()))):
                raise Changed(entry.path)

    def write(self, path: str, parts: Iterable[bytes]) -> Entry:
        *folders, name = path.split("/")
        part = f"{PART}{secrets.token_hex(8)}"
        with self._in_our_words(path), self._inner(folders, make=True) as folder:
            try:
                with open(part, "xb", opener=lambda given, flags: os.open(given, flags, 0o644, dir_fd=folder)) as file:
                    for data in parts:
                        file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
            os.fsync(folder)
            return self._entry(path, path, os.stat(name, dir_fd=folder, follow_symlinks=False))

    def delete(self, entry: Entry) -> None:
        *folders, name = entry.name.split("/")
        with self._in_our_words(entry.path), suppress(FileNotFoundError), self._inner(folders, make=False) as folder:
            os.unlink(name, dir_fd=folder)

    def close(self) -> None:
        """There is nothing to close."""

    @contextmanager
    def _inner(self, folders: list[str], make: bool) -> Iterator[int]:
        """A folder of the place, opened part by part, so that no link can lead elsewhere, also one made meanwhile."""
        handle = os.open(self._root, _FOLDER)
        try:
            for part in [*self._folder.relative_to(self._root).parts, *folders]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                inner = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _in_our_words(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unwritten(path, error) from error

    def _facts(self, place: Path, path: str) -> os.stat_result:
        real = place.resolve()
        if not _is_below(real, self._root):
            raise leads_out(path, _ALLOWED)
        try:
            facts = real.stat()
        except FileNotFoundError as error:
            raise Vanished(path) from error
        except OSError as error:
            raise unreadable(path, str(error.strerror)) from error
        if not stat.S_ISREG(facts.st_mode):
            raise no_file(path)
        return facts

    def _opened(self, place: Path, path: str) -> BinaryIO:
        """The file. Where it is, is asked of the file that was opened: what was checked is what is read."""
        try:
            file = open(place.resolve(), "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
        except FileNotFoundError as error:
            raise Vanished(path) from error
        except OSError as error:
            raise unreadable(path, str(error.strerror)) from error
        is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        if not is_file or not _is_below(Path(os.readlink(f"/proc/self/fd/{file.fileno()}")), self._root):
            file.close()
            raise leads_out(path, _ALLOWED)
        return file

    def _entry(self, path: str, name: str, facts: os.stat_result) -> Entry:
        fresh = facts.st_mtime > now().timestamp() - _FRESH_SECONDS
        return Entry(path, name, facts.st_size, f"{facts.st_mtime_ns}.{facts.st_ctime_ns}", None, fresh)


def _is_below(path: Path, root: Path) -> bool:
    return path == root or path.is_relative_to(root)


def _unwritten(path: str, error: OSError) -> RunError:
    why, details = str(error.strerror), {"path": path}
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_room(path, why)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        text = f"{path} was not written: the folder is read-only for this worker ({why}). Give it the right to write."
        return Permanent(ErrorCode.AUTH_ERROR, text, details)
    if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENOTEMPTY, errno.ENAMETOOLONG):
        return in_the_way(path, why)
    return Retryable(ErrorCode.CONNECTION_ERROR, f"{path} was not written ({why}): look at the disk.", details)
