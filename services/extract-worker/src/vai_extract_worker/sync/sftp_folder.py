"""A folder of an SFTP server, over version 3 of the protocol, which has neither etags nor parts of a second."""

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable, RunError
from vai_extract_worker.sync.names import MOST_BYTES, BadName, Wanted, checked, shown
from vai_extract_worker.sync.odd_files import (
    in_the_way,
    leads_nowhere,
    leads_out,
    linked_folder,
    no_file,
    no_room,
    too_deep,
)
from vai_extract_worker.sync.places import PART, Changed, Entry, FileFault, LeftOut, Vanished, unreadable
from vai_extract_worker.sync.sftp_session import Facts, Refused, SftpSession
from vai_records.connections.config import BadConfig
from vai_records.connections.credentials import Unusable
from vai_records.connections.sftp import SFTP, SftpServer
from vai_records.connections.sftp_paths import folder_of
from vai_worker.children.job import ConnectionSecret

_FRESH_SECONDS: Final = 2.0
_MOST_FOLDERS: Final = 100_000
_MOST_NAMES: Final = 5_000_000
_AT_ONCE: Final = 4 << 20
"""Bytes that are asked for at once: many requests that do not wait for each other."""

_LONGEST_NAME: Final = 255
_SHOWN: Final = 200


class SftpFolder:
    """`path` is sftp://host[:port]/folder. A link to a file within the folder is read as the file."""

    def __init__(self, path: str, connection: ConnectionSecret | None, policy: Policy, pushes: bool = False) -> None:
        host, port, folder = folder_of(path)
        server = _server(host, port, connection)
        self._path, self._pushes = path, pushes
        self._given = _bytes(folder.removeprefix("/~/") if folder.startswith("/~/") else folder)
        if folder == "/~":
            self._given = b"."
        self._session = SftpSession(server, policy)
        self._making = threading.Lock()
        self._top: bytes | None = None
        self._folders: set[bytes] = set()
        self._names: dict[str, str] = {}

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        if not self._is_there():
            return
        folders, seen, names = [""], 1, 0
        while folders:
            above = folders.pop()
            try:
                with closing(self._session.names(self._inside(above))) as listed:
                    for raw, facts in listed:
                        names += 1
                        name = raw.decode("utf-8", "surrogateescape")
                        path = above + name
                        if name.startswith(PART):
                            continue
                        if not facts.is_folder or not name or "/" in name or "\0" in name:
                            yield from self._one(path, name, facts, wanted)
                        elif len(path.encode("utf-8", "surrogateescape")) > MOST_BYTES:
                            yield LeftOut(shown(path[:_SHOWN]), too_deep(shown(path[:_SHOWN])), is_folder=True)
                        elif not wanted.excludes_all_below(path):
                            folders.append(f"{path}/")
                            seen += 1
                        if seen > _MOST_FOLDERS or names > _MOST_NAMES:
                            raise self._too_many()
            except OSError as error:
                if not above:
                    raise self._unlisted(error) from error
                told = shown(above.rstrip("/"))
                yield LeftOut(told, unreadable(told, _why(error)), is_folder=True)

    def _one(self, path: str, name: str, facts: Facts, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        """What is no folder, and what no folder may be called: a server can list any name."""
        told = shown(path)
        if not name or "/" in name or "\0" in name:
            yield LeftOut(told[:_SHOWN], _no_name(told[:_SHOWN]), is_folder=facts.is_folder)
            return
        try:
            if facts.is_link:
                target = self._target(path)
                if target is not None and target.is_folder:
                    if not wanted.excludes(path) and not wanted.excludes_all_below(path):
                        yield LeftOut(told, linked_folder(told), is_folder=True)
                    return
            if not wanted(path):
                return
            composed = checked(path)
            self._names[composed] = path
            yield self._entry(composed, path, self._file(composed, path, facts))
        except BadName as bad:
            yield LeftOut(told, FileFault(ErrorCode.DATA_ERROR, f"{told} is left out: {bad}.", {"path": told}))
        except FileFault as fault:
            yield LeftOut(told, fault)

    def _target(self, path: str) -> Facts | None:
        """What a link leads to; None where that is nothing, or cannot be known."""
        try:
            return self._session.facts(self._inside(path), follow=True)
        except OSError:
            return None

    def _file(self, path: str, name: str, facts: Facts) -> Facts:
        """Of a plain file, or of the one that a link leads to. Raises the fault of anything else."""
        if facts.is_link:
            target = self._target(name)
            if target is None:
                raise leads_nowhere(path)
            if not self._is_below(self._session.real(self._inside(name))):
                raise leads_out(path, "that is synced")
            facts = target
        if not facts.is_file:
            raise no_file(path)
        return facts

    def look(self, entry: Entry) -> Entry:
        with _reading(entry.path):
            facts = self._session.facts(self._inside(entry.name))
            return self._entry(entry.path, entry.name, self._file(entry.path, entry.name, facts))

    def read(self, entry: Entry) -> Iterator[bytes]:
        """No more than one byte beyond its size is asked for, so that a file that grows without end ends."""
        offset, most = 0, (1 << 62) if entry.size is None else entry.size + 1
        with _reading(entry.path), self._session.opened(self._inside(entry.name), "rb") as file:
            while part := file.read(min(_AT_ONCE, most - offset), offset):
                offset += len(part)
                yield part
            if not entry.is_still(self._entry(entry.path, entry.name, file.facts())):
                raise Changed(entry.path)

    def write(self, path: str, parts: Iterable[bytes]) -> Entry:
        name = self._names.get(path, path)
        *folders, last = name.split("/")
        with self._writing(path, last):
            folder = self._folder(path, folders)
            part, target, offset = folder + _fresh(), folder + _bytes(last), 0
            try:
                with self._session.opened(part, "xb") as file:
                    for data in parts:
                        file.write(data, offset)
                        offset += len(data)
                    file.keep()
                self._put(part, target, path)
            except BaseException:
                with suppress(RunError, OSError):
                    self._session.remove(part)
                raise
            return self._entry(path, name, self._session.facts(target))

    def _put(self, part: bytes, target: bytes, path: str) -> None:
        """The file in its place. A server that cannot replace a file has it away for a moment."""
        try:
            self._session.replace(part, target)
            return
        except Refused as refused:
            if not refused.is_unknown:
                raise
        try:
            self._session.rename(part, target)
        except Refused:
            there = self._session.facts(target)
            if there.is_folder:
                raise in_the_way(path, "it is a folder") from None
            aside = target.rpartition(b"/")[0] + b"/" + _fresh()
            self._session.rename(target, aside)
            try:
                self._session.rename(part, target)
            except BaseException:
                with suppress(RunError, OSError):
                    self._session.rename(aside, target)
                raise
            self._session.remove(aside)

    def delete(self, entry: Entry) -> None:
        with self._writing(entry.path, ""), suppress(FileNotFoundError):
            self._session.remove(self._inside(entry.name))

    def close(self) -> None:
        self._session.close()

    def _is_there(self) -> bool:
        """Whether the folder is there. A push will make it; to pull from none is an error."""
        try:
            self._found_top()
        except FileNotFoundError as error:
            if self._pushes:
                return False
            raise self._unlisted(error) from error
        except OSError as error:
            raise self._unlisted(error) from error
        return True

    def _found_top(self) -> bytes:
        if self._top is None:
            if not self._session.facts(self._given, follow=True).is_folder:
                raise Refused("it is no folder")
            self._top = self._session.real(self._given).rstrip(b"/") + b"/"
        return self._top

    def _inside(self, path: str) -> bytes:
        return self._found_top() + _bytes(path)

    def _is_below(self, path: bytes) -> bool:
        return path.startswith(self._found_top())

    def _folder(self, path: str, folders: list[str]) -> bytes:
        """The folder of a file, made where it is not there, by one thread at a time. A link is not gone through."""
        with self._making:
            try:
                here = self._found_top()
            except FileNotFoundError:
                here = b"/" if self._given.startswith(b"/") else b""
                for part in self._given.split(b"/"):
                    if part:
                        self._make(path, here + part, follow=True)
                        here += part + b"/"
                here = self._found_top()
            for name in folders:
                here += _bytes(name)
                if here not in self._folders:
                    self._make(path, here, follow=False)
                    self._folders.add(here)
                here += b"/"
            return here

    def _make(self, path: str, folder: bytes, follow: bool) -> None:
        try:
            facts = self._session.facts(folder, follow)
        except FileNotFoundError:
            try:
                self._session.make_folder(folder)
                return
            except Refused:
                facts = self._session.facts(folder, follow)  # somebody else has made it meanwhile
        if not facts.is_folder:
            raise in_the_way(path, "it is no folder")

    def _entry(self, path: str, name: str, facts: Facts) -> Entry:
        modified = facts.modified
        fresh = modified is not None and modified > now().timestamp() - _FRESH_SECONDS
        return Entry(path, name, facts.size, None if modified is None else str(modified), None, fresh)

    @contextmanager
    def _writing(self, path: str, name: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            text = (
                f"{path} was not written or removed: the account may not ({_why(error)}). Give it the right to write."
            )
            raise FileFault(ErrorCode.AUTH_ERROR, text, {"path": path}) from error
        except Refused as error:
            if len(_bytes(name)) > _LONGEST_NAME or self._is_folder(path):
                raise in_the_way(path, error.said) from error
            text = f"The server did not write or remove {path}, and says no more than '{error.said}': look whether its "
            text += "disk or the account's quota is full, or the disk is read-only, then run again."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path}) from error
        except FileNotFoundError as error:
            self._folders.clear()
            text = f"The folder of {path} was removed while the sync was working; it is made again later."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path}) from error
        except OSError as error:
            raise no_room(path, _why(error)) from error

    def _is_folder(self, path: str) -> bool:
        with suppress(RunError, OSError):
            return self._session.facts(self._inside(path)).is_folder
        return False

    def _unlisted(self, error: OSError) -> Permanent:
        if isinstance(error, PermissionError):
            text = f"{self._path} cannot be listed ({_why(error)}): give the account the right to read it."
            return Permanent(ErrorCode.AUTH_ERROR, text, {"path": self._path})
        text = f"There is no folder {self._path} ({_why(error)}). Check the path; one below the user's own folder is "
        return Permanent(ErrorCode.CONNECTION_ERROR, text + "sftp://host/~/folder.", {"path": self._path})

    def _too_many(self) -> Permanent:
        text = f"{self._path} has more than {_MOST_FOLDERS:,} folders or {_MOST_NAMES:,} names: name a folder below it."
        return Permanent(ErrorCode.DATA_ERROR, text, {"path": self._path})


