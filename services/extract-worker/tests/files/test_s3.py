"""The lake and a tenant's files on S3, against a small server that speaks its protocol."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vai_common.egress.addresses import EgressRefused, Policy
from vai_common.egress.one_host_proxy import Gate
from vai_common.errors import ErrorCode, Permanent, Retryable
from vai_testkit.servers.s3 import opened
from vai_worker.children.job import ConnectionSecret
from vai_worker.lake.storage import open_lake


@pytest.fixture
def s3() -> Iterator[Any]:
    with opened() as bucket:
        yield bucket


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


@pytest.mark.parametrize(("path", "ids"), [("in/202?/a.csv", [1, 2]), ("in/a#b%20.csv", [3]), ("in/**/?.csv", [1, 2])])
def test_a_path_is_all_of_what_is_written(bench: Any, s3: Any, path: str, ids: list[int]) -> None:
    s3.objects |= {"in/2025/a.csv": b"id\n1\n", "in/2026/a.csv": b"id\n2\n", "in/a#b%20.csv": b"id\n3\n"}
    bench.connection = connection(s3)
    bench.extract("filesystem", resources=[{"name": "r", "path": f"s3://bucket/{path}", "format": "csv"}])
    assert sorted(bench.column("r", "id")) == ids


def test_a_bucket_that_refuses_or_is_not_there_says_so(bench: Any, s3: Any) -> None:
    s3.objects["refused.csv"] = b"id\n1\n"
    bench.connection = connection(s3)
    with pytest.raises(Permanent, match="refuses these keys") as raised:
        bench.extract("filesystem", resources=[{"name": "a", "path": "s3://bucket/*.csv"}])
    assert raised.value.code is ErrorCode.AUTH_ERROR
    bench.connection = ConnectionSecret("c", "bucket", "s3", {"endpoint_url": "http://127.0.0.1:1"}, {})
    with pytest.raises(Retryable, match="could not be reached"):
        bench.extract("filesystem", resources=[{"name": "a", "path": "s3://bucket/*.csv"}])


# The way out --------------------------------------------------------------------------------------------------------

INTERNAL = b"secret,role\nAKIAINTERNAL,admin\n"


@pytest.fixture
def internal() -> Iterator[Any]:
    """A service that listens on another port of a permitted address, and that nobody was told to ask."""
    with opened() as service:
        service.objects["latest/meta-data.csv"] = INTERNAL
        yield service


def failure(bench: Any, path: str = "s3://bucket/in/*.csv") -> Permanent | Retryable:
    with pytest.raises((Permanent, Retryable)) as raised:
        bench.extract("filesystem", resources=[{"name": "a", "path": path}])
    error: Permanent | Retryable = raised.value
    return error


@pytest.mark.parametrize("what", ["moved", "lists_elsewhere"])
@pytest.mark.parametrize("unproxied", ["", "127.0.0.1,localhost", "*"])
def test_a_redirect_to_another_host_is_not_followed(
    bench: Any, s3: Any, internal: Any, what: str, unproxied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", unproxied)
    s3.objects["in/a.csv"] = b"id\n1\n"
    setattr(s3, what, f"{internal.url}/bucket/latest/meta-data.csv")
    bench.connection = connection(s3)
    error = failure(bench)
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, False)
    assert "redirects of a store are not followed" in error.message
    assert internal.asked == []
    assert bench.commits == []


def test_what_a_store_answers_is_in_no_error(bench: Any, s3: Any) -> None:
    s3.objects["in/a.csv"] = b"id\n1\n"
    s3.lists_elsewhere = f"{s3.url}/bucket/in/a.csv"
    s3.objects["in/a.csv"] = INTERNAL
    bench.connection = connection(s3)
    told = str(failure(bench).as_json())
    assert "AKIAINTERNAL" not in told
    assert "Traceback" not in told


def test_a_private_store_is_refused_though_another_private_address_is_permitted(bench: Any, s3: Any) -> None:
    bench.addresses = "10.0.0.0/8"
    bench.connection = connection(s3)
    error = failure(bench)
    assert "is not public" in error.message
    assert s3.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_connected(
    bench: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.2", "127.0.0.1"]

    def rebind(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    bench.addresses = "127.0.0.2"
    port = s3.url.rpartition(":")[2]
    gate = Gate(Policy.parse("127.0.0.2"), lambda host, port: True)
    dialled: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: dialled.append(address))
    gate._connect("rebinding.example", int(port))
    with pytest.raises(EgressRefused):
        gate._connect("rebinding.example", int(port))
    gate.close()
    assert dialled == [("127.0.0.2", int(port))]


def test_the_gate_serves_nobody_without_its_password(s3: Any) -> None:
    with Gate(Policy.parse("loopback"), lambda host, port: True) as gate:
        own = urlsplit(gate.url)
        for user in ("", "gate:wrong@"):
            proxy = f"http://{user}127.0.0.1:{own.port}"
            with httpx2.Client(proxy=proxy, trust_env=False) as client:
                assert client.get(f"{s3.url}/bucket").status_code == 407
    assert s3.asked == []


@pytest.mark.parametrize(
    "config",
    [
        {"region": "x@127.0.0.1:18720/#"},
        {"region": "127.0.0.1:18701/"},
        {"region": "eu-west-1.evil.example"},
        {"region": "EU"},
        {"region": ["eu-west-1"]},
        {"region": "a" * 33},
        {"region": "eu\n"},
        {"endpoint_url": "http://user:pw@127.0.0.1"},
        {"endpoint_url": "http://127.0.0.1/path"},
        {"endpoint_url": "http://127.0.0.1?x=1"},
        {"endpoint_url": "http://127.0.0.1#x"},
        {"endpoint_url": "http://127.0.0.1\\@evil.example"},
        {"endpoint_url": "ftp://127.0.0.1"},
        {"endpoint_url": "127.0.0.1:9000"},
        {"endpoint_url": "http://"},
        {"endpoint_url": "http://127.0.0.1:99999"},
        {"endpoint_url": "http://ev il"},
        {"endpoint_url": 1},
    ],
)
def test_a_place_that_is_none_is_refused_in_words(bench: Any, config: dict[str, Any]) -> None:
    bench.connection = ConnectionSecret("c", "bucket", "s3", config, {})
    error = failure(bench)
    assert (error.code, error.retryable) == (ErrorCode.DATA_ERROR, False)
    assert next(iter(config)) in error.message


@pytest.mark.parametrize("bucket", ["a", "UPPER", "a..b", "127.0.0.1", "b%2fucket", "-ab", "b" * 64])
def test_a_bucket_that_is_none_is_refused_in_words(bench: Any, s3: Any, bucket: str) -> None:
    bench.connection = connection(s3)
    error = failure(bench, f"s3://{bucket}/*.csv")
    assert error.code is ErrorCode.DATA_ERROR
    assert s3.asked == []
