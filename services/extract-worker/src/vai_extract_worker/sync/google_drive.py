"""A folder of Google Drive, over the API's version 3: its files, and Google's documents as Office files.

A connection of the provider `google_drive` has the account: a service account, or a user's refresh token.
"""

import hashlib
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.sync.drive_api import DriveApi, Json
from vai_extract_worker.sync.names import MOST_BYTES, BadName, Wanted, checked, shown
from vai_extract_worker.sync.odd_files import too_deep
from vai_extract_worker.sync.places import Changed, Entry, FileFault, LeftOut, Vanished
from vai_records.definitions.file_sync import DRIVE
from vai_worker.children.job import ConnectionSecret

FOLDER: Final = "application/vnd.google-apps.folder"
_GOOGLE: Final = "application/vnd.google-apps."
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_EXPORTED: Final = {
    f"{_GOOGLE}document": (".docx", f"{_OFFICE}wordprocessingml.document"),
    f"{_GOOGLE}spreadsheet": (".xlsx", f"{_OFFICE}spreadsheetml.sheet"),
    f"{_GOOGLE}presentation": (".pptx", f"{_OFFICE}presentationml.presentation"),
    f"{_GOOGLE}drawing": (".svg", "image/svg+xml"),
}
"""What becomes of Google's own documents, which have no bytes: the end of the name, and the type."""

_MOST_FOLDERS: Final = 10_000
_SHOWN: Final = 200
"""Letters of a folder that nobody can name."""


@dataclass(frozen=True)
class _Folder:
    id: str
    path: str