def _server(host: str, port: int, connection: ConnectionSecret | None) -> SftpServer:
    """The connection's server, if it is the one of the path: credentials go nowhere else."""
    if connection is None or connection.provider != SFTP:
        text = "sftp:// needs a connection of the provider sftp: make one, and name it in the action."
        raise Permanent(ErrorCode.AUTH_ERROR, text)
    try:
        server = SftpServer.of(connection.config, connection.credentials)
    except (BadConfig, Unusable) as error:
        text = f"The connection {connection.slug} cannot be used for SFTP: {error}."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug}) from error
    if (server.host, server.port) != (host, port):
        text = f"The connection {connection.slug} is for {server.place}, and the path names {host}:{port}: credentials "
        text += "go to their own server alone. Correct the path, or take another connection."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug})
    if server.user is None:
        text = f"The connection {connection.slug} has no credentials: give a username, and a password or private_key."
        raise Permanent(ErrorCode.AUTH_ERROR, text, {"connection": connection.slug})
    return server


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Vanished(path) from error
    except OSError as error:
        raise unreadable(path, _why(error)) from error


def _fresh() -> bytes:
    return f"{PART}{secrets.token_hex(8)}".encode()


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _why(error: OSError) -> str:
    return error.said if isinstance(error, Refused) else str(error.strerror)


def _no_name(path: str) -> FileFault:
    text = f"{path} is left out: the server lists a name that is empty or has a slash, which no file has."
    return FileFault(ErrorCode.DATA_ERROR, text, {"path": path})
