"""http_request against a real server: what is sent, and what is kept of the answer."""

import base64
import gzip
import json
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from vai_agent_worker.http_request import HttpRequest
from vai_agent_worker.parsing import LARGE
from vai_agent_worker.response import Answer
from vai_common.egress.addresses import Policy
from vai_records.secrets.hiding import Hidden
from vai_testkit.owned import HeldRun
from vai_testkit.servers.web import Reply, WebServer
from vai_worker.children.job import ConnectionSecret

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

LOOPBACK = Policy.parse("loopback")


def held(definition: dict[str, Any], connection: ConnectionSecret | None = None) -> HeldRun:
    return HeldRun("http_request", definition, connection)


async def perform(definition: dict[str, Any], connection: ConnectionSecret | None = None) -> dict[str, Any]:
    return await HttpRequest(LOOPBACK).perform(HeldRun("http_request", definition, connection))


async def test_a_request_becomes_a_result(vendor: WebServer) -> None:
    vendor.replies["/orders"] = Reply(201, b'{"id": 7}', {"Content-Type": "application/json; charset=utf-8"})
    run = held({"method": "POST", "url": f"{vendor.url}/orders?a=1", "query": {"b": [1, True]}, "body": {"sku": "ü"}})
    result = await HttpRequest(LOOPBACK).perform(run)
    assert result["duration_seconds"] >= 0
    assert {**result, "headers": None, "duration_seconds": None} == {
        "status_code": 201,
        "url": f"{vendor.url}/orders?a=1&b=1&b=true",
        "headers": None,
        "body": {"id": 7},
        "body_encoding": "json",
        "truncated": False,
        "duration_seconds": None,
    }
    assert result["headers"]["content-type"] == "application/json; charset=utf-8"
    sent = vendor.seen[0]
    assert (sent.method, json.loads(sent.body), sent.query) == ("POST", {"sku": "ü"}, {"a": ["1"], "b": ["1", "true"]})
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["idempotency-key"] == str(run.id)
    assert "traceparent" not in sent.headers


