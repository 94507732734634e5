"""Google Drive's API, version 3: the requests that a sync needs, and what its errors mean (decision 82)."""

import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from vai_common.clock import now
from vai_common.egress.addresses import Policy
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_extract_worker.rest.token_renewal import Lasting
from vai_extract_worker.sync.places import CHUNK, FileFault, Vanished, unreadable
from vai_extract_worker.sync.web import in_our_words, pools
from vai_records.connections.credentials import base_url
from vai_worker.children.job import ConnectionSecret
from vai_worker.retry_after import seconds_to_wait

Json = dict[str, Any]

_FILE: Final = "id,name,mimeType,size,md5Checksum,createdTime,modifiedTime,trashed"
_ALL_DRIVES: Final = {"supportsAllDrives": "true"}
_PIECE: Final = 8 << 20
"""Bytes of one request of an upload; Google wants a multiple of 256 KiB."""

_MENDINGS: Final = 4
"""How often one piece of an upload that broke off is gone on with."""

_MOST_PAGES: Final = 100_000
_LARGEST_ANSWER: Final = 16 << 20
_TIMEOUT: Final = Timeout(connect=10.0, read=60.0)
_TEXTS: Final = ("id", "name", "mimeType", "modifiedTime")
_LIMITS: Final = ("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "sharingRateLimitExceeded")
_NO_ROOM: Final = ("storageQuotaExceeded", "teamDriveFileLimitExceeded", "numChildrenInNonRootLimitExceeded")


class DriveApi:
    """Its functions may be called from several threads. The access token goes to the connection's own origin alone."""

    def __init__(self, connection: ConnectionSecret | None, credentials: Lasting, policy: Policy) -> None:
        base = base_url(connection.config) if connection else None
        if base is None:
            text = "gdrive:// needs a connection of the provider google_drive: make one, and name it in the action."
            raise Permanent(ErrorCode.AUTH_ERROR, text)
        self._base = base.rstrip("/")
        self._origin = urlsplit(self._base)[:2]
        self._pools = pools(policy)
        self._credentials = credentials
        self._renewing = threading.Lock()

    def close(self) -> None:
        self._pools.clear()

    def folder(self, folder_id: str) -> str:
        """The id of a folder that is there. Raises CONNECTION_ERROR where it is none for this account."""
        url = self._url(f"drive/v3/files/{folder_id}", fields="id,mimeType,trashed")
        try:
            found = self._json("GET", url, folder_id)
        except FileFault:
            found = {"trashed": True}
        if found.get("trashed") or found.get("mimeType") != "application/vnd.google-apps.folder":
            text = f"There is no folder {folder_id} for this account. Check the id, and share it with the account."
            raise Permanent(ErrorCode.CONNECTION_ERROR, text, {"folder": folder_id})
        return _id_of(found)

    def children(self, folder_id: str) -> Iterator[Json]:
        """The files and folders of a folder, without those in the bin."""
        yield from self._listed(f"'{folder_id}' in parents and trashed = false", folder_id)

    def named(self, folder_id: str, name: str) -> Iterator[Json]:
        """The children of this name, the oldest first: Drive allows several."""
        text = name.replace("\\", "\\\\").replace("'", "\\'")
        found = self._listed(f"'{folder_id}' in parents and name = '{text}' and trashed = false", folder_id)
        yield from sorted((one for one in found if one["name"] == name), key=_age)

    def file(self, file_id: str, path: str) -> Json:
        """A file as it is now. Raises Vanished."""
        return _file_of(self._json("GET", self._url(f"drive/v3/files/{file_id}", fields=_FILE), path))

    def content(self, file_id: str, exported: str | None, path: str) -> Iterator[bytes]:
        """A file's bytes; of one of Google's documents those of the type `exported`."""
        url = self._url(f"drive/v3/files/{file_id}", alt="media")
        if exported:
            url = self._url(f"drive/v3/files/{file_id}/export", mimeType=exported)
        answer = self._asked("GET", url)
        try:
            self._judge(answer, path)
            with in_our_words(url):
                yield from answer.stream(CHUNK, decode_content=True)
        finally:
            answer.close()

    def make_folder(self, parent: str, name: str) -> str:
        wanted = {"name": name, "parents": [parent], "mimeType": "application/vnd.google-apps.folder"}
        return _id_of(self._json("POST", self._url("drive/v3/files", fields="id"), name, wanted, Permanent))

    def upload(self, file_id: str | None, parent: str | None, name: str, parts: Iterable[bytes], path: str) -> Json:
        """A new file below `parent`, or the content of the file `file_id`; it is there when the last byte has come."""
        method, where = ("PATCH", f"upload/drive/v3/files/{file_id}") if file_id else ("POST", "upload/drive/v3/files")
        described = {} if file_id else {"name": name, "parents": [parent]}
        answer = self._asked(method, self._url(where, uploadType="resumable", fields=_FILE), json.dumps(described))
        session = answer.headers.get("Location", "")
        self._read(answer, path, FileFault if file_id else Permanent)
        if urlsplit(session)[:2] != self._origin:
            text = f"Google Drive did not say where {path} is to be sent."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path})
        sent = 0
        for piece, is_last in _pieces(parts):
            made = self._send(session, piece, sent, is_last, path)
            if made is not None:
                return made
            sent += len(piece)
        raise AssertionError("the last piece ends the upload")

    def _send(self, session: str, piece: bytes, start: int, is_last: bool, path: str) -> Json | None:
        """Sends a piece; where the connection breaks, goes on from what Google has. The file, after its last piece."""
        end, kept = start + len(piece), start
        total = str(end) if is_last else "*"
        for mending in range(_MENDINGS + 1):
            rest = piece[kept - start :]
            span = f"bytes {kept}-{end - 1}/{total}" if rest else f"bytes */{total}"
            try:
                found = self._put(session, rest, span, path)
            except Retryable as error:
                if mending == _MENDINGS or error.details.get("statusCode", 500) < 500:
                    raise
                found = self._put(session, b"", f"bytes */{total}", path)  # how far has it come?
            if not isinstance(found, int):
                return found
            if found == end and not is_last:
                return None
            if not start <= found <= end:
                break
            kept = found
        text = f"Google Drive did not take all of {path}; it is sent again later."
        raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path})

    def _put(self, session: str, data: bytes, span: str, path: str) -> Json | int:
        """The file, once it is whole; until then how many of its bytes Google has."""
        answer = self._asked("PUT", session, data, {"Content-Range": span})
        if answer.status == 308:
            answer.close()
            kept = re.fullmatch(r"bytes=0-([0-9]{1,18})", answer.headers.get("Range", ""))
            return int(kept[1]) + 1 if kept else 0
        if answer.status in (404, 410):
            answer.close()
            text = f"Google Drive has given up the upload of {path}; it is sent again later."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"path": path, "statusCode": answer.status})
        return _file_of(self._parsed(self._read(answer, path, FileFault)))

    def bin(self, file_id: str, path: str) -> None:
        """Moves a file to the bin."""
        self._json("PATCH", self._url(f"drive/v3/files/{file_id}", fields="id"), path, {"trashed": True}, FileFault)

    def _listed(self, query: str, folder_id: str) -> Iterator[Json]:
        fields, token, seen = f"nextPageToken,incompleteSearch,files({_FILE})", "", set[str]()
        more = {"q": query, "fields": fields, "pageSize": "1000", "includeItemsFromAllDrives": "true"}
        while True:
            page = self._json("GET", self._url("drive/v3/files", **more, **({"pageToken": token} if token else {})), "")
            files = page.get("files")
            if not isinstance(files, list):
                raise _no_drive()
            yield from map(_file_of, files)
            if page.get("incompleteSearch"):
                text = f"Google Drive did not search all of the folder {folder_id}; try again later."
                raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"folder": folder_id})
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
            if token in seen or len(seen) == _MOST_PAGES:
                text = f"Google Drive lists the folder {folder_id} without an end; try again later."
                raise Retryable(ErrorCode.CONNECTION_ERROR, text, {"folder": folder_id})
            seen.add(token)

    def _url(self, path: str, **query: str) -> str:
        return f"{self._base}/{quote(path)}?{urlencode(_ALL_DRIVES | query)}"

    def _json(
        self, method: str, url: str, path: str, body: Json | None = None, refused: type[Permanent] | None = None
    ) -> Json:
        answer = self._asked(method, url, None if body is None else json.dumps(body))
        return self._parsed(self._read(answer, path, refused))

    @staticmethod
    def _parsed(text: bytes) -> Json:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise _no_drive() from None
        if not isinstance(found, dict):
            raise _no_drive()
        return found

    def _read(self, answer: BaseHTTPResponse, path: str, refused: type[Permanent] | None = None) -> bytes:
        try:
            self._judge(answer, path, refused)
            with in_our_words(self._base):
                return answer.read(_LARGEST_ANSWER)
        finally:
            answer.close()

    def _asked(
        self, method: str, url: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> BaseHTTPResponse:
        """The answer; its body is not read yet. A token that is refused is replaced once."""
        for is_again in (False, True):
            with self._renewing:
                used = self._credentials.current()
            sent = {"User-Agent": "vai-extract-worker", **(headers or {}), **used.headers}
            if isinstance(body, str):
                sent["Content-Type"] = "application/json; charset=UTF-8"
            with in_our_words(url):
                answer = self._pools.request(
                    method,
                    url,
                    body=body,
                    headers=sent,
                    preload_content=False,
                    redirect=False,
                    retries=False,
                    timeout=_TIMEOUT,
                )
            if answer.status != 401 or is_again:
                return answer
            with self._renewing:
                if self._credentials.refused(used) == used:
                    return answer
            answer.close()
        raise AssertionError("the second answer is returned")

    def _judge(self, answer: BaseHTTPResponse, path: str, refused: type[Permanent] | None = None) -> None:
        """Raises what an answer means that is no success. `path` is empty where it is not about one file; `refused` is
        what it is that something may not be written: the fault of one file, or of the place.
        """
        status = answer.status
        if 200 <= status < 300:
            return
        reason, said = _told(answer)
        details: Json = {"path": path, "statusCode": status} | ({"reason": reason} if reason else {})
        told = f" ({said})" if said else ""
        if status == 429 or reason in _LIMITS:
            wait = seconds_to_wait(answer.headers.get("Retry-After"), now())
            raise Retryable(ErrorCode.RATE_LIMITED, f"Google Drive asks to wait{told}.", details, wait)
        if status >= 500 or status == 408:
            text = f"Google Drive failed ({status}){told}; try again later."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, details)
        if reason in _NO_ROOM:
            text = f"Google Drive has no room for {path}{told}. A service account needs a shared drive, or a subject."
            raise Retryable(ErrorCode.CONNECTION_ERROR, text, details)
        if status == 401 or reason in ("insufficientPermissions", "accessNotConfigured", "domainPolicy"):
            text = f"Google Drive refuses the account{told}. Correct the connection's credentials, scope or subject."
            raise Permanent(ErrorCode.AUTH_ERROR, text, details)
        if reason == "exportSizeLimitExceeded":
            text = f"{path} is too large: Google exports documents of at most 10 MB."
            raise FileFault(ErrorCode.DATA_ERROR, text, details)
        if status in (404, 410):
            raise Vanished(path)
        if status != 403:
            text = f"Google Drive does not take the request about {path or 'the folder'} ({status}){told}."
            raise FileFault(ErrorCode.DATA_ERROR, text, details)
        if refused is not None:
            text = f"The account may not write {path}{told}. Share the folder with it as an editor."
            raise refused(ErrorCode.AUTH_ERROR, text, details)
        raise unreadable(path or "the folder", said or f"Google Drive answers {status}")


