"""A server that speaks Google Drive's API, version 3, and gives tokens to service accounts (RFC 7523).

It answers the fields that `fields` names and no others, in pages; uploads are resumable ones.
`tools.check_drive_server` holds it against Google's own client library.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Json = dict[str, Any]

FOLDER: Final = "application/vnd.google-apps.folder"
DOCUMENT: Final = "application/vnd.google-apps.document"
ACCOUNT: Final = "sync@acme.iam.gserviceaccount.com"
_GOOGLES: Final = "https://oauth2.googleapis.com/token"
"""The audience that Google's own library writes, wherever it asks."""

_SCOPE: Final = "https://www.googleapis.com/auth/drive"
_QUERY: Final = re.compile(
    r"'([^']+)' in parents(?: and name = '((?:[^'\\]|\\.)*)')? and trashed = false"
)  # what the API's language has besides is not asked here
_UNIT: Final = 256 * 1024
_REASONS: Final = {400: "badRequest", 401: "authError", 404: "notFound", 403: "forbidden", 500: "backendError"}


@dataclass
class Drive:
    """Files by id; `root` is My Drive. Each of `refusals` is a path's end, and the error that it gets once.

    Each of `cuts` is the method and a path's end of a request whose connection is cut once: `before` it is done, in
    the `middle` of an upload's piece, or `after` it is done, so that only the answer is lost. `meanwhile` is called
    with the method and path of each request, before it is done.
    """

    url: str = ""
    page_size: int = 2
    expires_in: int = 3_599
    files: dict[str, Json] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refusals: list[tuple[str, int, str]] = field(default_factory=list)
    cuts: list[tuple[str, str, Literal["before", "middle", "after"]]] = field(default_factory=list)
    meanwhile: Callable[[str, str], None] = lambda method, path: None
    asked: list[str] = field(default_factory=list)
    read_only: bool = False
    sessions: dict[str, Json] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: generate_private_key(65537, 2048))
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.files["root"] = self._made("My Drive", FOLDER, "", b"")

    @property
    def credentials(self) -> dict[str, str]:
        """The parts of a service account's key file that are credentials."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {"client_email": ACCOUNT, "private_key": pem, "private_key_id": "k1"}

    @property
    def config(self) -> Json:
        auth = {"type": "oauth2_jwt_bearer", "access_token_url": f"{self.url}/token", "scope": _SCOPE}
        return {"base_url": self.url, "auth": auth}

    def put(self, name: str, data: bytes = b"", parent: str = "root", kind: str = "application/octet-stream") -> str:
        """A new file, or folder; its id."""
        with self._lock:
            made = self._made(name, kind, parent, data)
            self.files[made["id"]] = made
            return str(made["id"])

    def folder(self, name: str, parent: str = "root") -> str:
        return self.put(name, b"", parent, FOLDER)

    def change(self, file_id: str, data: bytes) -> None:
        with self._lock:
            self.files[file_id] |= _content(data) | {"modifiedTime": self._time()}

    def tree(self, parent: str = "root") -> dict[str, bytes]:
        """What is not in the bin below a folder, by path."""
        found: dict[str, bytes] = {}
        for one in [file for file in self.files.values() if file["parents"] == [parent] and not file["trashed"]]:
            if one["mimeType"] == FOLDER:
                found |= {f"{one['name']}/{path}": data for path, data in self.tree(one["id"]).items()}
            else:
                found[one["name"]] = one["data"]
        return found

    def _made(self, name: str, kind: str, parent: str, data: bytes) -> Json:
        number = next(self._numbers)
        made: Json = {
            "kind": "drive#file",
            "id": f"id-{number:04}" if number else "root",
            "name": name,
            "mimeType": kind,
        }
        at = self._time()
        made |= {"parents": [parent], "trashed": False, "createdTime": at, "modifiedTime": at, "data": data}
        return made if kind.startswith("application/vnd.google-apps.") else made | _content(data)

    def _time(self) -> str:
        at = datetime.fromtimestamp(1_790_000_000 + next(self._numbers), UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _content(data: bytes) -> Json:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return {"data": data, "size": str(len(data)), "md5Checksum": md5}


class _Refused(Exception):
    def __init__(self, status: int, reason: str = "", message: str = "No.", **headers: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.headers = status, reason or _REASONS.get(status, "unknown"), headers


class _Cut(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    drive: Drive

    def log_message(self, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.drive.asked.append(f"{self.command} {parts.path}")
        self.cut = self._cut(parts.path)
        try:
            self.drive.meanwhile(self.command, parts.path)
            if self.cut == "before":
                raise _Cut
            self._refuse(parts.path)
            self._route(parts.path)
        except _Cut:
            self.close_connection = True
        except _Refused as refused:
            reason = {"domain": "global", "reason": refused.reason, "message": str(refused)}
            error = {"code": refused.status, "message": str(refused), "errors": [reason]}
            self._say(refused.status, {"error": error}, **refused.headers)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _cut(self, path: str) -> str:
        for cut in self.drive.cuts:
            if self.command == cut[0] and path.endswith(cut[1]):
                self.drive.cuts.remove(cut)
                return cut[2]
        return ""

    def _refuse(self, path: str) -> None:
        for refusal in self.drive.refusals:
            end, status, reason = refusal
            if path.endswith(end):
                self.drive.refusals.remove(refusal)
                raise _Refused(status, reason, f"{reason} said the test.", **{"Retry-After": "3"})

    def _route(self, path: str) -> None:
        if path == "/token":
            return self._token()
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.drive.tokens:
            raise _Refused(401, "authError", "Invalid Credentials", **{"WWW-Authenticate": "Bearer"})
        if path == "/drive/v3/about":
            if "fields" not in self.query:
                raise _Refused(400, "required", "The 'fields' parameter is required for this method.")
            return self._say(200, {"user": {"kind": "drive#user", "emailAddress": ACCOUNT}})
        if path == "/drive/v3/files":
            return self._list() if self.command == "GET" else self._create()
        if path == "/upload/drive/v3/files" or path.startswith("/upload/drive/v3/files/"):
            return self._upload(path.removeprefix("/upload/drive/v3/files").strip("/"))
        if found := re.fullmatch(r"/drive/v3/files/([^/]+)(/export)?", path):
            return self._file(found[1], found[2] is not None)
        raise _Refused(404)

    def _token(self) -> None:
        form = {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}
        try:
            signed, _, mac = form["assertion"].rpartition(".")
            self.drive.key.public_key().verify(_unpacked(mac), signed.encode(), PKCS1v15(), SHA256())
            said = json.loads(_unpacked(signed.partition(".")[2]))
            good = form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer" and said["iss"] == ACCOUNT
            good = (
                good
                and said["aud"] in (f"{self.drive.url}/token", _GOOGLES)
                and said["exp"] > time.time() > said["iat"] - 10
            )
        except (InvalidSignature, KeyError, ValueError):
            good = False
        if not good or _SCOPE not in said.get("scope", ""):
            return self._say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        token = f"ya29.{next(self.drive._numbers)}-abcdefghijklmnop"
        self.drive.tokens.add(token)
        return self._say(200, {"access_token": token, "expires_in": self.drive.expires_in, "token_type": "Bearer"})

    def _list(self) -> None:
        wanted = _QUERY.fullmatch(self.query.get("q", ""))
        if wanted is None:
            raise _Refused(400, "invalid", "Invalid Value")
        name = None if wanted[2] is None else re.sub(r"\\(.)", r"\1", wanted[2])
        found = [
            one
            for one in self.drive.files.values()
            if one["parents"] == [wanted[1]] and not one["trashed"] and name in (None, one["name"])
        ]
        start = int(self.query.get("pageToken", "0"))
        size = min(self.drive.page_size, int(self.query.get("pageSize", "100")))
        page: Json = {"kind": "drive#fileList", "files": [self._shown(one) for one in found[start : start + size]]}
        if start + size < len(found):
            page["nextPageToken"] = str(start + size)
        self._say(200, page)

    def _shown(self, one: Json) -> Json:
        fields = self.query.get("fields", "kind,id,name,mimeType")
        inner = re.search(r"files\(([^)]*)\)", fields)
        names = (inner[1] if inner else fields).split(",")
        return {name: one[name] for name in one if name != "data" and (name in names or "*" in names)}

    def _find(self, file_id: str) -> Json:
        found = self.drive.files.get(file_id)
        if found is None:
            raise _Refused(404, "notFound", f"File not found: {file_id}.")
        return found

    def _file(self, file_id: str, exports: bool) -> None:
        one = self._find(file_id)
        if self.command in ("PATCH", "DELETE"):
            self._may_write()
            one |= json.loads(self.body or b"{}") if self.command == "PATCH" else {"trashed": True}
            return self._say(200, self._shown(one))
        is_googles = one["mimeType"].startswith("application/vnd.google-apps.")
        if exports or self.query.get("alt") == "media":
            if exports != is_googles:
                reason = "fileNotExportable" if exports else "fileNotDownloadable"
                raise _Refused(403, reason, "Only files with binary content can be downloaded.")
            return self._say(200, one["data"])
        return self._say(200, self._shown(one))

    def _may_write(self) -> None:
        if self.drive.read_only:
            raise _Refused(403, "insufficientFilePermissions", "The user does not have sufficient permissions.")

    def _create(self) -> None:
        self._may_write()
        asked = json.loads(self.body)
        parent = asked.get("parents", ["root"])[0]
        self._find(parent)
        made = self.drive.put(asked["name"], b"", parent, asked.get("mimeType", "application/octet-stream"))
        self._say(200, self._shown(self.drive.files[made]))

    def _upload(self, file_id: str) -> None:
        if "upload_id" in self.query:
            session = self.drive.sessions.get(self.query["upload_id"])
            if session is None:
                raise _Refused(404)
            return self._piece(session)
        self._may_write()
        if self.query.get("uploadType") != "resumable":
            raise _Refused(400, "badRequest", "Only resumable uploads here.")
        asked = json.loads(self.body or b"{}")
        if file_id:
            self._find(file_id)
        elif any(parent not in self.drive.files for parent in asked.get("parents", [])):
            raise _Refused(404)
        name = f"up-{len(self.drive.sessions)}"
        self.drive.sessions[name] = {"of": file_id, "asked": asked, "got": bytearray(), "query": dict(self.query)}
        where = f"{self.drive.url}{urlsplit(self.path).path}"
        return self._say(200, b"", Location=f"{where}?uploadType=resumable&upload_id={name}")

    def _piece(self, session: Json) -> None:
        span = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", self.headers.get("Content-Range", ""))
        if span is None or (span[1] is not None and int(span[1]) != len(session["got"])):
            raise _Refused(400, "badRequest", "Failed to parse Content-Range header.")
        if "made" in session:
            self.query = session["query"]
            return self._say(200, self._shown(self.drive.files[session["made"]]))
        if self.cut == "middle":
            session["got"] += self.body[: len(self.body) // 2 // _UNIT * _UNIT]
            raise _Cut
        is_last = span[3] != "*" and int(span[3]) == len(session["got"]) + len(self.body)
        if not is_last and len(self.body) % _UNIT:
            raise _Refused(400, "badRequest", "A piece is a multiple of 256 KiB.")
        session["got"] += self.body
        if not is_last:
            got = len(session["got"])
            return self._say(308, b"", **({"Range": f"bytes=0-{got - 1}"} if got else {}))
        data, asked = bytes(session["got"]), session["asked"]
        file_id = session["of"] or self.drive.put(asked["name"], data, asked.get("parents", ["root"])[0])
        self.drive.change(file_id, data)
        self.query, session["made"] = session["query"], file_id
        return self._say(200, self._shown(self.drive.files[file_id]))

    def _say(self, status: int, body: Json | bytes, **headers: str) -> None:
        if self.cut == "after":
            raise _Cut
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if not isinstance(body, bytes):
            self.send_header("Content-Type", "application/json; charset=UTF-8")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def google_drive(key: Any = None) -> Iterator[Drive]:
    """A server that listens until the block is left. Its account has the RSA key `key`, or a new one."""
    drive = Drive() if key is None else Drive(key=key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"drive": drive}))
    drive.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield drive
    finally:
        server.shutdown()
        server.server_close()