class GoogleDrive:
    """`path` is gdrive://FOLDER_ID/folders/below. A push leaves Google's own documents alone: it cannot write them."""

    def __init__(
        self, path: str, connection: ConnectionSecret | None, credentials: Lasting, policy: Policy, pushes: bool
    ) -> None:
        self._api = DriveApi(connection, credentials, policy)
        self._root, _, below = path.removeprefix(DRIVE).partition("/")
        self._below = [part for part in below.split("/") if part]
        self._pushes = pushes
        self._top: str | None = None
        self._making = threading.Lock()
        self._folders: dict[str, str] = {}
        self._unlisted: dict[str, FileFault] = {}
        self._files: dict[str, str] = {}
        self._exports: dict[str, str] = {}

    def entries(self, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        top = self._start()
        waiting, seen = [] if top is None else [_Folder(top, "")], 0
        while waiting:
            folder = waiting.pop()
            seen += 1
            if seen > _MOST_FOLDERS:
                text = f"{DRIVE}{self._root} has more than {_MOST_FOLDERS:,} folders: name one below it."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"folder": self._root})
            self._folders[_composed(folder.path)] = folder.id
            try:
                for found in self._api.children(folder.id):
                    inner = _joined(folder.path, found["name"])
                    if found["mimeType"] != FOLDER or "/" in found["name"]:
                        yield from self._taken(folder.path, found, wanted)
                    elif len(inner) > MOST_BYTES:
                        yield LeftOut(shown(inner[:_SHOWN]), too_deep(shown(inner[:_SHOWN])), is_folder=True)
                    elif not wanted.excludes_all_below(inner):
                        waiting.append(_Folder(found["id"], inner))
            except FileFault as fault:
                self._unlisted[_composed(folder.path)] = fault
                yield LeftOut(shown(folder.path or "."), fault, is_folder=True)

    def _start(self) -> str | None:
        """The id of the folder that the path means; None where a push will make it."""
        if self._top is None:
            folder = self._api.folder(self._root)
            for name in self._below:
                inner = next(iter(self._folders_named(folder, name)), None)
                if inner is None and self._pushes:
                    return None
                if inner is None:
                    text = f"There is no folder {'/'.join(self._below)} in {DRIVE}{self._root}. Check the path."
                    raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"folder": self._root})
                folder = inner
            self._top = folder
        return self._top

    def _taken(self, folder: str, found: Json, wanted: Wanted) -> Iterator[Entry | LeftOut]:
        kind, name = found["mimeType"], found["name"]
        end, exported = _EXPORTED.get(kind, ("", ""))
        if self._pushes and kind.startswith(_GOOGLE) and kind != FOLDER:
            return
        path = _joined(folder, f"{name}{end}")
        if not wanted(path):
            return
        try:
            if "/" in name:
                raise BadName("its name has a slash, which parts folders: rename it")
            if kind.startswith(_GOOGLE) and not exported:
                raise BadName(f"a {kind.removeprefix(_GOOGLE)} of Google's has no content that could be read")
            path = checked(path)
        except BadName as bad:
            told = shown(path)
            fault = FileFault(ErrorCode.DATA_ERROR, f"{told} is left out: {bad}.", {"path": told})
            yield LeftOut(told, fault, is_folder=kind == FOLDER)
            return
        self._files[path] = found["id"]
        if exported:
            self._exports[found["id"]] = exported
        yield _entry(path, found)

    def look(self, entry: Entry) -> Entry:
        found = self._api.file(entry.name, entry.path)
        if found.get("trashed"):
            raise Vanished(entry.path)
        return _entry(entry.path, found)

    def read(self, entry: Entry) -> Iterator[bytes]:
        """What came is held against the checksum; a document that was exported, against its time afterwards."""
        exported, digest = self._exports.get(entry.name), hashlib.md5(usedforsecurity=False)
        for part in self._api.content(entry.name, exported, entry.path):
            digest.update(part)
            yield part
        if entry.etag is not None and digest.hexdigest() != entry.etag:
            raise Changed(entry.path)
        if exported and self.look(entry) != entry:
            raise Changed(entry.path)

    def write(self, path: str, parts: Iterable[bytes]) -> Entry:
        folder, _, name = path.rpartition("/")
        there = self._files.get(path)
        parent = None if there else self._folder(folder)
        made = self._api.upload(there, parent, name, parts, path)
        if made.get("trashed"):
            raise Vanished(path)
        if parent is not None:
            made = self._oldest(made, parent, name)
        self._files[path] = made["id"]
        return _entry(path, made)

    def _oldest(self, made: Json, parent: str, name: str) -> Json:
        """Of the files of one name that several runs have made at once the oldest stays: each run sees the same one.

        A file that somebody else has made goes on, and its content is held against ours by who asked for the write.
        """
        files = (one for one in self._api.named(parent, name) if not one["mimeType"].startswith(_GOOGLE))
        first = next(files, made)
        if first["id"] != made["id"]:
            self._api.bin(made["id"], name)
        return first

    def delete(self, entry: Entry) -> None:
        """Moves it to the bin, from which its owner can take it back."""
        try:
            self._api.bin(entry.name, entry.path)
        except Vanished:
            return

    def close(self) -> None:
        self._api.close()

    def _folder(self, path: str) -> str:
        """The id of a folder below the top, made where it is not there. One thread at a time, so each is made once."""
        with self._making:
            for unlisted, fault in self._unlisted.items():  # what is there is not known: it would be made twice
                if unlisted in ("", path) or path.startswith(f"{unlisted}/"):
                    raise fault
            if self._top is None:
                self._top = self._api.folder(self._root)
                for name in self._below:
                    self._top = self._found_or_made(self._top, name)
            folder, so_far = self._top, ""
            for name in filter(None, path.split("/")):
                so_far = _joined(so_far, name)
                if so_far not in self._folders:
                    self._folders[so_far] = self._found_or_made(folder, name)
                folder = self._folders[so_far]
            return folder

    def _found_or_made(self, parent: str, name: str) -> str:
        """The oldest, also where another run has made one meanwhile: what this one made goes to the bin then."""
        if there := self._folders_named(parent, name):
            return there[0]
        made = self._api.make_folder(parent, name)
        first = next(iter(self._folders_named(parent, name)), made)
        if first != made:
            self._api.bin(made, name)
        return first

    def _folders_named(self, parent: str, name: str) -> list[str]:
        return [one["id"] for one in self._api.named(parent, name) if one["mimeType"] == FOLDER]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _entry(path: str, found: Json) -> Entry:
    size = None if found["mimeType"].startswith(_GOOGLE) else found.get("size")
    md5: str | None = found.get("md5Checksum")
    return Entry(path, found["id"], None if size is None else int(size), found["modifiedTime"], md5)