def _no_drive() -> Retryable:
    text = "What answers is not Google Drive's API, version 3: check the connection's base_url, or try again later."
    return Retryable(ErrorCode.CONNECTION_ERROR, text)


def _id_of(found: Json) -> str:
    if not isinstance(found.get("id"), str) or not found["id"]:
        raise _no_drive()
    return str(found["id"])


def _file_of(found: Any) -> Json:
    """What was asked of a file, if it is that. Raises CONNECTION_ERROR."""
    if not isinstance(found, dict) or any(not isinstance(found.get(name), str) for name in _TEXTS):
        raise _no_drive()
    if any(not isinstance(found.get(name), str | None) for name in ("size", "md5Checksum", "createdTime")):
        raise _no_drive()
    if found.get("size") is not None and not re.fullmatch(r"[0-9]{1,18}", found["size"]):
        raise _no_drive()
    return found


def _age(found: Json) -> tuple[str, str]:
    return found.get("createdTime") or "", found["id"]


def _told(answer: BaseHTTPResponse) -> tuple[str, str]:
    """The reason's word and the text of an error, as Google writes them; empty where it says none."""
    try:
        error = json.loads(answer.read(65_536, decode_content=True))["error"]
        reasons = error.get("errors") or [{}]
        return str(reasons[0].get("reason", "")), " ".join(str(error.get("message", "")).split())[:200].rstrip(".")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, HTTPError):
        return "", ""


def _pieces(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The bytes in pieces of the same size, and whether a piece is the last; no bytes are one empty piece."""
    kept = bytearray()
    for part in parts:
        kept += part
        while len(kept) > _PIECE:
            yield bytes(kept[:_PIECE]), False
            del kept[:_PIECE]
    yield bytes(kept), True
