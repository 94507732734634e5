"""The lake and a tenant's files on S3, against a small server that speaks its protocol."""

import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import ErrorCode, Permanent, Retryable
from extract_worker.storage import open_lake
from worker.job import ConnectionSecret

ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>e</ETag><Size>{}</Size></Contents>"
)


class Bucket(BaseHTTPRequestHandler):
    """Objects by key; `asked` holds who asked. A key named `refused` stands for one that the policy denies."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self._get()

    def _get(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.headers.get("Authorization", ""))
        query = parse_qs(parts.query)
        key = unquote(parts.path).partition("/")[2].partition("/")[2]
        if "list-type" in query:
            prefix = query.get("prefix", [""])[0]
            found = [ENTRY.format(name, len(data)) for name, data in self.objects.items() if name.startswith(prefix)]
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
        self.objects[key] = self.rfile.read(int(self.headers["Content-Length"]))
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


@pytest.fixture
def s3() -> Iterator[Any]:
    handler = type("Handler", (Bucket,), {"objects": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def platform_keys(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake's own keys, as the worker's environment has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "PLATFORM")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)


@pytest.mark.usefixtures("platform_keys")
def test_the_lake_writes_lists_and_deletes(s3: Any) -> None:
    lake = open_lake("s3://lake/prefix")
    lake.put("org/bronze/a/connection=none/e1-0.parquet", memoryview(b"data"))
    assert s3.objects == {"prefix/org/bronze/a/connection=none/e1-0.parquet": b"data"}
    assert [file.path for file in lake.files("org")] == ["org/bronze/a/connection=none/e1-0.parquet"]
    lake.delete(["org/bronze/a/connection=none/e1-0.parquet"])
    assert s3.objects == {}


def connection(s3: Any, **credentials: str) -> ConnectionSecret:
    return ConnectionSecret("c", "bucket", "s3", {"endpoint_url": s3.url}, credentials)


@pytest.mark.usefixtures("platform_keys")
@pytest.mark.parametrize(
    ("keys", "signed_by"), [({"access_key_id": "TENANT", "secret_access_key": "x"}, "TENANT"), ({}, "")]
)
def test_a_tenants_files_are_read_with_the_tenants_keys_or_with_none(
    bench: Any, s3: Any, keys: dict[str, str], signed_by: str
) -> None:
    pq.write_table(pa.table({"id": [5, 6]}), sink := pa.BufferOutputStream())
    s3.objects["in/e.parquet"] = sink.getvalue().to_pybytes()
    s3.objects |= {"in/a.csv": b"id\n1\n", "in/deep/c.csv": b"id\n3\n", "in/d.jsonl": b'{"id":4}\n'}
    bench.connection = connection(s3, **keys)
    resources = [{"name": "csv", "path": "s3://bucket/in/*.csv"}, {"name": "all", "path": "s3://bucket/in/**/*.*"}]
    bench.extract("filesystem", resources=resources)
    assert bench.column("csv", "id") == [1]
    assert sorted(bench.column("all", "id")) == [1, 3, 4, 5, 6]
    assert {signed_by in asked and "PLATFORM" not in asked for asked in s3.asked} == {True}


def test_a_bucket_that_refuses_or_is_not_there_says_so(bench: Any, s3: Any) -> None:
    s3.objects["refused.csv"] = b"id\n1\n"
    bench.connection = connection(s3)
    with pytest.raises(Permanent, match="refuses these keys") as raised:
        bench.extract("filesystem", resources=[{"name": "a", "path": "s3://bucket/*.csv"}])
    assert raised.value.code is ErrorCode.AUTH_ERROR
    bench.connection = ConnectionSecret("c", "bucket", "s3", {"endpoint_url": "http://127.0.0.1:1"}, {})
    with pytest.raises(Retryable, match="could not be reached"):
        bench.extract("filesystem", resources=[{"name": "a", "path": "s3://bucket/*.csv"}])
