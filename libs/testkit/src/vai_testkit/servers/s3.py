"""A small server that speaks S3's protocol, for tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>e</ETag><Size>{}</Size></Contents>"
)


class Bucket(BaseHTTPRequestHandler):
    """Objects by key; `asked` holds who asked. A key named `refused` stands for one that the policy denies."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    asked: list[str]
    moved: str | None
    """Where every GET of an object is redirected to."""

    lists_elsewhere: str | None
    """Where every LIST is redirected to."""

    read_only: bool
    """Whether the policy denies every PUT."""

    def do_GET(self) -> None:
        self._get()

    def _get(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.headers.get("Authorization", ""))
        query = parse_qs(parts.query)
        key = unquote(parts.path).partition("/")[2].partition("/")[2]
        moved = self.lists_elsewhere if "list-type" in query else self.moved
        if moved:
            return self._say(307, "", Location=moved)
        if "list-type" in query:
            prefix = query.get("prefix", [""])[0]
            found = [
                ENTRY.format(name, len(data)) for name, data in sorted(self.objects.items()) if name.startswith(prefix)
            ]
            text = f"<IsTruncated>false</IsTruncated>{''.join(found)}"
            return self._say(200, f"<ListBucketResult>{text}</ListBucketResult>")
        if key == "refused.csv":
            return self._say(403, "<Error><Code>AccessDenied</Code></Error>")
        data = self.objects.get(key)
        return self._say(404, "") if data is None else self._part(data)

    def do_HEAD(self) -> None:
        self._get()

    def do_PUT(self) -> None:
        key = unquote(urlsplit(self.path).path).partition("/")[2].partition("/")[2]
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.read_only:
            self._say(403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>")
        else:
            self.objects[key] = data
            self._say(200, "", ETag='"e"')

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        keys = [element.text or "" for element in ElementTree.fromstring(body).iter() if element.tag.endswith("Key")]
        for key in keys:
            self.objects.pop(key, None)
        gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._say(200, f"<DeleteResult>{gone}</DeleteResult>")

    def _part(self, data: bytes) -> None:
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        bounds = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        self._say(206 if "Range" in self.headers else 200, part, **{"Content-Range": bounds})

    def _say(self, status: int, body: str | bytes, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        modified = formatdate(0, usegmt=True)
        for name, value in {
            "Content-Length": str(len(data)),
            "Last-Modified": modified,
            "ETag": '"e"',
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def opened() -> Iterator[Any]:
    """The handler's class of a bucket that is served until the block is left; `url` is where."""
    own: dict[str, Any] = {"objects": {}, "asked": [], "moved": None, "lists_elsewhere": None, "read_only": False}
    handler: Any = type("Handler", (Bucket,), own)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