@pytest.mark.parametrize(("size", "where"), [(LARGE, "parsing"), (10, "MainThread")])
async def test_a_large_answer_is_read_beside_the_loop(
    size: int, where: str, vendor: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[str]()
    result = Answer.result

    def noted(answer: Answer, hidden: Hidden) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return result(answer, hidden)

    monkeypatch.setattr(Answer, "result", noted)
    vendor.replies["/"] = Reply(200, b'["%s"]' % (b"x" * size), {"Content-Type": "application/json"})
    assert (await perform({"url": f"{vendor.url}/"}))["body"] == ["x" * size]
    assert [name.startswith(where) for name in threads] == [True]


async def test_the_trace_of_the_run_is_carried_on(vendor: WebServer) -> None:
    run = held({"url": vendor.url})
    run.traceparent = TRACE
    await HttpRequest(LOOPBACK).perform(run)
    assert vendor.seen[0].headers["traceparent"] == TRACE


async def test_nothing_is_sent_before_the_process_is_certain_to_be_alive(vendor: WebServer) -> None:
    run = held({"url": f"{vendor.url}/a"})
    vendor.replies["/a"] = Reply(302, headers={"Location": "/b"})
    await HttpRequest(LOOPBACK).perform(run)
    assert run.life.asked == len(vendor.seen) == 2


@pytest.mark.parametrize(
    ("definition", "content_type", "body"),
    [
        ({"body": [1, None]}, "application/json", b"[1,null]"),
        ({"body_text": "grüß"}, "text/plain; charset=utf-8", "grüß".encode()),
        ({"form": {"a": "b c", "n": [1, 2]}}, "application/x-www-form-urlencoded", b"a=b+c&n=1&n=2"),
        ({"body_text": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", b"<a/>"),
    ],
)
async def test_each_kind_of_body_is_sent_as_what_it_is(
    definition: dict[str, Any], content_type: str, body: bytes, vendor: WebServer
) -> None:
    await perform({"method": "PUT", "url": vendor.url, **definition})
    assert (vendor.seen[0].headers["content-type"], vendor.seen[0].body) == (content_type, body)


def _deep(levels: int) -> bytes:
    return b"[" * levels + b"1" + b"]" * levels


@pytest.mark.parametrize(
    ("content_type", "raw", "body", "encoding"),
    [
        ("application/json", b'[1, "a"]', [1, "a"], "json"),
        ("application/problem+json", b'{"a": null}', {"a": None}, "json"),
        ("application/json", b"{broken", "{broken", "text"),
        ("application/json", b'"a\\u0000b\\\\u0000"', "a\ufffdb\\u0000", "json"),
        ("application/json", b'"\\ud800"', '"\\ud800"', "text"),
        ("application/json", b"[" * 5000, "[" * 5000, "text"),
        *(("application/json", _deep(n), _deep(n).decode(), "text") for n in (101, 253, 300, 1023)),
        ("application/json", _deep(100), json.loads(_deep(100)), "json"),
        ("text/plain", "grüß".encode(), "grüß", "text"),
        ("text/plain; charset=latin-1", "grüß".encode("latin-1"), "grüß", "text"),
        ("text/plain; charset=zlib", b"plain", "plain", "text"),
        ("text/plain; charset=nonsense", b"plain", "plain", "text"),
        ("text/plain", b"a\0b", base64.b64encode(b"a\0b").decode(), "base64"),
        ("image/png", b"\x89PNG\xff", base64.b64encode(b"\x89PNG\xff").decode(), "base64"),
        ("application/json", b"", None, None),
        ("application/json", b'{"id": 18446744073709551615}', {"id": 2**64 - 1}, "json"),
        ("application/json", b'{"id": 18446744073709551616}', {"id": "18446744073709551616"}, "json"),
        ("application/json", b'[{"id": -9223372036854775809}, 1.5]', [{"id": "-9223372036854775809"}, 1.5], "json"),
        ("application/json", b"12345678901234567890123", "12345678901234567890123", "json"),
        ("application/json", b"[%d]" % 10**400, f"[{10**400}]", "text"),
    ],
)
async def test_a_body_is_parsed_kept_as_text_or_as_base64(
    content_type: str, raw: bytes, body: Any, encoding: str | None, vendor: WebServer
) -> None:
    vendor.replies["/"] = Reply(200, raw, {"Content-Type": content_type})
    result = await perform({"url": vendor.url})
    assert (result["body"], result["body_encoding"]) == (body, encoding)


async def test_a_head_request_has_no_body(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, b"", {"Content-Length": "500", "Content-Encoding": "gzip"})
    assert (await perform({"method": "HEAD", "url": vendor.url}))["body"] is None


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_unpacked(encoding: str, pack: Callable[[bytes], bytes], vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, pack(b"plain text"), {"Content-Encoding": encoding})
    assert (await perform({"url": vendor.url}))["body"] == "plain text"


async def test_a_body_over_the_limit_is_cut_and_said_to_be(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, b"x" * 101, {"Content-Type": "application/json"})
    result = await perform({"url": vendor.url, "max_response_bytes": 100})
    assert (result["body"], result["truncated"]) == ("x" * 100, True)
    vendor.replies["/"] = Reply(200, b"x" * 100)
    assert (await perform({"url": vendor.url, "max_response_bytes": 100}))["truncated"] is False


async def test_a_cut_in_the_middle_of_a_character_stays_text(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, "ab€".encode())
    assert (await perform({"url": vendor.url, "max_response_bytes": 4}))["body"] == "ab"


async def test_a_compression_bomb_is_unpacked_no_further_than_the_limit(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, gzip.compress(bytes(20_000_000)), {"Content-Encoding": "gzip"})
    result = await perform({"url": vendor.url, "max_response_bytes": 1000})
    assert (result["truncated"], len(base64.b64decode(result["body"]))) == (True, 1000)


async def test_an_endless_body_ends_at_the_limit(vendor: WebServer) -> None:
    vendor.replies["/"] = Reply(200, b"x" * 50_000, {"Content-Length": "99999999999"})
    assert (await perform({"url": vendor.url, "max_response_bytes": 10}))["truncated"] is True
